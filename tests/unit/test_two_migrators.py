"""Two migrators move one server: it is migrated once, and reattached."""

import itertools
import sys
from types import FrameType
from typing import Any

from oslotest import base

from steal_scheduler.moves import effects
from steal_scheduler.orchestrators import dispatcher
from tests.unit import fakes, saga
from tests.unit.saga import LONG, Saga

#: Where a side effect is about to happen, happens or has just happened.
EDGE = frozenset((effects.__file__, dispatcher.__file__, saga.__file__))


class Paused:
    """A migrator that stands still at one of these lines, in any step.

    Meanwhile its lock goes to the other one, which does what is given.
    """

    def __init__(self, one: Saga, line: int, meanwhile: Any) -> None:
        self._one = one
        self._line_no = line
        self._meanwhile = meanwhile

    def step(self) -> None:
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            self._one.tick(0)
        finally:
            sys.settrace(before)

    @property
    def was(self) -> bool:
        return self._line_no < 0

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        return self._line if frame.f_code.co_filename in EDGE else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        self._line_no -= 1
        if self._line_no == -1:
            self._meanwhile()
        return self._line


class TwoMigrators(base.BaseTestCase):
    def pair(self) -> tuple[Saga, Saga]:
        """Two processes in one snapshot."""
        one, other = Saga(), Saga()
        other.nova, other.source = one.nova, one.source
        other.outs, other.leader = one.outs, fakes.FakeLeader()
        other.restart()
        return one, other

    def assert_ended_well(self, one: Saga, other: Saga, when: object) -> None:
        self.assertEqual([], one.left() + other.left(), when)


class TestLostLock(TwoMigrators):
    """Of two only one holds the lock, but the other does not know it yet."""

    def test_at_any_line(self) -> None:
        for steps in (1, 3, LONG):
            line = 0
            while self._play(line, steps):
                line += 1
            self.assertGreater(line, 100)

    def _play(self, line: int, steps: int) -> bool:
        """Whether it came to this line."""
        one, other = self.pair()
        other.leader.held = False

        def meanwhile() -> None:
            one.leader.held, other.leader.held = False, True
            for _ in range(steps):
                other.step()

        paused = Paused(one, line, meanwhile)
        while not one.over and not paused.was:
            one.now = one.nova.now = one.now + 31
            other.now = one.now
            paused.step()
            one.happen()
        for _ in range(LONG):
            # It has begun again, as a standby.
            one.tick(31)
            other.step()
        self.assert_ended_well(one, other, (line, steps))
        return paused.was


class TestTwoLocks(TwoMigrators):
    """Each holds a lock of its own, by mistake: a lock file on each host."""

    def test_from_any_step_on(self) -> None:
        for begins, turns, last in itertools.product(
            range(9), ('ab', 'ba', 'aab', 'abb'), ('completed', 'failed')
        ):
            one, other = self.pair()
            one.goes = other.goes = {'accepted': last}
            for _ in range(begins):
                one.step()
            for turn in turns * LONG:
                who = one if turn == 'a' else other
                who.now = one.nova.now
                who.step()
            self.assert_ended_well(one, other, (begins, turns, last))
