import dataclasses

from oslotest import base

from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.moves import state
from tests.unit import fakes
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
#: Of the leader before, and of ours, which began a minute ago.
BEFORE, NUMBER = fakes.LEADERSHIP - 600, fakes.LEADERSHIP


def tagged(
    server_id: str,
    stage: str = 'drain',
    since: float = NOW,
    number: int = BEFORE,
    **values: object,
) -> Server:
    told = move(server_id, stage=Stage(stage), since=since)
    tag = fakes.signer().tag(told, number)
    return server(server_id, tags=(tag,), **values)


class TestTakeOver(base.BaseTestCase):
    def moves(
        self,
        *servers: Server,
        remembered: dict[str, Move] | None = None,
        before: str | None = None,
        **more: object,
    ) -> dict[str, Move]:
        """:param before: whom Nova told of before; None for the first tick"""
        known = snapshot(
            fleet(*servers, **more), moves=remembered or {}, rules=RULES
        )
        told = fakes.signer().read_all(servers)[0]
        return state.take_over(known, told, before, NUMBER)

    def stages(self, *servers: Server, **more: object) -> dict[str, str]:
        found = self.moves(*servers, **more)
        return {s: str(m.stage) for s, m in found.items()}

    def test_what_nova_was_asked_for_goes_on(self) -> None:
        for stage in ('request', 'migrate', 'reattach', 'undo'):
            self.assertEqual({'s': stage}, self.stages(tagged('s', stage)))

    def test_what_it_was_not_asked_for_is_undone(self) -> None:
        (found,) = self.moves(tagged('s', since=NOW - 60)).values()
        self.assertEqual((Stage.UNDO, NOW), (found.stage, found.since))
        self.assertIn('Nova was not asked yet', found.failure)

    def test_that_it_is_back_is_made_sure_of(self) -> None:
        """A tenant may have put that tag back; asking again does no harm."""
        (found,) = self.moves(tagged('s', 'verify', NOW - 60)).values()
        self.assertEqual((Stage.REATTACH, NOW), (found.stage, found.since))
        remembered = {'s': move('s', stage=Stage.VERIFY)}
        self.assertEqual(
            {'s': 'verify'},
            self.stages(tagged('s', 'verify'), remembered=remembered),
        )

    def test_one_of_long_ago_only_leads_back(self) -> None:
        for stage in ('request', 'migrate'):
            old = tagged('s', stage, NOW - 90_000)
            self.assertEqual({'s': 'undo'}, self.stages(old))
        # Nova says itself that it goes on, or it is left over.
        record = migration(status='running', created_at=NOW - 90_000)
        for task, stage in (('migrating', 'migrate'), (None, 'undo')):
            one = dataclasses.replace(old, task_state=task)
            found = self.stages(one, migrations=(record,))
            self.assertEqual({'s': stage}, found)

    def test_a_genuine_tag_that_is_put_back_later(self) -> None:
        known = fleet(tagged('s', 'migrate'), tagged('t'), server('u'))
        found = self.moves(
            *known.servers.values(),
            remembered={'t': move('t')},
            before='stu',
        )
        self.assertEqual(['t'], list(found))
        strays = state.strays(snapshot(known, moves=found))
        self.assertEqual(['s'], [s.server_id for s in strays])

    def test_nor_one_of_our_own_or_of_nobody_yet(self) -> None:
        for number in (NUMBER, NUMBER + 60):
            one = tagged('s', 'undo', NOW, number)
            self.assertEqual({}, self.stages(one))
            self.assertEqual({}, self.stages(one, before='s'))

    def test_a_call_of_the_leader_before_was_late(self) -> None:
        late = tagged('s', 'undo', NOW)
        self.assertEqual({'s': 'undo'}, self.stages(late, before='s'))
        # So it was then; a tenant has put it back.
        old = tagged('s', 'undo', BEFORE + 60)
        self.assertEqual({}, self.stages(old, before='s'))

    def test_what_a_late_call_asked_nova_for_goes_on(self) -> None:
        late = tagged('s', 'undo', NOW, task_state='migrating')
        for status, stage in (('accepted', 'request'), ('running', 'migrate')):
            records = (migration(status=status),)
            found = self.moves(late, before='s', migrations=records)
            self.assertEqual(stage, found['s'].stage)
            # Its tag is no reason to reattach it now.
            known = snapshot(fleet(late), moves=found)
            self.assertEqual([], state.strays(known))

    def test_whose_cell_did_not_answer_at_first(self) -> None:
        """It may be out: it is reattached."""
        for stage in Stage:
            found = self.stages(tagged('s', stage), before='t')
            self.assertEqual({'s': 'undo'}, found)

    def test_who_is_migrated_without_a_tag(self) -> None:
        record = migration(status='running')
        found = self.stages(server(), migrations=(record,))
        self.assertEqual({'s': 'migrate'}, found)
        early = dataclasses.replace(record, status='accepted')
        found = self.stages(server(), migrations=(early,))
        self.assertEqual({'s': 'request'}, found)

    def test_what_it_copies_counts(self) -> None:
        self.assertEqual(4096, self.moves(tagged('s'))['s'].copy_mb)

    def test_what_is_known_is_not_judged_again(self) -> None:
        locked = tagged('s', locked=True)
        known = {'s': move(server=locked)}
        self.assertEqual(known, self.moves(locked, remembered=known))

    def test_a_date_in_the_future_puts_no_deadline_off(self) -> None:
        (found,) = self.moves(tagged('s', 'undo', NOW + 10**9)).values()
        self.assertEqual(NOW, found.since)
