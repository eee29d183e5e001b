import time
from collections.abc import Iterator
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.model.move import Outcome
from steal_scheduler.osc import waiting
from steal_scheduler.osc.client import NoMigratorLeads, NotFound

OLD, NEW = {'outcome': 'failed'}, {'outcome': 'helped'}
MOVE = {'stage': 'migrate', 'source': 'a', 'target': 'b', 'waits': None}


class TestWait(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.useFixture(fixtures.MockPatchObject(waiting, 'INTERVAL', 0.001))
        self.said: list[str] = []

    def wait(self, answers: Iterator[Any], patience: float) -> bool:
        def look() -> tuple[str, bool]:
            found = next(answers)
            if isinstance(found, Exception):
                raise found
            return found  # type: ignore[no-any-return]

        return waiting.wait(look, self.said.append, patience)

    def test_each_change_is_told_once(self) -> None:
        answers = [('a', False), ('a', False), ('b', False), ('b', True)]
        self.assertTrue(self.wait(iter(answers), 60))
        self.assertEqual(['a', 'b'], self.said)

    def test_another_one_takes_over(self) -> None:
        answers = [('a', False), NoMigratorLeads('none'), ('a', True)]
        self.assertTrue(self.wait(iter(answers), 60))
        self.assertEqual(['a', 'none', 'a'], self.said)

    def test_it_is_not_done_in_time(self) -> None:
        begun = time.monotonic()
        self.assertFalse(self.wait(iter(lambda: ('a', False), 0), 0.05))
        self.assertGreaterEqual(time.monotonic() - begun, 0.05)
        self.assertEqual(['a'], self.said)


class TestOutcomes(base.BaseTestCase):
    def test_each_is_known(self) -> None:
        """A new one arrives, or it does not."""
        stayed = Outcome.NOT_STARTED, Outcome.FAILED, Outcome.GONE
        self.assertEqual({*Outcome} - {*stayed}, {*waiting.ARRIVED})


class _Client:
    def __init__(self, *answers: Any) -> None:
        self.answers = iter(answers)

    def get(self, path: str) -> Any:
        found = next(self.answers)
        if isinstance(found, Exception):
            raise found
        move, last = found
        return {'name': 'web', 'move': move, 'last': last}


class TestFollowing(base.BaseTestCase):
    def follow(self, before: Any, *answers: Any) -> tuple[list[Any], Any]:
        follow = waiting.Following(
            _Client(*answers),  # type: ignore[arg-type]
            {'1': before},
        )
        return [follow.look() for _ in answers], follow

    def test_it_arrives(self) -> None:
        said, follow = self.follow(OLD, (MOVE, OLD), (None, NEW))
        self.assertEqual(
            [
                ('web (1): migrate from a to b', False),
                ('web (1): helped', True),
            ],
            said,
        )
        self.assertTrue(follow.arrived)
        self.assertEqual({'1': NEW}, follow.ended)

    def test_it_does_not_arrive(self) -> None:
        last = {'outcome': 'not_started'}
        (_, over), follow = self.follow(OLD, (MOVE, OLD), (None, last))
        self.assertEqual(('web (1): not_started', True), over)
        self.assertFalse(follow.arrived)

    def test_it_was_too_quick_to_be_seen(self) -> None:
        for before in (OLD, None):
            [said], _ = self.follow(before, (None, NEW))
            self.assertEqual(('web (1): helped', True), said)

    def test_an_old_end_is_not_the_one(self) -> None:
        """The picture of the leader may be that of before the request."""
        said, _ = self.follow(OLD, (None, OLD), (MOVE, OLD), (None, NEW))
        self.assertEqual([False, False, True], [over for _, over in said])
        said, _ = self.follow(
            waiting.UNKNOWN, (None, OLD), (MOVE, OLD), (None, NEW)
        )
        self.assertEqual([False, False, True], [over for _, over in said])

    def test_it_is_gone(self) -> None:
        said, follow = self.follow(None, (MOVE, None), NotFound('no'))
        self.assertEqual(('web (1): gone', True), said[-1])
        self.assertFalse(follow.arrived)

    def test_nobody_tells_how_it_ended(self) -> None:
        self.useFixture(fixtures.MockPatchObject(waiting, '_GRACE', -1))
        for answer in ((None, OLD), (None, None)):
            [said], follow = self.follow(OLD, answer)
            self.assertEqual(('web (1): unknown', True), said)
            self.assertFalse(follow.arrived)

    def test_text_of_others(self) -> None:
        move = {**MOVE, 'trouble': 'a\x1b[2J\nb'}
        [(said, _)], _ = self.follow(None, (move, None))
        self.assertTrue(said.isprintable())

    def test_several(self) -> None:
        client = _Client((MOVE, None), (None, NEW), (None, NEW))
        follow = waiting.Following(
            client,  # type: ignore[arg-type]
            {'1': None, '2': None},
        )
        said, over = follow.look()
        self.assertEqual('web (1): migrate from a to b; web (2): helped', said)
        self.assertEqual((False, False), (over, follow.arrived))
        self.assertEqual(
            ('web (1): helped; web (2): helped', True), follow.look()
        )
        self.assertTrue(follow.arrived)
