import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import View
from steal_scheduler.scheduler.inbox import Inbox
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.scheduler import base

AGE = 100.0


class Clock:
    """Both clocks: one that operators set, and one that they cannot."""

    def __init__(self) -> None:
        self.wall = 1_000_000.0
        self.monotonic = 50.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@dataclasses.dataclass
class Worker:
    clock: Clock
    inbox: Inbox

    def receive(self, taken_at: float, **change: Any) -> None:
        hosts = {'a': base.cold(), 'b': base.hot()}
        view = View(taken_at, hosts, {}, {})
        self.inbox.accept(view_format.to_wire(view) | change)

    @property
    def taken_at(self) -> float | None:
        standing = self.inbox.latest()
        return standing.view.taken_at if standing else None


def worker() -> Worker:
    clock = Clock()
    inbox = Inbox(AGE, lambda: clock.wall, lambda: clock.monotonic)
    return Worker(clock, inbox)


class TestInbox(base.SchedulerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.worker = worker()
        self.clock = self.worker.clock
        self.now = self.clock.wall

    def test_nothing_at_first(self) -> None:
        self.assertIsNone(self.worker.taken_at)

    def test_the_newest(self) -> None:
        for age in (20, 10):
            self.worker.receive(self.now - age)
        self.assertEqual(self.now - 10, self.worker.taken_at)

    def test_one_that_was_overtaken(self) -> None:
        for age in (10, 20):
            self.worker.receive(self.now - age)
        self.assertEqual(self.now - 10, self.worker.taken_at)

    def test_the_same_signals_with_other_moves(self) -> None:
        self.worker.receive(self.now)
        self.worker.receive(self.now, max_arrivals=5)
        standing = self.worker.inbox.latest()
        assert standing is not None
        self.assertEqual(5, standing.view.max_arrivals)

    def test_it_expires_at_its_age_not_at_its_arrival_plus_age(self) -> None:
        self.worker.receive(self.now - 30)
        self.clock.pass_(AGE - 31)
        self.assertIsNotNone(self.worker.taken_at)
        self.clock.pass_(1)
        self.assertIsNone(self.worker.taken_at)

    def test_a_clock_that_is_set_does_not_refresh_it(self) -> None:
        self.worker.receive(self.now)
        self.clock.wall -= 3600
        self.clock.monotonic += AGE
        self.assertIsNone(self.worker.taken_at)

    def test_stale_on_arrival(self) -> None:
        for taken_at in (self.now - AGE - 1, self.now + AGE + 1):
            self.worker.receive(taken_at)
            self.assertIsNone(self.worker.taken_at)
        self.assertEqual(1, self.log.output.count('View ignored'))
        self.assertIn('clock', self.log.output)

    def test_a_clock_put_back_costs_one_age(self) -> None:
        self.worker.receive(self.now)
        self.clock.wall -= AGE / 2
        self.worker.receive(self.clock.wall)
        self.assertEqual(self.now, self.worker.taken_at)
        self.clock.pass_(AGE)
        self.worker.receive(self.clock.wall)
        self.assertEqual(self.clock.wall, self.worker.taken_at)

    def test_nonsense_is_logged_once_of_its_kind(self) -> None:
        self.worker.receive(self.now)
        for _ in range(3):
            self.worker.receive(self.now, steal=None)
        for _ in range(3):
            self.worker.receive(self.now, version=99)
        self.assertEqual(2, self.log.output.count('View ignored'))
        self.assertEqual(self.now, self.worker.taken_at)
        self.worker.receive(self.now)
        self.worker.receive(self.now, version=99)
        self.assertEqual(3, self.log.output.count('View ignored'))

    @given(st.lists(st.tuples(st.floats(0, 60), st.floats(-300, 300))))
    def test_never_stale_and_never_older_than_a_fresh_one(
        self, arrivals: list[tuple[float, float]]
    ) -> None:
        found = worker()
        before: float | None = None
        for pause, age in arrivals:
            found.clock.pass_(pause)
            taken_at = found.clock.wall - age
            before = found.taken_at
            found.receive(taken_at)
            after = found.taken_at
            if after is not None:
                self.assertGreater(after, found.clock.wall - AGE - 1e-6)
            if before is not None:
                self.assertGreaterEqual(after or 0.0, before)


class TestLog(base.SchedulerTestCase):
    """Changes are logged, states are not."""

    def setUp(self) -> None:
        super().setUp()
        self.worker = worker()
        self.clock = self.worker.clock

    def tick(self, seconds: float) -> None:
        """Time passes, as the watching thread sees it."""
        end = self.clock.monotonic + seconds
        while (left := end - self.clock.monotonic) > 0:
            self.clock.pass_(min(left, self.worker.inbox.watch()))
        self.worker.inbox.watch()

    def count(self, text: str) -> int:
        return self.log.output.count(text)

    def test_first_view(self) -> None:
        for _ in range(3):
            self.worker.receive(self.clock.wall)
            self.tick(1)
        line = 'Views arrive: 2 hosts (1 cold, 0 unknown, 1 hot), 0 servers'
        self.assertEqual(1, self.count(line))
        self.assertEqual(1, self.log.output.count('\n'))

    def test_none_ever(self) -> None:
        self.tick(AGE - 1)
        self.assertEqual('', self.log.output)
        self.tick(10 * AGE)
        self.assertEqual(1, self.count('No view for 100 s'))

    def test_they_cease_and_come_again(self) -> None:
        self.worker.receive(self.clock.wall)
        self.tick(AGE / 2)
        self.worker.receive(self.clock.wall)
        self.tick(AGE - 1)
        self.assertEqual(0, self.count('No view'))
        self.tick(5 * AGE)
        self.assertEqual(1, self.count('No view'))
        self.worker.receive(self.clock.wall)
        self.assertEqual(2, self.count('Views arrive'))
        self.tick(AGE + 1)
        self.assertEqual(2, self.count('No view'))
