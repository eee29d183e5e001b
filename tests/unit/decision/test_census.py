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


class TestCensus(base.BaseTestCase):
    def test_who_is_where(self) -> None:
        x = server('x', role='web', project_id='p')
        y = server('y', role='web', project_id='q', host=None)
        z = server('z', status='SHUTOFF')
        found = census.of(fleet(x, y, z))
        self.assertEqual({'a': [x, z], None: [y]}, found.by_host)
        roles = {'p': {'web': [x]}, 'q': {'web': [y]}}
        self.assertEqual(roles, found.by_role)
        self.assertEqual({'a': [x], None: [y]}, found.running)
        self.assertEqual({'p', 'q'}, found.projects)

    def test_who_is_pinned_waits_for_nobody(self) -> None:
        pinned = server('x', vcpus=4, dedicated=4, project_id='p')
        mixed = server('y', vcpus=4, dedicated=2)
        found = census.of(fleet(pinned, mixed))
        self.assertEqual({'a': [mixed]}, found.running)
        self.assertEqual({'az1': [mixed]}, found.fit)
        self.assertEqual({'p', ''}, found.projects)

    def test_those_are_fit_of_which_unfit_says_nothing(self) -> None:
        for values in (
            {},
            {'status': 'SHUTOFF'},
            {'task_state': 'rebooting'},
            {'locked': True},
            {'opted_out': 'flavor'},
        ):
            one = server(**values)
            known = fleet(one)
            said = [*eligibility.unfit(one, known)]
            self.assertEqual(bool(values), bool(said))
            fit = {} if said else {'az1': [one]}
            self.assertEqual(fit, census.of(known).fit, values)
