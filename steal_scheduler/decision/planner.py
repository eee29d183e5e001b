"""Findings to moves: which servers are worth moving, worst host first.

The projects take turns, see ``fair_shares``.

A move is worth it only if, by prediction, some host in the same zone can
take the server and stay cold. Demand is additive, so the effect of a move is
known before it is made.
"""

import collections
import dataclasses
from collections.abc import Callable, Iterable, Sequence

from steal_scheduler.decision import fair_shares, policies, room
from steal_scheduler.decision.cure import Cure
from steal_scheduler.decision.exchange_targets import ExchangeTargets
from steal_scheduler.decision.exchanges import Exchanges
from steal_scheduler.decision.refused_pairs import RefusedPairs, refused_pairs
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.unplaced import unplaced
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.move import Move
from steal_scheduler.model.refusal import Refusal, Saturation

#: Shares of the time that wait: hosts whose steal lies in the same band count
#: as equally bad.
STEAL_BAND = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    #: In the order in which they should be made.
    moves: tuple[Move, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    saturations: tuple[Saturation, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Also:
    """Who leaves whose host is not contended."""

    #: Those that have to leave hosts that are emptied.
    emptied: Sequence[Move] = ()
    #: Whether a server may make room for others, by its id.
    may: Callable[[str], bool] = lambda server_id: False


NOBODY = Also()


def plan(
    leavers: Sequence[Leaver],
    snapshot: Snapshot,
    pairs: RefusedPairs | None = None,
    also: Also = NOBODY,
) -> Plan:
    """Say which servers should move, and why the others should not.

    For example servers of 4, 3 and 2 cores, with 8 GiB each, are on a host
    of 16 cores whose servers ask for 18.5: 2.5 cores are too many, so the one
    of 3 leaves, and the other two may stay. If the one of 4 has 4 GiB, it
    leaves instead. If no host of the zone can take it and stay cold, another
    one is tried; if none can be placed, the zone is 2.5 cores short.

    :param leavers: who may leave, and why; see ``leavers``
    :param pairs: as of this snapshot, where they are known
    :param also: who else leaves; contended servers are given their places
        before them
    :returns: refusals of contended servers only: who could have left instead
        of them is no news
    """
    by_host = collections.defaultdict[str, list[Leaver]](list)
    waiting = collections.defaultdict[str, set[str]](set)
    for leaver in leavers:
        by_host[leaver.host].append(leaver)
        waits = snapshot.fleet.servers[leaver.relieves.server_id]
        waiting[leaver.host].add(waits.project_id)
    turns = fair_shares.turns(snapshot)
    targets = ExchangeTargets(snapshot, pairs or refused_pairs(snapshot))
    _keep(targets, snapshot)
    ordered = sorted(
        turns.ordered(_worst_first(by_host, snapshot), waiting),
        key=lambda name: -policies.priority(name, snapshot),
    )
    cures = {n: Cure(n, by_host[n], turns, snapshot) for n in ordered}
    hosts = list(cures.values())
    planned: list[Move] = []
    nowhere: list[Move] = []
    # What is only said takes no place from what begins.
    for last in (False, True):
        going = [
            cures[name]
            for name in ordered
            if policies.comes_last(name, snapshot) is last
        ]
        # One leaves each at a time, and so each is given one place at a time.
        while going:
            going = [host for host in going if host.place_next(targets)]
            planned += [host.chosen[-1] for host in going]
        for move in also.emptied:
            if policies.comes_last(move.source, snapshot) is last:
                placed = targets.take(move) is not None
                (planned if placed else nowhere).append(move)
    exchanges = Exchanges(snapshot, targets, also.may)
    makers = [host.exchange(exchanges) for host in hosts]
    planned += [maker for maker in makers if maker is not None]
    refusals = [unplaced(move, targets, snapshot) for move in nowhere]
    short: dict[tuple[str, str], float] = {}
    hopeful: set[str] = set()
    for host in hosts:
        refused, lack = host.rest(targets)
        refusals += refused
        if not host.waits:
            # Whether it finds a place says nothing of its zone.
            continue
        if lack is None:
            hopeful.add(host.zone)
        else:
            key = lack.zone, lack.scarce
            short[key] = short.get(key, 0.0) + lack.cores_short
    # Somebody waits for what he asked for.
    asked = snapshot.asked.servers
    planned.sort(key=lambda move: move.server_id not in asked)
    return Plan(
        tuple(planned),
        tuple(refusals),
        tuple(
            Saturation(zone, short[zone, scarce], scarce)
            for zone, scarce in sorted(short)
            if zone not in hopeful
        ),
    )


def _keep(targets: ExchangeTargets, snapshot: Snapshot) -> None:
    """Keep the places of those whose drain has begun: they are their own."""
    for move in room.unplaced(snapshot.moves):
        if move.only_to is None:
            targets.take(move)
        else:
            targets.credit(move, move.only_to)


def _worst_first(hosts: Iterable[str], snapshot: Snapshot) -> list[str]:
    """By their steal, in bands, and then by how many cores are waited for.

    A small host, or one of a small zone, whose servers wait half of their time
    does not come after a large one whose servers wait a tenth of it.
    """

    def order(name: str) -> tuple[float, float, str]:
        host = snapshot.view.hosts.get(name)
        if host is None:
            return 0.0, 0.0, name
        waited = host.steal * host.asked.high
        return -(host.steal // STEAL_BAND), -waited, name

    return sorted(hosts, key=order)
