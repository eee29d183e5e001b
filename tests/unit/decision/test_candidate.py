import dataclasses

from oslotest import base

from steal_scheduler.decision.candidate import Candidate, candidates
from steal_scheduler.decision.fair_shares import Turns
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.asked import Asked, Wish
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.move import Stage
from tests.unit import make
from tests.unit.make import NOW, finding, fleet, server, snapshot

WAITS = 'waits 25% of its time at load 1.00 per vCPU'
POLLS = 'in 3 of 5 polls'


def found(known: Snapshot | None = None, **other: object) -> list[Candidate]:
    """Those of x, which waits, and of y, which may leave for it.

    :param other: of the finding of x
    """
    one = finding('x', **other)
    for_it = Leaver('y', 'a', 0.1, make.demand(2.0), relieves=one)
    turns = Turns({}, {('a', 'p'): 2})
    leavers = [Leaver.of(one), for_it]
    return candidates(leavers, turns, known or of_two())


def of_two() -> Snapshot:
    return snapshot(fleet(server('x'), server('y', project_id='p')))


def asked(**wishes: dict[str, Wish]) -> Snapshot:
    return dataclasses.replace(of_two(), asked=Asked(**wishes))


class TestCandidate(base.BaseTestCase):
    def test_what_is_known_of_them(self) -> None:
        x, y = found()
        self.assertEqual((True, False), (x.contended, y.contended))
        self.assertEqual((0, 2), (x.turn, y.turn))
        self.assertEqual(4096 + 10240, x.copy_mb)

    def test_a_move_is_made_once(self) -> None:
        x, _ = found()
        self.assertIs(x.move, x.move)
        self.assertEqual(
            ('x', 'a', Stage.DRAIN, NOW, 0.25, ''),
            (
                x.move.server_id,
                x.move.source,
                x.move.stage,
                x.move.since,
                x.move.steal_before,
                x.move.reason,
            ),
        )

    def test_why_one_that_waits_leaves(self) -> None:
        x, _ = found()
        said = f'{WAITS}, {POLLS}'
        chosen = x.chosen()
        self.assertEqual((said, said), (chosen.reason, chosen.own_reason))
        self.assertEqual(
            x.move, dataclasses.replace(chosen, reason='', own_reason='')
        )

    def test_seconds_and_threads_are_told(self) -> None:
        x, _ = found(bad_seconds=0.5, threads=('its worst vCPU waits 40%',))
        self.assertEqual(
            f'{WAITS} and in 50% of its seconds, its worst vCPU waits 40%, '
            f'{POLLS}',
            x.chosen().reason,
        )

    def test_for_whom_another_one_leaves(self) -> None:
        _, y = found()
        chosen = y.chosen()
        self.assertEqual(
            f'relieves name of x (x), which {WAITS}, {POLLS}', chosen.reason
        )
        # Its owner may not know of others.
        self.assertEqual('', chosen.own_reason)

    def test_who_asked_for_it(self) -> None:
        x, y = found(asked(servers={'x': Wish('alice', 'a new kernel')}))
        self.assertEqual((True, False), (x.asked, y.asked))
        chosen = x.chosen()
        self.assertEqual(
            ('asked for by alice: a new kernel', '', 'alice'),
            (chosen.reason, chosen.own_reason, chosen.asked_by),
        )

    def test_who_asked_for_its_host(self) -> None:
        x, _ = found(asked(hosts={'a': Wish('bob', '')}))
        self.assertFalse(x.asked)
        chosen = x.chosen()
        self.assertEqual('bob', chosen.asked_by)
        self.assertEqual(f'{WAITS}, {POLLS}; asked for by bob', chosen.reason)
