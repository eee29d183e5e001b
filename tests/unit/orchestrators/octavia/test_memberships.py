import dataclasses

from oslotest import base

from steal_scheduler.orchestrators.octavia.members import Member, Pool
from steal_scheduler.orchestrators.octavia.memberships import held, memberships
from tests.unit import make
from tests.unit.orchestrators.octavia.test_members import ME, member


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
