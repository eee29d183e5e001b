import dataclasses

from oslotest import base

from steal_scheduler.orchestrators.octavia.members import (
    Member,
    Pool,
    WeightTag,
    held,
    memberships,
)
from tests.unit import make

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
    return Member.of(raw | other)


class TestWeightTags(base.BaseTestCase):
    def ours(self, *tags: str) -> list[WeightTag]:
        return member(tags=tags).weight_tags()

    def test_ours(self) -> None:
        tag = f'steal-scheduler:{ME}:weight=256:1789000000'
        self.assertEqual(
            [WeightTag(ME, 256, 1789000000, tag)], self.ours('x', tag, '')
        )

    def test_the_newest_first(self) -> None:
        tags = [f'steal-scheduler:{ME}:weight=1:{n}' for n in (5, 70, 6)]
        self.assertEqual([70, 6, 5], [m.since for m in self.ours(*tags)])

    def test_what_only_looks_so(self) -> None:
        for tag in (
            f'steal-scheduler:{ME}:weight=0:5',
            f'steal-scheduler:{ME}:weight=257:5',
            f'steal-scheduler:{ME}:weight=-1:5',
            f'steal-scheduler:{ME}:weight=1:5\n',
            f'steal-scheduler:{ME}:weight=1:\N{ARABIC-INDIC DIGIT FIVE}',
            f'steal-scheduler:{ME}:weight=1:9999999999999',
            f'steal-scheduler:{ME}:weight=1',
            f'steal-scheduler-2:{ME}:weight=1:5',
            f'xsteal-scheduler:{ME}:weight=1:5',
            'steal-scheduler:../../etc:weight=1:5',
            'steal-scheduler::weight=1:5',
        ):
            self.assertEqual([], self.ours(tag), tag)


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


def pool(*members: Member) -> Pool:
    raw = {
        'id': 'pool',
        'name': '',
        'project_id': 'p',
        'lb_algorithm': 'SOURCE_IP',
        'admin_state_up': True,
    }
    return dataclasses.replace(Pool.of(raw), members=members)


class TestMemberships(base.BaseTestCase):
    def found(self, *addresses: str, at: str, tags=()) -> list[str]:
        found = memberships(
            [pool(member(address=at, tags=tags))],
            make.server(ME, addresses=addresses),
        )
        return [str(each) for each in found]

    def test_spellings_of_ipv6(self) -> None:
        self.assertEqual(
            ['2001:db8::1 in pool pool'],
            self.found('2001:db8::1', at='2001:0DB8:0:0:0:0:0:1'),
        )

    def test_elsewhere(self) -> None:
        self.assertEqual([], self.found('10.0.0.50', at='10.0.0.5'))
        self.assertEqual([], self.found(at='10.0.0.5'))

    def test_by_its_tag(self) -> None:
        tag = f'steal-scheduler:{ME}:weight=1:5'
        self.assertEqual(1, len(self.found(at='10.0.0.5', tags=[tag])))

    def test_tags_of_others_stay(self) -> None:
        mine = [f'steal-scheduler:{ME}:weight=1:{n}' for n in (5, 6)]
        tags = ['a', mine[0], 'steal-scheduler:b', mine[1]]
        (found,) = memberships([pool(member(tags=tags))], make.server(ME))
        self.assertEqual(['a', 'steal-scheduler:b'], found.tags_of_others)


class TestHeld(base.BaseTestCase):
    def test_in_several_pools(self) -> None:
        tag = f'steal-scheduler:{ME}:weight=1:5'
        pools = [
            dataclasses.replace(
                pool(member(tags=tags)), pool_id=name, project_id=project
            )
            for name, project, tags in (
                ('a', 'p', [tag]),
                ('b', 'p', ['steal-scheduler']),
                ('c', 'p', [tag]),
                ('d', 'q', [tag]),
            )
        ]
        self.assertEqual({ME: frozenset('acd')}, held(pools))
