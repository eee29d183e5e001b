import time

import fixtures
from oslotest import base

from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import past, plugins
from steal_scheduler.model.cloud import HostSignal, ServerSignal, Signals
from steal_scheduler.signals.base import SignalSource
from tests.unit.deployment import Deployment

NOW = 1_000_000.0
STEP = 300.0


class Kept(SignalSource):
    """Tells of x on a: how many steps ago it was, in cores."""

    def __init__(self, silent: set[int]) -> None:
        self.silent = silent

    def read(self, now: float) -> Signals:
        hosts = {h: HostSignal(h, cores, now) for h, cores in (('a', 8.0),)}
        return Signals({}, hosts, now)

    def read_past(self, at: float, seconds: float) -> Signals:
        ago = (NOW - at) / seconds
        if ago in self.silent:
            raise SignalError(f'nothing of {at}')
        return Signals({'x': ServerSignal('x', 'a', ago, 0.0, at)}, {}, at)


class TestPast(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.deployment = self.useFixture(Deployment())

    def read(self, since: float, silent: set[int]) -> past.Past:
        source = Kept(silent)
        self.useFixture(
            fixtures.MockPatchObject(
                plugins, 'signal_source', lambda conf: source
            )
        )
        return past.read(self.deployment.conf(), NOW, since, STEP)

    def used(self, found: past.Past) -> list[float | None]:
        return [r['x'].used if r else None for r in found.readings]

    def test_the_oldest_comes_first(self) -> None:
        found = self.read(4 * STEP, set())
        self.assertEqual([3.0, 2.0, 1.0, 0.0], self.used(found))
        self.assertEqual(({'a': 8.0}, STEP), (found.cores, found.step))
        self.assertEqual({'x', 'y'}, found.fleet.servers.keys())
        self.assertNotIn('go back', self.log.output)

    def test_a_gap_is_a_gap(self) -> None:
        found = self.read(5 * STEP, {2, 3})
        self.assertEqual([4.0, None, None, 1.0, 0.0], self.used(found))

    def test_where_it_ends(self) -> None:
        """What is not kept is not asked for to the end of days."""
        found = self.read(1000 * STEP, {*range(12, 1000)})
        self.assertEqual(12, len(found.readings))
        self.assertIn(
            'go back for 1.0 hours, and not for 83.3', self.log.output
        )
        self.assertIn('Nothing is told of what was before', self.log.output)

    def test_the_last_step_must_be_told(self) -> None:
        self.assertRaises(SignalError, self.read, STEP, {0})

    def test_a_source_that_keeps_nothing(self) -> None:
        error = self.assertRaises(
            SignalError,
            past.read,
            self.deployment.conf(),
            time.time(),
            STEP,
            STEP,
        )
        self.assertIn('[signals] source = static keeps nothing', str(error))
