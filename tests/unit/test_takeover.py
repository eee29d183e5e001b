from oslotest import base

from steal_scheduler import takeover
from steal_scheduler.limits import LimitRules
from steal_scheduler.model import Fleet, Move, Stage
from tests.unit.make import NOW, fleet, move, server, signals

RULES = LimitRules()


class TestTakeover(base.BaseTestCase):
    def moves(
        self, known: Fleet, remembered: dict[str, Move] | None = None
    ) -> dict[str, Move]:
        return takeover.moves(known, remembered or {}, signals(), RULES, NOW)

    def tagged(self, stage: str, since: float = NOW - 5, **other) -> Fleet:
        tag = f'steal:{stage}:{int(since)}'
        return fleet(server(tags=(tag,), **other))

    def test_a_drain_goes_on(self) -> None:
        found = self.moves(self.tagged('drain'))['s']
        self.assertEqual(Stage.DRAIN, found.stage)

    def test_a_drain_that_may_not_be_is_undone(self) -> None:
        for why, known in (
            ('locked', self.tagged('drain', locked=True)),
            ('never', self.tagged('drain', opted_out='metadata')),
            ('SHUTOFF', self.tagged('drain', status='SHUTOFF')),
        ):
            found = self.moves(known)['s']
            self.assertEqual(Stage.UNDO, found.stage)
            self.assertIn(why, found.failure)

    def test_more_drains_than_slots_are_undone(self) -> None:
        tags = (f'steal:drain:{int(NOW - 5)}',)
        known = fleet(
            *(server(n, host=f'h{n}', tags=tags) for n in ('1', '2', '3', '4'))
        )
        stages = [m.stage for m in self.moves(known).values()]
        self.assertEqual(RULES.slots, stages.count(Stage.DRAIN))
        self.assertEqual(4 - RULES.slots, stages.count(Stage.UNDO))

    def test_who_may_be_out_is_put_back_whatever_the_limits_say(self) -> None:
        for stage in ('request', 'migrate', 'reattach', 'undo', 'verify'):
            known = self.tagged(stage, locked=True, opted_out='metadata')
            self.assertEqual(stage, self.moves(known)['s'].stage)

    def test_no_deadline_lies_in_the_future(self) -> None:
        found = self.moves(self.tagged('drain', since=NOW + 10**6))['s']
        self.assertEqual(NOW, found.since)

    def test_what_is_remembered_is_not_asked_again(self) -> None:
        known = self.tagged('drain', locked=True)
        remembered = {'s': move(stage=Stage.DRAIN)}
        self.assertEqual(remembered, self.moves(known, remembered))
