import dataclasses

from oslotest import base

from steal_scheduler.decision import census, eligibility
from steal_scheduler.model.cloud import Fleet
from tests.unit.make import fleet, server


class TestOnce(base.BaseTestCase):
    def test_for_each_fleet_and_each_argument(self) -> None:
        asked = []

        @census.once
        def count(fleet: Fleet, less: int) -> int:
            asked.append(less)
            return len(fleet.servers) - less

        one = fleet(server('x'), server('y'))
        self.assertEqual([2, 2, 1], [count(one, n) for n in (0, 0, 1)])
        self.assertEqual([0, 1], asked)
        fewer = dataclasses.replace(one, servers={})
        self.assertEqual(0, count(fewer, 0))


class TestWhoIsWhere(base.BaseTestCase):
    def test_by_host_and_by_role(self) -> None:
        x = server('x', role='web', project_id='p')
        y = server('y', role='web', project_id='q', host=None)
        z = server('z')
        known = fleet(x, y, z)
        self.assertEqual({'a': [x, z], None: [y]}, census.by_host(known))
        self.assertEqual(
            {('web', 'p'): [x], ('web', 'q'): [y]}, census.by_role(known)
        )


class TestIsFit(base.BaseTestCase):
    def test_it_says_what_unfit_says(self) -> None:
        for values in (
            {},
            {'status': 'SHUTOFF'},
            {'task_state': 'rebooting'},
            {'locked': True},
            {'opted_out': 'flavor'},
        ):
            one = server(**values)
            said = [*eligibility.unfit(one, fleet(one))]
            self.assertEqual(not said, eligibility.is_fit(one), values)
            self.assertEqual(bool(values), bool(said))
