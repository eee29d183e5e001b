from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.assignment import KEY, Rule
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.proposal import Notice
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Mark,
    Orchestrator,
    State,
)
from tests.hostile import HOSTILE, SHOWN
from tests.unit.fakes import dispatcher_of
from tests.unit.make import NOW, server


class Noting(Orchestrator):
    """Answers what the test says, and notes what it was asked."""

    def __init__(self, name: str, notes: list[str]) -> None:
        super().__init__({name: None}, name)
        self.says: Any = DONE
        self.out: set[str] = set()
        self._notes = notes

    def drain(self, server: Server, node: str) -> Answer:
        return self._answer('drain', node)

    def preview(self, server: Server, node: str) -> Answer:
        return self._answer('preview', node)

    def reattach(self, server: Server, node: str) -> Answer:
        return self._answer('reattach', node)

    def notice(self, server: Server, node: str, notice: Notice) -> Answer:
        return self._answer(f'notice({notice.reason})', node)

    def detached(self) -> frozenset[str]:
        if isinstance(self.says, Exception):
            raise self.says
        return frozenset(self.out)

    def _answer(self, verb: str, node: str) -> Answer:
        self._notes.append(f'{verb} {self.section} {node}')
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class DispatcherTest(base.BaseTestCase):
    """A server belongs to a and b, and could belong to c."""

    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.asked: list[str] = []
        self.now = NOW
        self.each = {name: Noting(name, self.asked) for name in 'abc'}
        self.dispatcher = dispatcher_of(
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
        if verb == 'drain':
            answer = self.dispatcher.drain(one or self.server)
        else:
            # What failed is asked again after a pause.
            self.now += 300
            answer = self.dispatcher.reattach(one or self.server, self.now)
        return answer, ' '.join(a.split()[1] for a in self.asked)


class TestPreview(DispatcherTest):
    def test_each_that_it_belongs_to(self) -> None:
        self.each['a'].says = would = Answer(State.DONE, 'evicts 2 pods')
        self.says('b', State.REFUSED)
        self.assertEqual(
            [('a', would), ('b', Answer(State.REFUSED, 'as the test says'))],
            self.dispatcher.preview(self.server),
        )
        self.assertEqual(['preview a n', 'preview b n'], self.asked)

    def test_one_that_does_not_answer(self) -> None:
        """Nor does one with a fault in it; the next one is asked."""
        self.each['a'].says = OrchestratorError('it is down')
        self.each['b'].says = KeyError('x')
        self.assertEqual(
            [
                ('a', Answer(State.WAITING, 'it is down')),
                ('b', Answer(State.WAITING, "b: KeyError('x')")),
            ],
            self.dispatcher.preview(self.server),
        )

    def test_most_have_nothing_to_say(self) -> None:
        self.assertEqual(DONE, Orchestrator.preview(self.each['a'], *'sn'))


class TestNotice(DispatcherTest):
    NOTICE = Notice('s', 'a', NOW, NOW + 60, 'why')

    def test_each_that_it_belongs_to(self) -> None:
        self.assertEqual(
            DONE, self.dispatcher.notice(self.server, self.NOTICE)
        )
        self.assertEqual(['notice(why) a n', 'notice(why) b n'], self.asked)

    def test_one_no_is_enough(self) -> None:
        """Whatever the other one says, or if it says nothing."""
        self.says('b', State.REFUSED)
        for other in (DONE, Answer(State.WAITING), OrchestratorError('down')):
            self.each['a'].says = other
            said = self.dispatcher.notice(self.server, self.NOTICE)
            self.assertEqual(
                Answer(State.REFUSED, 'b: as the test says'), said
            )
        self.assertIn('did not answer: down', self.log.output)

    def test_no_answer_is_a_wait(self) -> None:
        self.each['b'].says = OrchestratorError('it is down')
        said = self.dispatcher.notice(self.server, self.NOTICE)
        self.assertEqual(Answer(State.WAITING, 'it is down'), said)

    def test_one_that_belongs_to_nobody(self) -> None:
        strange = server(metadata={KEY: 'other'})
        self.assertEqual(DONE, self.dispatcher.notice(strange, self.NOTICE))
        self.assertEqual([], self.asked)

    def test_most_tell_nobody(self) -> None:
        said = Orchestrator.notice(
            self.each['a'], self.server, 'n', self.NOTICE
        )
        self.assertEqual(DONE, said)


class TestDispatcher(DispatcherTest):
    def test_drained_in_order(self) -> None:
        self.assertEqual((DONE, 'a b'), self.ask('drain'))
        self.assertEqual(['drain a n', 'drain b n'], self.asked)

    def test_one_after_the_other(self) -> None:
        for state in (State.WAITING, State.REFUSED):
            self.says('a', state)
            expected = Answer(state, 'a: as the test says')
            self.assertEqual((expected, 'a'), self.ask('drain'))

    def test_an_invalid_orchestrator_is_not_drained(self) -> None:
        answer, asked = self.ask('drain', server(metadata={KEY: 'chef'}))
        self.assertEqual((State.REFUSED, ''), (answer.state, asked))
        self.assertIn("'chef'", answer.detail)

    def test_what_they_say_is_escaped(self) -> None:
        """It may be the name of a pod, in a cluster of a tenant."""
        for said in (
            Answer(State.REFUSED, HOSTILE),
            Answer(State.WAITING, HOSTILE),
            OrchestratorError(HOSTILE),
        ):
            self.each['a'].says = said
            answer, _ = self.ask('drain')
            self.assertIn(SHOWN, answer.detail)
            self.assertTrue(answer.detail.isprintable(), answer.detail)
        self.assertIn(SHOWN, self.log.output)
        self.assertNotIn('\x1b', self.log.output)
        self.each['a'].says = Answer(State.REFUSED, 'x' * 10_000)
        self.assertLess(len(self.ask('drain')[0].detail), 600)

    def test_a_mistake_is_an_outage(self) -> None:
        for wrong in (KeyError('a bug'), None, Answer('well')):
            self.each['a'].says = wrong
            answer, _ = self.ask('drain')
            self.assertIs(State.WAITING, answer.state)
            self.assertEqual(['drain a n'], self.asked)
        self.assertIn("KeyError: 'a bug'", self.log.output)
        self.assertIn('Traceback', self.log.output)

    def test_marks(self) -> None:
        self.each['c'].out = {'y', 'x'}
        marks = (Mark('x'), Mark('y'))
        self.assertEqual(marks, self.dispatcher.marks_of('c', {}))
        for wrong in (OrchestratorError('down'), KeyError('a bug')):
            self.each['b'].says = wrong
            self.assertRaises(
                OrchestratorError, self.dispatcher.marks_of, 'b', {}
            )

    def test_none_at_all(self) -> None:
        none = dispatcher_of({}, ())
        self.assertEqual(DONE, none.drain(self.server))
        self.assertEqual(DONE, none.reattach(self.server, NOW))
        self.assertEqual({}, none.listing.read(NOW, {}))


class TestReattach(DispatcherTest):
    """Of a server that this process had drained."""

    def setUp(self) -> None:
        super().setUp()
        self.dispatcher.begin(self.server)
        self.ask('drain')

    def test_in_reverse(self) -> None:
        """Nobody else is asked: the others have no part in it."""
        self.assertEqual((DONE, 'b a'), self.ask('reattach'))

    def test_who_was_not_asked_to_drain_it(self) -> None:
        self.dispatcher.begin(self.server)
        self.assertEqual((DONE, ''), self.ask('reattach'))
        self.says('a', State.WAITING)
        self.dispatcher.begin(self.server)
        self.ask('drain')
        self.says('a', State.DONE)
        self.assertEqual((DONE, 'a'), self.ask('reattach'))

    def test_what_was_drained_first_waits_for_the_other(self) -> None:
        self.says('b', State.WAITING)
        answer, asked = self.ask('reattach')
        self.assertEqual((State.WAITING, 'b'), (answer.state, asked))

    def test_a_refusal_holds_up_nobody_else(self) -> None:
        """And who has put it back is not asked again."""
        self.says('b', State.REFUSED)
        answer, asked = self.ask('reattach')
        self.assertEqual((State.REFUSED, 'b a'), (answer.state, asked))
        answer, asked = self.ask('reattach')
        self.assertEqual((State.REFUSED, 'b'), (answer.state, asked))
        self.says('b', State.DONE)
        self.assertEqual((DONE, 'b'), self.ask('reattach'))

    def test_an_outage_holds_up_nobody_else(self) -> None:
        for trouble in (OrchestratorError('down'), KeyError('a bug')):
            self.dispatcher.begin(self.server)
            self.ask('drain')
            self.each['b'].says = trouble
            answer, asked = self.ask('reattach')
            self.assertEqual((State.REFUSED, 'b a'), (answer.state, asked))
            self.each['b'].says = DONE

    def test_another_assignment_meanwhile(self) -> None:
        """By its metadata, or by its role; also under another name."""
        for said, expected in (
            ('none', ['b n', 'a n']),
            ('chef', ['b n', 'a n']),
            ('c=m', ['b n', 'a n']),
            ('b=m', ['b n', 'a n']),
        ):
            self.dispatcher.begin(self.server)
            self.ask('drain')
            changed = server(name='n', metadata={KEY: said})
            self.assertEqual(DONE, self.ask('reattach', changed)[0])
            found = [a.removeprefix('reattach ') for a in self.asked]
            self.assertEqual(expected, found)

    def test_another_assignment_while_it_is_drained(self) -> None:
        changed = server(name='n', metadata={KEY: 'c=m'})
        self.ask('drain', changed)
        self.assertEqual((DONE, 'c b a'), self.ask('reattach', changed))
        self.assertEqual('reattach c m', self.asked[0])


class TestPause(DispatcherTest):
    """What failed is asked again, but not at once."""

    def test_what_failed_is_asked_again_after_a_pause(self) -> None:
        self.dispatcher.begin(self.server)
        self.ask('drain')
        for trouble, said in (
            (Answer(State.REFUSED, 'is full'), 'a: is full'),
            (OrchestratorError('no answer'), 'no answer'),
        ):
            self.each['a'].says = trouble
            self.asked.clear()
            for at in (0, 1, 4.9):
                answer = self.dispatcher.reattach(self.server, NOW + at)
                self.assertEqual(Answer(State.REFUSED, said), answer)
            self.assertEqual(1, self.asked.count('reattach a n'))
            self.each['a'].says = DONE
            answer = self.dispatcher.reattach(self.server, NOW + 5)
            self.assertEqual(DONE, answer)
            self.ask('drain')

    def test_what_only_takes_time_is_asked_at_each_tick(self) -> None:
        self.says('b', State.WAITING)
        for _ in range(3):
            self.asked.clear()
            self.dispatcher.reattach(self.server, NOW)
            self.assertIn('reattach b n', self.asked)

    def test_a_drain_is_asked_again_at_once(self) -> None:
        self.each['a'].says = OrchestratorError('no answer')
        for _ in range(3):
            waits = Answer(State.WAITING, 'no answer')
            self.assertEqual((waits, 'a'), self.ask('drain'))


class TestTakenOver(DispatcherTest):
    """Another process had it drained: anybody may have it."""

    def test_everybody_is_asked(self) -> None:
        self.assertEqual((DONE, 'b a c'), self.ask('reattach'))
        self.assertEqual('', self.log.output)
        lost = server(name='n', metadata={KEY: 'chef'})
        self.dispatcher.forget()
        self.assertEqual((DONE, 'c b a'), self.ask('reattach', lost))
        # Who had it may be none of these: at least that is said.
        for said in (
            'belongs to no orchestrator now: ',
            'removed from [migrator] orchestrators cannot reattach it',
        ):
            self.assertIn(said, self.log.output)

    def test_also_where_the_drain_goes_on(self) -> None:
        self.ask('drain')
        self.assertEqual((DONE, 'b a c'), self.ask('reattach'))

    def test_after_others_were_at_work(self) -> None:
        self.dispatcher.begin(self.server)
        self.dispatcher.forget()
        self.assertEqual((DONE, 'b a c'), self.ask('reattach'))

    def test_nobody_waits_for_those_that_it_belongs_to_now(self) -> None:
        for state in (State.WAITING, State.REFUSED):
            self.dispatcher.forget()
            self.says('b', state)
            answer, asked = self.ask('reattach')
            self.assertEqual(state, answer.state)
            self.assertIn('c', asked)

    def test_an_outage_elsewhere_holds_up_nobody(self) -> None:
        """It is asked for its list as soon as it answers."""
        listing = self.dispatcher.listing
        listing.read(self.now, {})
        self.says('b', State.WAITING)
        self.each['c'].says = OrchestratorError('down')
        self.assertEqual('b c', self.ask('reattach')[1])
        self.each['c'].says = DONE
        for each in self.each.values():
            each.out = {each.section}
        self.assertEqual({'c'}, {*listing.read(self.now, {})})
        # It may hang: once is enough.
        self.says('b', State.DONE)
        self.assertEqual((DONE, 'b a'), self.ask('reattach'))

    def test_whom_nova_does_not_know_only_who_lists_it_has(self) -> None:
        gone = server(name='n').deleted()
        self.dispatcher.held_by(gone, ['c', 'a'])
        self.assertEqual((DONE, 'c a'), self.ask('reattach', gone))

    def test_who_has_it_and_does_not_put_it_back(self) -> None:
        for state in (State.WAITING, State.REFUSED):
            self.dispatcher.forget()
            self.says('c', state)
            answer, _ = self.ask('reattach')
            self.assertEqual(
                (state, 'c: as'), (answer.state, answer.detail[:5])
            )
