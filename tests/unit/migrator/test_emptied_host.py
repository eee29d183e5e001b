"""A host is emptied: a whole migrator, with stand-ins around it."""

import fixtures
from oslotest import base

from steal_scheduler.model.emptying import KEY
from tests.unit.rig import Rig

ORDER = f'{KEY}:host:a'


class EmptiedHostTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger(level=20))
        self.rig = Rig()
        #: Nobody waits for anything.
        self.rig.source.demand = dict.fromkeys('xyz', 1.0)

    def order(self, value: str | None = 'true bob: new memory') -> None:
        self.rig.nova.pause(ORDER, value)

    def arrive(self, server_id: str) -> None:
        """Let Nova do what it was asked for."""
        for status in ('running', 'completed'):
            self.rig.nova.proceed(status, server_id)
            self.rig.tick(3, times=2)

    def go(self) -> str:
        """From its drain to its arrival; who it is."""
        rig = self.rig
        rig.tick(30)
        (going,) = (
            s
            for s, stage in rig.stages().items()
            if stage in ('drain', 'request')
        )
        for _ in range(5):
            if rig.stages()[going] == 'request':
                break
            rig.tick(3)
        self.assertIn(going, rig.orchestrator.out)
        self.arrive(going)
        self.assertNotIn(going, rig.orchestrator.out)
        return going

    def here(self) -> set[str]:
        servers = self.rig.nova.servers.values()
        return {s.server_id for s in servers if s.host == 'a'}

    def ends(self) -> dict[str, float]:
        found = self.rig.metrics.ended.collect()[0].samples
        return {
            s.labels['outcome']: s.value
            for s in found
            if s.name.endswith('_total') and s.value
        }


class TestEmptied(EmptiedHostTest):
    def test_one_after_the_other_and_nobody_twice(self) -> None:
        rig = self.rig
        rig.tick(30, times=2)
        self.assertEqual({}, rig.stages())
        self.order()
        self.assertEqual(['x', 'y', 'z'], [self.go() for _ in range(3)])
        self.assertEqual(set(), self.here())
        rig.tick(60, times=15)
        self.assertEqual({'arrived': 3.0}, self.ends())
        self.assertEqual(
            (set(), [], {}), (rig.orchestrator.out, rig.tags(), rig.stages())
        )
        # They stay where they are: they have come to last.
        self.assertEqual(3, len(rig.nova.records))
        for said in (
            'Host a is emptied until somebody ends it by steal:drain:host:a '
            'of aggregate steal-scheduler (bob: new memory): 3 servers are',
            'Host a is empty: no server is left on it.',
        ):
            self.assertEqual(1, self.log.output.count(said), said)

    def test_nothing_comes_there_meanwhile(self) -> None:
        rig = self.rig
        self.order()
        rig.tick(30)
        self.assertEqual({'a'}, {*rig.sender.views[-1].emptied})
        self.order(None)
        rig.tick(30)
        self.assertEqual(set(), {*rig.sender.views[-1].emptied})

    def test_who_cannot_leave_is_named(self) -> None:
        rig = self.rig
        rig.nova.change('x', locked=True)
        rig.nova.change('y', opted_out='flavor')
        self.order()
        self.assertEqual('z', self.go())
        rig.tick(30, times=3)
        self.assertEqual({'x', 'y'}, self.here())
        why = {r.server_id: r.reason for r in rig.migrator.decided.refusals}
        self.assertEqual({'x': 'locked', 'y': 'opted_out'}, why)
        self.assertEqual(
            2.0,
            rig.metrics.registry.get_sample_value(
                'steal_migrator_emptied_host_servers', {'host': 'a'}
            ),
        )

    def test_it_goes_on_in_another_process(self) -> None:
        """The leader dies in each stage of a move."""
        rig = self.rig
        self.order()
        rig.tick(30)
        self.assertEqual({'x': 'drain'}, rig.stages())
        rig.restart()
        for _ in range(20):
            rig.tick(30)
            for server_id, stage in rig.stages().items():
                if stage in ('request', 'migrate'):
                    rig.restart()
                    status = 'running' if stage == 'request' else 'completed'
                    rig.nova.proceed(status, server_id)
        rig.tick(60, times=15)
        self.assertEqual(set(), self.here())
        self.assertEqual((set(), []), (rig.orchestrator.out, rig.tags()))
        self.assertEqual(3, len(rig.nova.records))
        self.assertEqual({'arrived'}, {*self.ends()})


class TestStop(EmptiedHostTest):
    def test_what_nova_was_asked_for_arrives(self) -> None:
        rig = self.rig
        self.order()
        rig.tick(30)
        rig.tick(3)
        self.assertEqual({'x': 'request'}, rig.stages())
        self.order(None)
        self.arrive('x')
        rig.tick(60, times=15)
        self.assertEqual({'y', 'z'}, self.here())
        self.assertEqual({'arrived': 1.0}, self.ends())
        self.assertIn('Host a is not emptied any more.', self.log.output)

    def test_whom_nova_was_not_asked_for_is_reattached(self) -> None:
        rig = self.rig
        self.order()
        rig.tick(30)
        self.assertEqual({'x': 'drain'}, rig.stages())
        self.order(None)
        rig.tick(3, times=3)
        rig.tick(30, times=3)
        self.assertEqual({'x', 'y', 'z'}, self.here())
        self.assertEqual({'not_started': 1.0}, self.ends())
        self.assertEqual({}, rig.nova.records)
        self.assertEqual(set(), rig.orchestrator.out)

    def test_a_word_that_says_no_time_moves_nobody(self) -> None:
        rig = self.rig
        self.order('soon')
        rig.tick(30, times=5)
        self.assertEqual({}, rig.stages())
        said = "Operator's order empties no host: not emptied by steal:drain"
        self.assertEqual(1, self.log.output.count(said))
