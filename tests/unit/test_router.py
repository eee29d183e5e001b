from typing import Any

from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.router import Router
from steal_scheduler.routing import KEY, Rule
from tests.unit.make import server


class Noting(Orchestrator):
    """Answers what the test says, and notes what it was asked."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__({name: None}, name)
        self.says: Answer | Exception = DONE
        self.out: set[str] = set()
        self._notes = notes

    def drain(self, server: Server, node: str) -> Answer:
        return self._answer('drain', node)

    def reattach(self, server: Server, node: str) -> Answer:
        return self._answer('reattach', node)

    def detached(self) -> frozenset[str]:
        if isinstance(self.says, Exception):
            raise self.says
        return frozenset(self.out)

    def _answer(self, verb: str, node: str) -> Answer:
        self._notes.append(f'{verb} {self.section} {node}')
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class TestRouter(base.BaseTestCase):
    """A server belongs to a and b, and could belong to c."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        self.each = {name: Noting(name, self.asked) for name in 'abc'}
        self.router = Router(
            self.each,
            [
                Rule('a', all_servers=True),
                Rule('b', all_servers=True),
                Rule('c'),
            ],
        )
        self.server = server(name='n')

    def says(self, name: str, state: State) -> None:
        self.each[name].says = Answer(state, 'as the test says')

    def ask(self, verb: str, one: Any = None) -> tuple[Answer, str]:
        self.asked.clear()
        answer = getattr(self.router, verb)(one or self.server)
        return answer, ' '.join(a.split()[1] for a in self.asked)

    def test_drained_in_order(self) -> None:
        self.assertEqual((DONE, 'a b'), self.ask('drain'))
        self.assertEqual(['drain a n', 'drain b n'], self.asked)

    def test_one_after_the_other(self) -> None:
        for state in (State.WAITING, State.REFUSED):
            self.says('a', state)
            expected = Answer(state, 'a: as the test says')
            self.assertEqual((expected, 'a'), self.ask('drain'))

    def test_who_is_misrouted_is_not_drained(self) -> None:
        answer, asked = self.ask('drain', server(metadata={KEY: 'chef'}))
        self.assertEqual((State.REFUSED, ''), (answer.state, asked))
        self.assertIn("'chef'", answer.detail)

    def test_reattached_in_reverse(self) -> None:
        """After those that its routes do not name: they may have changed."""
        self.assertEqual((DONE, 'c b a'), self.ask('reattach'))

    def test_who_is_misrouted_is_reattached_everywhere(self) -> None:
        lost = server(metadata={KEY: 'chef'})
        self.assertEqual((DONE, 'a b c'), self.ask('reattach', lost))

    def test_what_was_drained_first_waits_for_the_other(self) -> None:
        self.says('b', State.WAITING)
        answer, asked = self.ask('reattach')
        self.assertEqual((State.WAITING, 'c b'), (answer.state, asked))

    def test_a_refusal_holds_up_nobody_else(self) -> None:
        for name in 'bc':
            self.says(name, State.REFUSED)
            answer, asked = self.ask('reattach')
            self.assertEqual((State.REFUSED, 'c b a'), (answer.state, asked))
            self.each[name].says = DONE

    def test_an_outage_holds_up_nobody_else(self) -> None:
        self.each['b'].says = OrchestratorError('down')
        self.assertRaises(OrchestratorError, self.router.reattach, self.server)
        self.assertIn('reattach a n', self.asked)

    def test_an_outage_elsewhere_holds_up_nobody(self) -> None:
        self.each['c'].says = OrchestratorError('down')
        self.assertEqual((DONE, 'c b a'), self.ask('reattach'))
        # It is known again as soon as that one answers.
        self.assertRaises(OrchestratorError, self.router.detached)

    def test_detached(self) -> None:
        self.each['a'].out, self.each['c'].out = {'x'}, {'x', 'y'}
        self.assertEqual({'x', 'y'}, self.router.detached())

    def test_none_at_all(self) -> None:
        none = Router({}, ())
        self.assertEqual(DONE, none.drain(self.server))
        self.assertEqual(DONE, none.reattach(self.server))
        self.assertEqual(frozenset(), none.detached())
