from oslotest import base

from steal_scheduler.model.move import Move, Stage
from steal_scheduler.moves import state
from tests.unit.make import (
    NOW,
    fleet,
    migration,
    move,
    rules,
    server,
    snapshot,
)

RULES = rules(shared_storage=True)


def tagged(server_id: str, stage: str = 'drain', since: float = NOW, **values):
    tags = (f'steal:{stage}:{int(since)}',)
    return server(server_id, tags=tags, **values)


class TestTakeOver(base.BaseTestCase):
    def moves(
        self,
        *servers,
        remembered: dict[str, Move] | None = None,
        first: bool = True,
        before: str = '',
        **more,
    ) -> dict[str, Move]:
        known = snapshot(
            fleet(*servers, **more), moves=remembered or {}, rules=RULES
        )
        return state.take_over(known, None if first else before)

    def stages(self, *servers, **more) -> dict[str, str]:
        found = self.moves(*servers, **more)
        return {s: str(m.stage) for s, m in found.items()}

    def test_every_stage_goes_on(self) -> None:
        for stage in set(Stage) - {Stage.VERIFY}:
            self.assertEqual({'s': stage}, self.stages(tagged('s', stage)))

    def test_that_it_is_back_is_made_sure_of(self) -> None:
        """A tenant may have written it; to ask for it again does no harm."""
        (found,) = self.moves(tagged('s', 'verify', NOW - 60)).values()
        self.assertEqual((Stage.REATTACH, NOW), (found.stage, found.since))
        remembered = {'s': move('s', stage=Stage.VERIFY)}
        self.assertEqual(
            {'s': 'verify'},
            self.stages(tagged('s', 'verify'), remembered=remembered),
        )

    def test_who_has_not_left_passes_the_gate_again(self) -> None:
        for values in (
            {'locked': True},
            {'opted_out': 'flavor'},
            {'status': 'SHUTOFF'},
        ):
            (found,) = self.moves(tagged('s', **values)).values()
            self.assertEqual((Stage.UNDO, NOW), (found.stage, found.since))
            self.assertIn('refused', found.failure)
        recent = migration(migration_id=1, created_at=NOW - 60)
        self.assertEqual(
            {'s': 'undo'}, self.stages(tagged('s'), migrations=(recent,))
        )

    def test_a_tag_that_appears_later_is_forged(self) -> None:
        known = fleet(tagged('s', 'migrate'), tagged('t'), server('u'))
        found = self.moves(
            *known.servers.values(),
            remembered={'t': move('t')},
            first=False,
            before='stu',
        )
        self.assertEqual(['t'], list(found))
        forged = state.forged(snapshot(known, moves=found))
        self.assertEqual(['s'], [s.server_id for s in forged])

    def test_whose_cell_did_not_answer_at_first(self) -> None:
        """It may be out, or its tenant created it so: it is reattached."""
        for stage in Stage:
            found = self.stages(tagged('s', stage), first=False, before='t')
            self.assertEqual({'s': 'undo'}, found)

    def test_nobody_leaves_while_nothing_may_start(self) -> None:
        unseen = [server(str(n)) for n in range(3)]
        found = self.moves(tagged('s'), *unseen)['s']
        self.assertEqual(Stage.UNDO, found.stage)
        self.assertIn('coverage_floor', found.failure)

    def test_what_it_copies_counts(self) -> None:
        self.assertEqual(4096, self.moves(tagged('s'))['s'].copy_mb)

    def test_nobody_gets_more_slots_by_a_tag(self) -> None:
        hosts = dict.fromkeys('abcdef', 'az1')
        forged = [tagged(h, host=h) for h in 'abcdef']
        found = self.stages(*forged, hosts=hosts)
        self.assertEqual(2, list(found.values()).count('drain'))
        # The same ones, whoever comes first.
        self.assertEqual(found, self.stages(*forged[::-1], hosts=hosts))

    def test_what_is_known_is_not_judged_again(self) -> None:
        locked = tagged('s', locked=True)
        known = {'s': move(server=locked)}
        self.assertEqual(known, self.moves(locked, remembered=known))

    def test_a_date_in_the_future_puts_no_deadline_off(self) -> None:
        (found,) = self.moves(tagged('s', 'verify', NOW + 10**9)).values()
        self.assertEqual(NOW, found.since)
