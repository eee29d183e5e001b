"""The rankings of the servers that are about to move, for nova-scheduler.

Only hosts that can take a server, and stay cold, are ranked: those that the
planner could plan for it, in the planner's order.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from steal_scheduler.decision import ranking
from steal_scheduler.decision.bursts import Bursts
from steal_scheduler.decision.joint_past import COMPARED, JointPast
from steal_scheduler.decision.refused_pairs import refused_pairs
from steal_scheduler.decision.room import Ledger, takes_swaps
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.host_view import View
from steal_scheduler.model.move import Move
from steal_scheduler.model.rankings import MOST_RANKED, Ranking, Rankings


def rankings(snapshot: Snapshot, before: View | None = None) -> Rankings:
    """Rank the hosts for each of the movers of the snapshot's view.

    :param before: the last view, if there was one
    """
    now, moves = snapshot.now, snapshot.moves
    last = before.rankings if before else Rankings()
    if last.at == now:
        # One tick may tell twice, and who knows the first knows no second.
        now += 0.001
    credited = frozenset(
        (move.server_id, move.target)
        for move in moves.values()
        if move.arriving and move.target
    )
    if not snapshot.view.movers:
        # Mostly nobody moves, and all hosts are looked at for one who does.
        return Rankings(now, {}, credited)
    # Who has taken a view of before the last target was known may choose
    # that one once more.
    known = last.of if credited <= last.credited else {}
    ranks = Ranks(snapshot)
    found = {}
    for server_id in snapshot.view.movers:
        since = known[server_id].since if server_id in known else now
        # A clock may have been set back.
        found[server_id] = ranks.of(moves[server_id], min(since, now))
    return Rankings(now, found, credited)


class Ranks:
    """Feasible hosts by server, the best first."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._view = view = snapshot.view
        self._pairs = refused_pairs(snapshot)
        self._ledger = Ledger(snapshot)
        self._past = JointPast(snapshot)
        self._bursts = Bursts(view, snapshot.rules.detection)
        #: By kind of server, and host, whether it has room.
        self._fits: dict[object, dict[str, bool]] = {}
        #: By host, what it is compared by without a server of the role.
        self._alone: dict[str, ranking.Key] = {}
        #: Zone -> hosts that are given servers of ours at all now.
        self._open: dict[str, list[str]] = {}
        for name, host in snapshot.fleet.hosts.items():
            if host.open and view.takes(name, 0.0):
                self._open.setdefault(host.zone, []).append(name)

    def of(self, move: Move, since: float) -> Ranking:
        """The ranking of its server.

        For example b, c and d could take the 2 to 4 cores of a server and
        stay cold, d only 2 of them, and c lacks memory: b, then d. Of those
        that lie equally the one with more servers of its role comes later.

        :param since: see ``Ranking``
        """
        feasible = [*self._feasible(move)]
        keys = self._keys(move, feasible)
        feasible.sort(key=keys.__getitem__)
        if self._past.known:
            best_now = feasible[:COMPARED]
            keys |= self._past_keys(move, best_now)
            feasible[:COMPARED] = sorted(best_now, key=keys.__getitem__)
        best: list[tuple[str, ...]] = []
        left = MOST_RANKED
        for _, names in itertools.groupby(feasible, keys.__getitem__):
            alike = tuple(names)
            left -= len(alike)
            if left < 0:
                break
            best.append(alike)
        return Ranking(tuple(best), frozenset(feasible), since)

    def _keys(
        self, move: Move, names: Iterable[str]
    ) -> dict[str, tuple[bool, bool, ranking.Key]]:
        """What they are compared by; the least is the best."""
        view, most = self._view, move.demand.high
        there = self._same_role(move)
        found = {}
        for name in names:
            host = view.hosts[name]
            if name in there:
                key = ranking.key(host, there[name], move=True)
            elif name in self._alone:
                key = self._alone[name]
            else:
                key = self._alone[name] = ranking.key(host, 0, move=True)
            # It has been drained by now: better there than nowhere.
            in_vain = not self._bursts.cures(move.source, name)
            found[name] = in_vain, not view.has_room(host, most), key
        return found

    def _past_keys(
        self, move: Move, names: Iterable[str]
    ) -> dict[str, tuple[bool, bool, ranking.Key]]:
        """The same, by what they would have been asked for with it."""
        there = self._same_role(move)
        return {
            name: (
                not self._bursts.cures(move.source, name),
                False,
                ranking.past_key(
                    self._view.hosts[name],
                    there.get(name, 0),
                    self._past.room(move, name),
                ),
            )
            for name in names
        }

    def _same_role(self, move: Move) -> Mapping[str, int]:
        server = move.server
        role = self._view.role_key(server.role, server.project_id)
        return self._view.roles.get(role, {}) if role else {}

    def _feasible(self, move: Move) -> Iterator[str]:
        view, cores, source = self._view, move.demand.expected, move.source
        refused = self._pairs.of(move)
        if move.only_to is not None:
            to = move.only_to
            if (
                to not in refused
                and takes_swaps(to, self._snapshot)
                and self._ledger.fits(move.server, to)
            ):
                yield to
            return
        kind = self._ledger.kind(move.server)
        fits = self._fits.setdefault(kind, {})
        refused |= self._ledger.spoiled_by(move.server)
        for name in self._open.get(move.server.zone or '', ()):
            if name == source or name in refused:
                continue
            if not view.has_room(view.hosts[name], cores):
                continue
            if name not in fits:
                fits[name] = self._ledger.has_room(move.server, name)
            if fits[name]:
                yield name
