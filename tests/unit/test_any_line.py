"""The migrator is killed at any line: the next one brings it to an end."""

import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from oslotest import base

import steal_scheduler
from steal_scheduler.orchestrators.base import State
from tests.unit import fakes
from tests.unit.saga import LONG, Saga

#: Whose lines count: ours, and those of what stands for the outside.
HERE = (
    *steal_scheduler.__path__,
    fakes.__file__,
    fakes.__file__.replace('fakes', 'saga'),
)


def fails(saga: Saga) -> None:
    saga.nova.proceed('failed', 'x')


def deleted(saga: Saga) -> None:
    saga.nova.servers.pop('x')


def stopped(saga: Saga) -> None:
    saga.nova.change('x', status='SHUTOFF')


def untagged(saga: Saga) -> None:
    saga.nova.change('x', tags=())


def forged(saga: Saga) -> None:
    tags = (*saga.nova.servers['x'].tags, 'steal:verify:99999999999')
    saga.nova.change('x', tags=tags)


class Life:
    """A process that dies at one of its lines.

    It dies where something outside has just changed and before it does so
    again, for whoever comes after sees no more than that: to be killed at any
    two lines in between is the same.
    """

    def __init__(self, saga: Saga, moment: int) -> None:
        self._saga = saga
        self._moment = moment
        self._seen: tuple[Any, ...] = ()
        self.lines = 0

    def step(self) -> bool:
        """One step; whether it died."""
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            self._saga.tick(31)
        except fakes.Crash:
            return True
        finally:
            sys.settrace(before)
        return False

    def _enter(self, frame: FrameType, event: str, arg: Any) -> Any:
        return (
            self._line if frame.f_code.co_filename.startswith(HERE) else None
        )

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        self.lines += 1
        seen = self._saga.seen()
        if seen != self._seen:
            self._seen = seen
            self._moment -= 1
            if self._moment < 0:
                raise fakes.Crash
        return self._line


class TestAnyLine(base.BaseTestCase):
    def play(self, saga: Saga, deaths: Sequence[int]) -> bool:
        """To its end, with these deaths; whether it came to all of them."""
        for moment in deaths:
            life = Life(saga, moment)
            died = False
            while not died and not saga.over:
                died = life.step()
                saga.happen()
            if not died:
                return False
            saga.restart()
        for _ in range(LONG):
            if not saga.over:
                saga.step()
        return True

    def assert_ends_well(
        self, plan: dict[int, Any] | None = None, **says: list[State]
    ) -> None:
        """Wherever it is killed."""
        moment = 0
        while True:
            saga = Saga(plan)
            saga.says.update({v: list(words) for v, words in says.items()})
            died = self.play(saga, [moment])
            # A tag, which is no change to Nova, is found within a round.
            for _ in range(3):
                saga.step()
            self.assertEqual([], saga.left(), moment)
            if not died:
                break
            moment += 1
        self.assertGreater(moment, 3)

    def test_it_helps(self) -> None:
        self.assert_ends_well()
        saga = Saga()
        self.play(saga, [])
        self.assertEqual('b', saga.nova.servers['x'].host)

    def test_and_the_next_one_as_well(self) -> None:
        first = 0
        while True:
            second = 0
            while True:
                saga = Saga()
                died = self.play(saga, [first, second])
                self.assertEqual([], saga.left(), (first, second))
                if not died:
                    break
                second += 1
            if not second:
                break
            first += 1
        self.assertGreater(first, 20)

    def test_it_takes_its_time(self) -> None:
        slow = [State.WAITING] * 2
        self.assert_ends_well(drain=slow, reattach=slow)

    def test_a_drain_is_refused(self) -> None:
        self.assert_ends_well(drain=[State.REFUSED])

    def test_a_reattach_is_refused(self) -> None:
        self.assert_ends_well(reattach=[State.REFUSED] * 3)

    def test_what_happens_meanwhile(self) -> None:
        for happens in (fails, deleted, stopped, untagged, forged):
            for step in (1, 3, 5):
                self.assert_ends_well({step: happens})
