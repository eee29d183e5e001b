from oslotest import base

from steal_scheduler.orchestrators.octavia.members import Mark, Member, Pool

ME = '11111111-2222-3333-4444-555555555555'


def member(**other) -> Member:
    raw = {
        'id': 'm',
        'address': '10.0.0.5',
        'weight': 1,
        'tags': [],
        'provisioning_status': 'ACTIVE',
        'operating_status': 'ONLINE',
        'admin_state_up': True,
        'backup': False,
    }
    return Member.of('pool', raw | other)


class TestMarks(base.BaseTestCase):
    def marks(self, *tags: str) -> list[Mark]:
        return member(tags=tags).marks('steal')

    def test_ours(self) -> None:
        tag = f'steal:{ME}:weight=256:1789000000'
        self.assertEqual(
            [Mark(ME, 256, 1789000000, tag)], self.marks('x', tag, '')
        )

    def test_the_newest_first(self) -> None:
        tags = [f'steal:{ME}:weight=1:{n}' for n in (5, 70, 6)]
        self.assertEqual([70, 6, 5], [m.since for m in self.marks(*tags)])

    def test_what_only_looks_so(self) -> None:
        for tag in (
            f'steal:{ME}:weight=0:5',
            f'steal:{ME}:weight=257:5',
            f'steal:{ME}:weight=-1:5',
            f'steal:{ME}:weight=1:5\n',
            f'steal:{ME}:weight=1:\N{ARABIC-INDIC DIGIT FIVE}',
            f'steal:{ME}:weight=1:9999999999999',
            f'steal:{ME}:weight=1',
            f'stealth:{ME}:weight=1:5',
            f'xsteal:{ME}:weight=1:5',
            'steal:../../etc:weight=1:5',
            'steal::weight=1:5',
        ):
            self.assertEqual([], self.marks(tag), tag)

    def test_the_prefix_is_no_pattern(self) -> None:
        tag = f'steal-x:{ME}:weight=1:5'
        self.assertEqual([], member(tags=[tag]).marks('steal.x'))


class TestMember(base.BaseTestCase):
    def test_no_weight_is_one(self) -> None:
        self.assertEqual(1, member(weight=None).weight)

    def test_names_are_printable(self) -> None:
        raw = {
            'id': 'pool',
            'name': '\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}a' + 'b' * 300,
            'project_id': 'p',
            'lb_algorithm': 'ROUND_ROBIN',
            'admin_state_up': True,
        }
        name = Pool.of(raw).name
        self.assertTrue(name.startswith('?[2J?ab'), name)
        self.assertLessEqual(len(name), 64)
