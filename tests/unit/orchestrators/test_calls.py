import concurrent.futures
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import LockLost, OrchestratorError
from steal_scheduler.model.assignment import Rule
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.calls import (
    MOST_HUNG,
    PATIENCE,
    Calls,
    Worker,
)
from tests.shared import PATIENCE as DEADLINE
from tests.unit.fakes import dispatcher_of
from tests.unit.make import NOW, server
from tests.unit.orchestrators.test_dispatcher import Noting


class CallsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.calls = Calls({'a': 20.0, 'b': 20.0}, Worker)
        #: Lets the calls that hang come to their end.
        self.go = threading.Event()
        self.addCleanup(self.go.set)

    def hang(self) -> str:
        self.go.wait(DEADLINE)
        return 'late'

    def told(self, who: str, call: Any, verb: str = 'drain') -> Any:
        return self.calls.told('s', (verb, who), call)

    def heard(self, who: str, call: Any, verb: str = 'drain') -> Any:
        """What it has come to, in whichever tick."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            self.calls.new_tick()
            if (said := self.told(who, call, verb)) is not None:
                return said
        raise TimeoutError


class TestCalls(CallsTest):
    def test_one_that_hangs_holds_up_nobody_else(self) -> None:
        self.assertIsNone(self.told('a', self.hang))
        self.assertEqual('now', self.heard('b', lambda: 'now'))
        self.assertIsNone(self.told('a', lambda: 'never made'))
        self.go.set()
        self.assertEqual('late', self.heard('a', lambda: 'never made'))
        # It was told: this one is another call.
        self.assertEqual('now', self.heard('a', lambda: 'now'))

    def test_a_tick_waits_for_a_moment_in_all(self) -> None:
        clock = iter((0.0, PATIENCE, PATIENCE, PATIENCE))
        with mock.patch.object(time, 'monotonic', lambda: next(clock)):
            self.told('a', self.hang)
            self.assertEqual(0.0, self.calls._patience)

    def test_who_is_slow_is_not_waited_for_again(self) -> None:
        """Else each tick beside one that hangs would take a second more."""
        self.told('a', self.hang)
        with mock.patch.object(concurrent.futures, 'wait') as waited:
            for _ in range(3):
                self.calls.new_tick()
                self.told('a', self.hang)
            self.assertEqual(0, waited.call_count)
            self.go.set()
            self.heard('a', self.hang)
            self.go.clear()
            self.calls._workers['a'].took = PATIENCE
            self.told('a', self.hang)
            self.assertEqual(0, waited.call_count)
        self.go.set()
        self.heard('a', self.hang)
        # It was quick.
        self.assertLess(self.calls._workers['a'].took, PATIENCE)

    def test_they_are_made_in_order(self) -> None:
        made: list[str] = []
        self.told('a', self.hang)
        for verb in ('one', 'two', 'three'):
            self.told('a', lambda verb=verb: made.append(verb), verb)
        self.go.set()
        self.heard('a', lambda: True, 'last')
        self.assertEqual(['one', 'two', 'three'], made)

    def test_what_one_raises(self) -> None:
        def fail() -> None:
            raise OrchestratorError('down')

        self.assertRaises(OrchestratorError, self.heard, 'a', fail)

    def test_what_is_dropped_is_not_told(self) -> None:
        """An answer of before says nothing of the next move."""
        for forget in (self.calls.forget, lambda: self.calls.drop('s')):
            self.go.clear()
            self.told('a', self.hang)
            made: list[str] = []
            self.told('a', lambda made=made: made.append('x'), 'reattach')
            forget()
            self.go.set()
            self.assertEqual('new', self.heard('a', lambda: 'new'))
            # It waited behind the other one, and was not begun.
            self.assertEqual([], made)

    def test_one_that_hangs_for_ever(self) -> None:
        """Somebody else asks then, and nothing of it is told."""
        hang = self.hung()
        made: list[str] = []
        self.told('a', lambda: made.append('x'), 'behind it')
        now = time.monotonic()
        with mock.patch.object(time, 'monotonic', lambda: now + 30):
            self.assertIsNone(self.told('a', hang))
        with mock.patch.object(time, 'monotonic', lambda: now + 70):
            error = self.assertRaises(OrchestratorError, self.told, 'a', hang)
        self.assertIn('has hung for 60 s', str(error))
        self.assertEqual('now', self.heard('a', lambda: 'now'))
        self.go.set()
        self.assertEqual('now', self.heard('a', lambda: 'now', 'behind it'))
        self.assertEqual([], made)

    def hung(self) -> Callable[[], str]:
        """One more call, which hangs by now."""
        hung = threading.Event()

        def hang() -> str:
            hung.set()
            return self.hang()

        self.told('a', hang)
        self.assertTrue(hung.wait(DEADLINE))
        return hang

    def hangs(self) -> None:
        """One more call hangs, until it is waited for no longer."""
        hang = self.hung()
        now = time.monotonic()
        with mock.patch.object(time, 'monotonic', lambda: now + 70):
            self.assertRaises(OrchestratorError, self.told, 'a', hang)

    def test_those_that_hang_for_ever_are_few(self) -> None:
        """Each costs a thread, which nobody can end."""
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        # Of threads of other tests nobody knows what they do.
        name = f'a {id(self)}'

        class Named(Worker):
            def __init__(self, of: str) -> None:
                super().__init__(name if of == 'a' else of)

        def threads() -> list[threading.Thread]:
            return [
                each for each in threading.enumerate() if each.name == name
            ]

        self.calls = Calls({'a': 20.0, 'b': 20.0}, Named)
        for count in range(1, MOST_HUNG + 1):
            self.hangs()
            self.assertEqual(count, len(threads()))
        for _ in range(3):
            error = self.assertRaises(
                OrchestratorError, self.told, 'a', lambda: 'never made'
            )
        self.assertIn(f'a: {MOST_HUNG} calls hang', str(error))
        self.assertEqual(MOST_HUNG, len(threads()))
        self.assertEqual(1, log.output.count('is asked no more'))
        # Another one is asked all the same.
        self.assertEqual('now', self.heard('b', lambda: 'now'))
        self.go.set()
        for each in threads():
            each.join(DEADLINE)
        self.assertEqual([], threads())
        self.assertEqual('now', self.heard('a', lambda: 'now'))
        self.assertEqual(1, log.output.count('is asked again'))

    def test_one_that_ends_its_thread(self) -> None:
        """A plug-in that exits; asyncio's CancelledError does the same."""
        self.assertRaises(OrchestratorError, self.heard, 'a', sys.exit)
        self.assertEqual('now', self.heard('a', lambda: 'now'))

    def test_the_end_waits_for_what_is_under_way(self) -> None:
        hung, done = threading.Event(), []

        def hang() -> str:
            hung.set()
            done.append(self.hang())
            return 'late'

        self.told('a', hang)
        self.assertTrue(hung.wait(DEADLINE))
        self.told('a', lambda: done.append('begun'), 'behind it')
        ends = threading.Thread(target=self.calls.finish)
        ends.start()
        self.go.set()
        ends.join(DEADLINE)
        self.assertEqual(['late'], done)
        # Nobody was ever asked: there is nothing to wait for.
        Calls({'a': 20.0}, Worker).finish()
        Calls({}, Worker).finish()

    def test_only_those_of_other_verbs(self) -> None:
        self.told('a', self.hang)
        self.calls.drop('s', but='drain')
        self.go.set()
        self.assertEqual('late', self.heard('a', lambda: 'new'))


class Slow(Noting):
    """It drains when the test says so."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__(name, notes)
        self.go = threading.Event()

    def _answer(self, verb: str, node: str) -> Answer:
        self.go.wait(DEADLINE)
        return super()._answer(verb, node)


class TestDispatcher(base.BaseTestCase):
    """One orchestrator takes its time."""

    def setUp(self) -> None:
        super().setUp()
        self.notes: list[str] = []
        self.slow = Slow('slow', self.notes)
        self.addCleanup(self.slow.go.set)
        each = {'slow': self.slow, 'quick': Noting('quick', self.notes)}
        rules = [Rule('slow', roles=('db',)), Rule('quick', roles=('web',))]
        self.dispatcher = dispatcher_of(each, rules, worker=Worker)

    def drained(self, one: Any) -> Answer:
        until = time.monotonic() + DEADLINE
        answer = Answer(State.WAITING)
        while answer.state is State.WAITING and time.monotonic() < until:
            self.dispatcher.calls.new_tick()
            answer = self.dispatcher.drain(one)
        return answer

    def test_a_server_of_another_one_goes_on(self) -> None:
        waits = self.dispatcher.drain(server('s', role='db'))
        self.assertEqual('slow: has not answered yet', waits.detail)
        self.assertIs(DONE, self.drained(server('t', role='web')))
        self.slow.go.set()
        self.assertIs(DONE, self.drained(server('s', role='db')))
        self.assertEqual(1, self.notes.count('drain slow name of s'))

    def test_a_reattach_comes_after_the_drain_that_hangs(self) -> None:
        one = server('s', role='db')
        self.dispatcher.begin(one)
        self.dispatcher.drain(one)
        self.dispatcher.reattach(one, NOW)
        self.slow.go.set()
        until = time.monotonic() + DEADLINE
        while len(self.notes) < 2 and time.monotonic() < until:
            self.dispatcher.calls.new_tick()
            self.dispatcher.reattach(one, NOW)
        self.assertEqual(
            ['drain', 'reattach'], [n.split()[0] for n in self.notes]
        )

    def test_without_a_lease_no_call_is_made(self) -> None:
        def lost(*_: Any) -> Any:
            raise LockLost('over')

        dispatcher = dispatcher_of(
            {'slow': self.slow}, [Rule('slow', all_servers=True)], in_time=lost
        )
        self.assertRaises(LockLost, dispatcher.drain, server())
        self.assertRaises(LockLost, dispatcher.reattach, server(), NOW)
        self.assertEqual([], self.notes)
