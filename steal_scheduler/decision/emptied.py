"""Emptied hosts: whom an operator wants away from a host, and how far it is.

That they are to leave is reason enough: none of their servers has to wait for
CPU, and no cooldown holds it. What protects servers holds as for any move:
pauses, windows, the breaker, budgets, slots, bytes, and who may not be moved.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from steal_scheduler.decision import census
from steal_scheduler.decision.demand import demand_now
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.emptying import Emptying
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Nos, Reason, Refusal


def hosts(snapshot: Snapshot) -> Mapping[str, Emptying]:
    """Those that are to be emptied now, by Nova's name of them."""
    orders = [e for e in snapshot.fleet.emptyings if e.in_force(snapshot.now)]
    if not orders:
        return {}
    return {
        name: order
        for name in snapshot.fleet.hosts
        for order in orders[::-1]
        if order.about(name)
    }


def servers(snapshot: Snapshot) -> Sequence[Server]:
    """Whoever is there, whether it can leave or not."""
    here = census.of(snapshot.fleet).by_host
    return [
        server
        for host in sorted(snapshot.view.emptied)
        for server in here.get(host, ())
    ]


def moves(
    leaving: Iterable[Server],
    findings: Iterable[Finding],
    snapshot: Snapshot,
) -> list[Move]:
    """A move for each of them, that which disturbs least first.

    Those that wait for CPU gain by it. Then the lightest to copy are the first
    to go: they are out of service for the shortest time, and if it is stopped,
    most of the work is done. For example servers of 4, 1 and 8 GiB, of which
    the last one waits: 8, 1, 4.

    :param leaving: those that may leave
    """
    orders = hosts(snapshot)
    waiting = {finding.server_id for finding in findings}
    found = [
        _move(server, order, snapshot)
        for server in leaving
        if (order := orders.get(server.host or ''))
    ]
    return sorted(
        found,
        key=lambda m: (m.server_id not in waiting, m.copy_mb, m.server_id),
    )


def _move(server: Server, order: Emptying, snapshot: Snapshot) -> Move:
    signal = snapshot.signals.servers.get(server.server_id)
    # Of one that nobody measures, the worst.
    demand = Demand.exactly(float(server.shared_vcpus))
    if signal is not None:
        demand = demand_now(signal, snapshot)
    return Move(
        server,
        source=server.host or '',
        stage=Stage.DRAIN,
        since=snapshot.now,
        drained_at=snapshot.now,
        steal_before=signal.steal if signal else None,
        demand=demand,
        copy_mb=snapshot.copy_mb(server),
        reason=f'host {server.host} is emptied: {order.reason or order.key}',
        emptied=True,
    )


def of_move(move: Move, snapshot: Snapshot) -> Nos:
    """Why a server needs not leave any more that is being drained."""
    if move.emptied and move.source not in snapshot.view.emptied:
        yield (
            Reason.NOT_NEEDED,
            f'it may stay on {move.source}, which is not emptied any more',
        )


# -- how far it is ------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """A server that is still on an emptied host."""

    server: Server
    #: On its way; None where it has not begun.
    move: Move | None
    #: Why it has not; None where nothing is known against it.
    refusal: Refusal | None

    @property
    def told(self) -> str:
        """For a person: 'locked: it is locked; ...'."""
        if self.move is not None:
            return f'its move is at: {self.move.stage}'
        if self.refusal is None:
            return 'its turn comes'
        return f'{self.refusal.reason}: {self.refusal.detail}'


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far an emptied host is."""

    host: str
    order: Emptying
    #: Who is still there, those that move first; empty when it is done.
    left: tuple[Left, ...]

    @property
    def told(self) -> str:
        """For a person: '3 servers are left, 1 of them is on its way'."""
        if not self.left:
            return 'no server is left'
        going = sum(left.move is not None for left in self.left)
        count = len(self.left)
        many = 'servers are' if count > 1 else 'server is'
        return f'{count} {many} left' + (
            f', {going} of them on the way' if going else ''
        )


def progress(
    refusals: Iterable[Refusal], snapshot: Snapshot
) -> Sequence[Progress]:
    """How far each emptied host is, and why who is left has not left.

    :param refusals: of the decision of this snapshot
    """
    orders = hosts(snapshot)
    if not orders:
        return ()
    why: dict[str | None, Refusal] = {}
    for refusal in refusals:
        why.setdefault(refusal.server_id, refusal)

    def left(server: Server) -> Left:
        one = server.server_id
        # What holds up all of them has no server.
        no = why.get(one) or why.get(None)
        return Left(server, snapshot.moves.get(one), no)

    here = census.of(snapshot.fleet).by_host
    return [
        Progress(
            name,
            order,
            tuple(sorted(map(left, here.get(name, ())), key=_order)),
        )
        for name, order in orders.items()
    ]


def _order(left: Left) -> tuple[bool, str, str]:
    refusal = left.refusal
    reason = refusal.reason if refusal else ''
    return left.move is None, reason, left.server.server_id


# -- orders -------------------------------------------------------------------


def told(order: Emptying, snapshot: Snapshot) -> str:
    """What there is to say of an order, for a person."""
    more = ''
    if order.host and not any(map(order.about, snapshot.fleet.hosts)):
        more = f'; Nova knows no host {order.host}: check its name'
    return order.told(snapshot.now) + more


def unheeded(snapshot: Snapshot) -> Sequence[Emptying]:
    """Orders that empty nothing, though somebody may think that they do."""
    return [
        order
        for order in snapshot.fleet.emptyings
        if order.unclear
        or (
            order.in_force(snapshot.now)
            and not any(map(order.about, snapshot.fleet.hosts))
        )
    ]
