"""The history of moves, as a real Prometheus keeps it for a migrator."""

import time

from prometheus_client import registry

from steal_scheduler.model.history import PastMove, from_ended
from steal_scheduler.model.move import Ended, Outcome
from steal_scheduler.model.relief import Relief
from steal_scheduler.reporting.metrics import Metrics
from steal_scheduler.signals.prometheus.past_moves import PastMoves, Told
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.integration import daemons, exporters
from tests.unit.make import ended, move, snapshot
from tests.unit.options import configuration


class _Page(registry.Collector):
    """The page of a migrator."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def collect(self):
        return self.metrics.registry.collect()


class PastMovesTest(exporters.PrometheusTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = float(int(time.time()))
        self.metrics = Metrics()
        self.page = self.serve(_Page(self.metrics))
        self.reader = self.past_moves(self.mark['test'])

    def past_moves(self, test: str) -> PastMoves:
        return PastMoves(
            configuration(
                'prometheus',
                PrometheusSource.OPTS,
                url=self.prometheus.url,
                selector=f'test="{test}"',
            )
        )

    def ended(self, server_id: str, **other) -> Ended:
        made = move(
            server_id,
            target='b',
            project_id='p',
            reason='it "waits"\\',
            steal_before=0.5,
            drained_at=self.now - 90,
        )
        return ended(server_id, move=made, at=self.now, **other)

    def show(self, *over: Ended) -> None:
        by_server = {each.move.server_id: each for each in over}
        self.metrics.show(snapshot(None, now=self.now, ended=by_server))

    def read_until(self, condition) -> Told:
        def attempt() -> Told | None:
            told = self.reader.read(self.now - 3600)
            return told if condition(told) else None

        found = daemons.until('the moves', attempt)
        assert found is not None
        return found

    def expected(self, over: Ended) -> PastMove:
        """What a migrator remembers, less what it does not tell."""
        past = from_ended(over)
        values = {name: getattr(past, name) for name in past.__slots__}
        return PastMove(
            **values
            | {'requested_at': None, 'told_by': frozenset({'prometheus'})}
        )

    def test_what_it_was_told(self) -> None:
        one = self.ended('x', steal_after=0.1)
        two = self.ended('y', outcome=Outcome.FAILED)
        self.show(one, two)
        told = self.read_until(lambda told: len(told.moves) == 2)
        moves = {each.server_id: each for each in told.moves}
        for over in (one, two):
            self.assertEqual(self.expected(over), moves[over.move.server_id])
        self.assertEqual(0, told.unreadable)
        assert told.since is not None
        self.assertLessEqual(told.since, time.time())

    def test_after_they_are_not_shown_any_more(self) -> None:
        """And what was corrected meanwhile counts."""
        relief = Relief(self.now, -30.0, 900.0, over=True)
        later = self.ended('x', outcome=Outcome.NOT_HELPED, relief=relief)
        self.show(self.ended('x'))
        self.read_until(lambda told: told.moves)
        self.show(later)
        self.read_until(
            lambda told: [m.outcome for m in told.moves] == ['not_helped']
        )
        self.show()
        self.pages.hide(self.page)
        told = self.read_until(lambda told: told.moves)
        self.assertEqual([self.expected(later)], [*told.moves])

    def test_another_cloud(self) -> None:
        self.show(self.ended('x'))
        self.read_until(lambda told: told.moves)
        told = self.past_moves('another').read(self.now - 3600)
        self.assertEqual(([], None), ([*told.moves], told.since))
