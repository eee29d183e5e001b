import pathlib
from typing import Any

from oslotest import base

from steal_scheduler.model.move import FOLLOWS, Cause, Ended, Outcome, Stage
from steal_scheduler.model.progress import Copied, progress
from tests.unit.make import NOW, ended, move, server


class TestMove(base.BaseTestCase):
    STAGES = ('drain', 'request', 'migrate', 'reattach', 'undo')

    def busy(self, age: float = 0.0, **fields: Any) -> tuple[str, ...]:
        """The stages at which it holds a slot, after so many seconds."""
        moves = [move(stage=s, since=NOW - age, **fields) for s in Stage]
        return tuple(str(m.stage) for m in moves if m.occupies(NOW, 300.0))

    def test_it_occupies_a_slot_until_it_is_back(self) -> None:
        self.assertEqual(self.STAGES, self.busy())
        self.assertEqual((), self.busy(back=True))

    def test_not_where_nobody_knows_when_it_will_be_back(self) -> None:
        self.assertEqual(self.STAGES, self.busy(age=300))
        self.assertEqual(self.STAGES[:3], self.busy(age=301))

    def test_not_on_the_word_of_an_orchestrator_alone(self) -> None:
        self.assertEqual((), self.busy(orphan=True))

    def test_always_while_nova_migrates_it(self) -> None:
        going = server(task_state='migrating')
        found = self.busy(age=301, orphan=True, server=going)
        self.assertEqual(self.STAGES, found)

    def test_its_server_is_unavailable_all_the_while(self) -> None:
        for fields in ({}, {'orphan': True}, {'since': 0.0}):
            out = [s for s in Stage if move(stage=s, **fields).unavailable]
            self.assertEqual(self.STAGES, tuple(map(str, out)))
        self.assertFalse(move(stage=Stage.UNDO, back=True).unavailable)

    def test_it_arrives_from_the_request_on(self):
        arriving = [s for s in Stage if move(stage=s).arriving]
        self.assertEqual(
            ['request', 'migrate', 'reattach', 'verify'], arriving
        )


class TestFollows(base.BaseTestCase):
    def test_every_stage_leads_to_an_outcome(self) -> None:
        """And a server that may be drained passes its reattach first."""
        self.assertEqual({*Stage}, FOLLOWS.keys())
        for stage in Stage:
            ways = [(stage,)]
            ends = set()
            while ways:
                way = ways.pop()
                for after in FOLLOWS[way[-1]]:
                    if isinstance(after, Outcome):
                        ends.add((*way, after))
                    elif after not in way:
                        ways.append((*way, after))
            self.assertNotEqual(set(), ends)
            for way in ends:
                if way[0] is not Stage.VERIFY:
                    self.assertTrue({Stage.REATTACH, Stage.UNDO} & {*way}, way)

    def test_it_is_drawn_in_the_docs(self) -> None:
        page = (
            pathlib.Path(__file__)
            .parents[3]
            .joinpath('doc/source/reference/stages.rst')
        )
        lines = [
            f'    {stage:8}  '
            + ', '.join(
                [s for s in Stage if s in after]
                + sorted(o for o in Outcome if o in after)
            )
            for stage, after in FOLLOWS.items()
        ]
        self.assertIn('\n'.join(lines), page.read_text('utf-8'))


class TestEnded(base.BaseTestCase):
    def test_what_it_has_cost(self) -> None:
        told = 'it waits 1% of its time now.'
        self.assertEqual(f'helped: {told}', ended().told)
        copy = progress(None, Copied(4205.4, 0.0), NOW)
        for stage, seconds in ((Stage.VERIFY, 90), (Stage.UNDO, 240)):
            # In service again since it is measured; else at the end.
            over = ended(
                move=move(
                    stage=stage,
                    drained_at=NOW,
                    since=NOW + 90,
                    progress=copy,
                    copy_mb=4096,
                ),
                at=NOW + 240,
            )
            self.assertEqual(
                f'helped: {told} It was out of service for {seconds} s. 4205 '
                'MiB were copied of 4096.',
                over.told,
            )

    def test_moves_in_a_row_that_did_not_begin(self):
        def no(cause: Cause | None) -> Ended:
            outcome = Outcome.NOT_STARTED
            return Ended(move(cause=cause), outcome, NOW, 'why not')

        last, counted = None, []
        for each in (
            no(Cause.DRAIN),
            no(Cause.DRAIN),
            # Neither says anything of tomorrow.
            no(Cause.MOMENT),
            no(None),
            no(Cause.DRAIN),
            # Another cause is counted anew.
            no(Cause.NOVA),
            no(Cause.NOVA),
            ended(outcome=Outcome.HELPED),
            no(Cause.MOMENT),
            no(Cause.NOVA),
        ):
            last = each.following(last)
            counted.append(last.not_started)
        self.assertEqual([1, 2, 2, 2, 3, 1, 2, 0, 0, 1], counted)

    def test_what_says_nothing_of_the_server_hides_nothing(self):
        """It was only led back: what its last move has shown still holds."""
        before = ended(outcome=Outcome.FAILED)
        migrator_ended = ended(
            move=move(cause=None), outcome=Outcome.NOT_STARTED
        )
        for after in (
            ended(
                move=move(cause=Cause.NOVA, orphan=True),
                outcome=Outcome.NOT_STARTED,
            ),
            ended(move=move(orphan=True), outcome=Outcome.FAILED),
            migrator_ended,
        ):
            self.assertIs(before, after.following(before))
            # There was none.
            self.assertEqual(after.outcome, after.following(None).outcome)
        gone = ended(move=move(orphan=True), outcome=Outcome.GONE)
        self.assertIs(gone, gone.following(before))
