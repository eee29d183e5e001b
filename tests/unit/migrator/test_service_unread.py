"""Nova does not tell everything: each of its listings fails alone."""

import fixtures
from oslotest import base

from steal_scheduler.model.move import Outcome
from tests.samples import sample
from tests.unit.rig import Rig

#: Calls of Nova without which a move in flight goes on to its end.
SPARED = ('changed', 'page', 'hosts', 'aggregates')
#: And those that tell what came of its migration.
FOLLOWED = ('server', 'migrations')
STAGES = ('drain', 'request', 'migrate', 'reattach', 'verify')


class UnreadTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.anew()

    def anew(self) -> None:
        """Nothing was logged."""
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

    def rig(self, stage: str = '', **options: float) -> Rig:
        """One with a move of x at this stage; of none at ''."""
        rig = Rig(**options)
        rig.tick(3)
        rig.overload()
        for _ in range(STAGES.index(stage) + 1 if stage else 0):
            self.proceed(rig)
            rig.tick(31 if not rig.stages() else 3)
        self.assertEqual([stage] if stage else [], [*rig.stages().values()])
        rig.source.demand = {}
        return rig

    def proceed(self, rig: Rig) -> None:
        """Nova takes the migration of x a step further."""
        found = rig.nova.going_on('x')
        if found is not None:
            running = found.status == 'running'
            rig.nova.proceed('completed' if running else 'running', 'x')

    def go_on(self, rig: Rig, times: int = 12) -> None:
        for _ in range(times):
            rig.tick(31)
            self.proceed(rig)

    def reasons(self, rig: Rig) -> list[str]:
        return [str(r.reason) for r in rig.migrator.decided.refusals]

    def assert_arrived(self, rig: Rig) -> None:
        """x is on b, once, and back; nothing is left."""
        self.assertEqual(({}, []), (rig.stages(), rig.tags()))
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual('b', rig.nova.servers['x'].host)
        self.assertEqual(1, rig.nova.asked['x'])
        over = {
            o: sample(rig.metrics, 'moves_total', {'outcome': str(o)})
            for o in Outcome
        }
        # Whether it helped is another question: by then nobody else may want
        # the cores of its source.
        arrived = (Outcome.HELPED, Outcome.NOT_HELPED, Outcome.UNMEASURED)
        self.assertEqual(1.0, sum(over[outcome] for outcome in arrived))
        self.assertEqual(1.0, sum(over.values()))


class TestListings(UnreadTest):
    def test_moves_go_on_without_the_others(self) -> None:
        for name in SPARED:
            for stage in STAGES[1:]:
                rig = self.rig(stage)
                rig.nova.fails = {name}
                self.go_on(rig)
                self.assert_arrived(rig)
                errors = sample(rig.metrics, 'tick_errors_total')
                self.assertEqual(0.0, errors, (name, stage))

    def test_what_came_of_it_is_waited_for(self) -> None:
        """Hours later too: Nova may migrate it still, or have done so."""
        for name in FOLLOWED:
            for stage in ('request', 'migrate'):
                rig = self.rig(stage)
                rig.nova.fails = {name}
                rig.tick(3600, times=3)
                self.assertEqual({'x': stage}, rig.stages())
                self.assertEqual({'x'}, rig.orchestrator.out)
                rig.nova.fails = set()
                self.proceed(rig)
                self.go_on(rig)
                self.assert_arrived(rig)

    def test_a_reattach_needs_nothing_of_nova(self) -> None:
        rig = self.rig('reattach')
        rig.nova.down = True
        rig.tick(3)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_nova_is_not_asked_to_migrate_meanwhile(self) -> None:
        for name in (*SPARED, *FOLLOWED):
            rig = self.rig('drain')
            rig.nova.fails = {name}
            rig.tick(31, times=3)
            self.assertEqual({'x': 'drain'}, rig.stages(), name)
            rig.nova.fails = set()
            self.go_on(rig)
            self.assert_arrived(rig)

    def test_nothing_new_begins(self) -> None:
        for name in (*SPARED, 'migrations'):
            self.anew()
            rig = self.rig()
            rig.overload()
            rig.nova.fails = {name}
            rig.tick(31, times=5)
            self.assertEqual(
                ('nova', {}), (self.reasons(rig)[0], rig.stages())
            )
            # Once, though each error has a request id of its own.
            said = self.log.output.count('Migrator suspended: reason=nova')
            self.assertEqual(1, said)
            self.assertIn('HTTP 500', self.log.output)
            rig.nova.fails = set()
            rig.tick(31)
            self.assertEqual({'x': 'drain'}, rig.stages(), name)


class TestFirst(UnreadTest):
    """The first refresh of a process."""

    def test_without_servers_or_records_nothing_is_taken_over(self) -> None:
        for name in ('page', 'migrations'):
            self.anew()
            rig = self.rig('migrate')
            rig.nova.fails = {name}
            rig.restart()
            rig.tick(31, times=5)
            self.assertEqual({}, rig.stages())
            self.assertEqual(5.0, sample(rig.metrics, 'tick_errors_total'))
            failed = 'ERROR|Tick failed, the next one comes: HTTP 500'
            told = [x for x in self.log.output.splitlines() if 'Tick fa' in x]
            self.assertEqual(1, len(told), failed)
            rig.nova.fails = set()
            self.go_on(rig)
            self.assertEqual(set(), rig.orchestrator.out)
            self.assertEqual(([], {}), (rig.tags(), rig.stages()))

    def test_moves_are_taken_over_without_the_others(self) -> None:
        for name in ('hosts', 'aggregates'):
            rig = self.rig('migrate')
            rig.nova.fails = {name}
            rig.restart()
            self.go_on(rig)
            self.assertEqual(set(), rig.orchestrator.out)
            self.assertEqual(([], {}), (rig.tags(), rig.stages()))


class TestCellDown(UnreadTest):
    def test_other_cells_go_on(self) -> None:
        rig = self.rig('request')
        rig.nova.cell_down = {'y', 'z'}
        self.go_on(rig)
        self.assert_arrived(rig)

    def test_its_moves_wait_and_come_to_their_end(self) -> None:
        for stage in ('request', 'migrate'):
            self.anew()
            rig = self.rig(stage)
            rig.nova.cell_down = {'x'}
            rig.tick(300, times=5)
            self.assertEqual({'x': stage}, rig.stages())
            self.assertEqual({'x'}, rig.orchestrator.out)
            said = self.log.output.count('Nova does not tell of 1 server now')
            self.assertEqual(1, said)
            # What it comes to meanwhile was long ago when that is over.
            self.proceed(rig)
            self.proceed(rig)
            rig.tick(300, times=5)
            rig.nova.cell_down = set()
            self.go_on(rig)
            self.assert_arrived(rig)
            self.assertIn('Nova tells of all servers again', self.log.output)

    def test_a_drain_ends_in_time(self) -> None:
        """Its server is back in service, and only its tag is left."""
        rig = self.rig('drain')
        rig.nova.cell_down = {'x'}
        rig.tick(31, times=18)
        self.assertEqual({'x': 'drain'}, rig.stages())
        rig.tick(31, times=10)
        self.assertEqual({'x': 'undo'}, rig.stages())
        self.assertEqual(set(), rig.orchestrator.out)
        said = self.log.output.count('may not have taken the tag')
        self.assertEqual(1, said)
        rig.nova.cell_down = set()
        self.go_on(rig)
        self.assertEqual(set(), rig.orchestrator.out)
        self.assertEqual((0, []), (rig.nova.asked['x'], rig.tags()))

    def test_a_move_that_ends_meanwhile(self) -> None:
        """Only its tag is left, which Nova does not remove then."""
        rig = self.rig('verify')
        rig.nova.cell_down = {'x'}
        rig.tick(31)
        before = rig.nova.failures
        self.go_on(rig)
        self.assertEqual({'x': 'verify'}, rig.stages())
        # It is not even asked.
        self.assertEqual(before, rig.nova.failures)
        rig.nova.cell_down = set()
        self.go_on(rig)
        self.assert_arrived(rig)

    def test_nothing_new_begins_in_it(self) -> None:
        rig = self.rig()
        rig.nova.cell_down = {'x'}
        rig.tick(31, times=2)
        rig.overload()
        rig.tick(31)
        self.assertEqual(['server_unknown'], self.reasons(rig)[:1])
        self.assertEqual({'y': 'drain'}, rig.stages())

    def test_whom_its_orchestrator_lists_is_not_taken_for_deleted(
        self,
    ) -> None:
        """Nova may migrate it, and never told this process of it."""
        rig = Rig()
        rig.nova.cell_down = {'y'}
        rig.orchestrator.out = {'y', 'deleted'}
        rig.nova.deleted = {'deleted'}
        rig.tick(310, times=5)
        self.assertEqual({'y'}, rig.orchestrator.out)
        self.assertEqual({}, rig.stages())
        rig.nova.cell_down = set()
        rig.tick(310, times=5)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_its_tag_is_believed_when_it_is_back(self) -> None:
        rig = self.rig('migrate')
        rig.nova.cell_down = {'x'}
        rig.restart()
        rig.tick(31, times=3)
        self.assertEqual(({}, {'x'}), (rig.stages(), rig.orchestrator.out))
        said = 'hold x out of service. Nova does not tell'
        self.assertEqual(1, self.log.output.count(said))
        rig.nova.cell_down = set()
        rig.tick(31, times=2)
        # Its record runs.
        self.assertEqual({'x': 'migrate'}, rig.stages())
        self.go_on(rig)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_it_is_back_and_its_records_are_not(self) -> None:
        """A tag says that Nova was asked, and not what came of it."""
        rig = self.rig('migrate')
        rig.nova.cell_down = {'x'}
        rig.restart()
        rig.tick(31, times=3)
        rig.nova.cell_down, rig.nova.fails = set(), {'migrations'}
        rig.tick(31, times=3)
        self.assertEqual(({}, {'x'}), (rig.stages(), rig.orchestrator.out))
        rig.nova.fails = set()
        rig.tick(31)
        self.assertEqual({'x': 'migrate'}, rig.stages())
        self.assertEqual({'x'}, rig.orchestrator.out)
