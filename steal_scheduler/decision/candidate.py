"""Candidates: servers that may leave a contended host."""

import dataclasses
import functools
from collections.abc import Sequence

from steal_scheduler.decision import fair_shares
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.asked import Wish
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.finding import Finding, Leaver
from steal_scheduler.model.move import Move, Stage


@dataclasses.dataclass(eq=False)
class Candidate:
    """One of them. NOTE: most stay, and so a move is made when it is asked."""

    server: Server
    server_id: str
    demand: Demand
    #: MiB.
    copy_mb: int
    #: It waits itself; and somebody asked for its move.
    contended: bool
    asked: bool
    #: How many of its project have left its host lately.
    turn: int
    leaver: Leaver
    snapshot: Snapshot

    @functools.cached_property
    def move(self) -> Move:
        """The one that it would be; why is said once it is chosen."""
        return self._move()

    def chosen(self) -> Move:
        """The move, with the reason."""
        own = self.contended and not self.asked
        return self._move(
            self._reason(), _waits(self.leaver.relieves) if own else ''
        )

    def _move(self, reason: str = '', own_reason: str = '') -> Move:
        now, leaver = self.snapshot.now, self.leaver
        wish = self._wish
        return Move(
            self.server,
            source=leaver.host,
            stage=Stage.DRAIN,
            since=now,
            drained_at=now,
            steal_before=leaver.steal,
            demand=self.demand,
            copy_mb=self.copy_mb,
            reason=reason,
            own_reason=own_reason,
            asked_by=wish.by if wish else '',
            calm=leaver.asked,
        )

    def _reason(self) -> str:
        """Why it leaves, and for whom."""
        wish, finding = self._wish, self.leaver.relieves
        if wish and self.asked:
            return wish.told
        waits = _waits(finding) + (f'; {wish.told}' if wish else '')
        if self.contended:
            return waits
        name = self.snapshot.fleet.servers[finding.server_id].name
        return f'relieves {name} ({finding.server_id}), which {waits}'

    @property
    def _wish(self) -> Wish | None:
        """Who asked for it."""
        asked = self.snapshot.asked
        return asked.servers.get(self.server_id) or asked.hosts.get(
            self.leaver.host
        )


def candidates(
    leavers: Sequence[Leaver], turns: fair_shares.Turns, snapshot: Snapshot
) -> list[Candidate]:
    """In the same order."""
    servers, asked = snapshot.fleet.servers, snapshot.asked.servers
    return [
        Candidate(
            server := servers[leaver.server_id],
            leaver.server_id,
            leaver.demand,
            snapshot.copy_mb(server),
            leaver.contended,
            leaver.server_id in asked,
            turns.of(leaver.host, server.project_id),
            leaver,
            snapshot,
        )
        for leaver in leavers
    ]


def _waits(finding: Finding) -> str:
    """What a server waits, in words that name nobody."""
    bad = finding.bad_seconds
    waits = (
        f'waits {finding.steal:.0%} of its time at load {finding.load:.2f} '
        'per vCPU' + (f' and in {bad:.0%} of its seconds' if bad else '')
    )
    return ', '.join([waits, *finding.threads, f'in {finding.polls}'])
