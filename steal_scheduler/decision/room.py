"""Room: what Nova would not place a server on a host for, cores left aside.

Memory, disk, vCPUs and whatever else Placement counts, traits, hard server
groups, hypervisors, and hosts that are kept for projects: each is a dimension
of one question, ``Ledger.lacks``. How many cores are to be had is the view's.

What Nova and Placement do not tell is taken to be there: ``refused_pairs``
learns it of what Nova refuses.
"""

import collections
import math
from collections.abc import Iterable, Iterator, Mapping, Set

from steal_scheduler.decision.failure_room import FailureRoom
from steal_scheduler.decision.pauses import is_paused
from steal_scheduler.decision.scarce import scarce
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.refusal import Nos, Reason
from steal_scheduler.model.room import AFFINITY, Group, HostRoom, Room

_DIMENSION = {
    'VCPU': Reason.VCPUS,
    'PCPU': Reason.PCPUS,
    'MEMORY_MB': Reason.RAM,
    'DISK_GB': Reason.DISK,
}
_NOTHING: Mapping[str, int] = {}


def unplaced(moves: Mapping[str, Move]) -> list[Move]:
    """Moves that begin or have begun, without a target, the oldest first."""
    found = (
        move
        for move in moves.values()
        if move.target is None and move.stage in (Stage.DRAIN, Stage.REQUEST)
    )
    return sorted(found, key=lambda m: (m.since, m.server_id))


def takes_swaps(host: str, snapshot: Snapshot) -> bool:
    """Whether somebody can be placed on a contended host, hot as it is.

    Not where Nova places nobody, nor where an operator wants nobody.
    """
    known = snapshot.fleet.hosts.get(host)
    unwanted = host in snapshot.view.emptied or is_paused(host, snapshot)
    return known is not None and known.open and not unwanted


def making_room(moves: Mapping[str, Move]) -> list[Move]:
    """Moves that have not arrived, and by which others are to have room.

    NOTE: a new leader does not know for whom a server leaves.
    """
    stages = Stage.DRAIN, Stage.REQUEST, Stage.MIGRATE
    return [
        move
        for move in moves.values()
        if move.makes_room_for is not None and move.stage in stages
    ]


def needs(server: Server, room: Room) -> Mapping[str, int]:
    """By resource class, what a host must have left for it.

    As Placement has allocated it; else by its flavor: one of 4 vCPUs, two of
    them pinned, needs 2 VCPU and 2 PCPU.
    """
    if (allocated := room.allocated.get(server.server_id)) is not None:
        return allocated
    by_flavor = {
        'VCPU': server.shared_vcpus,
        'PCPU': server.dedicated,
        'MEMORY_MB': server.ram_mb,
        'DISK_GB': server.disk_gb,
    }
    return {kind: amount for kind, amount in by_flavor.items() if amount}


def nos(move: Move, hosts: Iterable[str], snapshot: Snapshot) -> Nos:
    """Why Nova can place it on none of these hosts, which have the cores."""
    ledger = Ledger(snapshot)
    lacking = collections.Counter[Reason]()
    for host in hosts:
        found = ledger.lacks(move.server, host)
        if not found:
            return
        lacking.update(found)
    yield scarce(move, lacking)


class Ledger:
    """What each host has left, with what is planned for it taken off."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._room = snapshot.room
        self._fleet = snapshot.fleet
        self._moves = snapshot.moves
        self._planned: dict[str, collections.Counter[str]] = {}
        #: By server id, hosts that it is planned for.
        self._going: dict[str, set[str]] = {}
        self._needs: dict[str, Mapping[str, int]] = {}
        self._kinds: dict[str, object] = {}
        #: None where no room is kept for a host's failure.
        self._kept: FailureRoom | None = None
        if snapshot.rules.hosts.keep_room_for_host_failure:
            self._kept = FailureRoom(snapshot, self.needs)

    def kind(self, server: Server) -> object:
        """The same of those for which a host has room, or has none."""
        found = self._kinds.get(server.server_id)
        if found is None:
            found = self._kinds[server.server_id] = self._kind(server)
        return found

    def _kind(self, server: Server) -> object:
        if server.server_id in self._room.groups:
            return server.server_id
        here = self._room.hosts.get(server.host or '')
        return (
            *sorted(self.needs(server).items()),
            *sorted(server.traits.items()),
            here and (here.kind, here.version),
            server.project_id,
        )

    def alike(self, host: str) -> object:
        """The same of hosts that suit the same servers, groups left aside."""
        known = self._room.hosts.get(host)
        if known is None:
            return None
        traits = known.free and frozenset(known.free.traits)
        here = self._fleet.hosts[host].cpus, known.kind, known.version
        return traits, frozenset(known.projects), here

    def needs(self, server: Server) -> Mapping[str, int]:
        found = self._needs.get(server.server_id)
        if found is None:
            found = needs(server, self._room)
            self._needs[server.server_id] = found
        return found

    def fits(self, server: Server, host: str) -> bool:
        """Whether it can go there, and room is kept for a host's failure."""
        return self.has_room(server, host) and self.keeps(server, host)

    def has_room(self, server: Server, host: str) -> bool:
        """Whether Nova can place it there, for all that is known."""
        known = self._room.hosts.get(host)
        if known is not None and known.free is not None:
            # NOTE: as in left(); of 8,000 hosts each step counts.
            planned = self._planned.get(host, _NOTHING)
            left = known.free.left
            for kind, amount in self.needs(server).items():
                if left.get(kind, 0) - planned.get(kind, 0) < amount:
                    return False
        return self.suits(server, host)

    def suits(self, server: Server, host: str) -> bool:
        """The same, however much is left there."""
        known = self._room.hosts.get(host)
        if known is not None and next(
            self._besides(server, host, known), None
        ):
            return False
        groups = self._room.groups.get(server.server_id, ())
        return all([self._allows(g, server.server_id, host) for g in groups])

    def fits_after(self, leaving: Server, server: Server, host: str) -> bool:
        """Whether Nova can, once another one has left the host."""
        planned = self._planned.setdefault(host, collections.Counter())
        planned.subtract(self.needs(leaving))
        found = self.has_room(server, host)
        planned.update(self.needs(leaving))
        return found

    @property
    def keeps_room(self) -> bool:
        """Whether any is kept for a host's failure at all."""
        return self._kept is not None

    def keeps(self, server: Server, host: str) -> bool:
        """Whether it is, once it is there."""
        return self._kept is None or self._kept.is_kept(server, host)

    def spoiled_by(self, server: Server) -> Set[str]:
        """Hosts with room for it, to which it may not go for that."""
        return self._kept.spoiled_by(server) if self._kept else frozenset()

    def keeps_after(
        self, first: tuple[Server, str], server: Server, host: str
    ) -> bool:
        """The same, once another one is on a host."""
        kept = self._kept
        return kept is None or kept.is_kept_after(first, server, host)

    def left(self, host: str, kind: str) -> float:
        """Of a resource class; without end where nobody tells."""
        known = self._room.hosts.get(host)
        if known is None or known.free is None:
            return math.inf
        planned = self._planned.get(host, _NOTHING)
        return known.free.left.get(kind, 0) - planned.get(kind, 0)

    def lacks(self, server: Server, host: str) -> frozenset[Reason]:
        """What keeps Nova from it, of ``SCARCE``.

        For example b has 4096 MiB left, of which a server of 3072 is planned:
        one of 2048 lacks memory there; and where it is in a group with that
        policy, and the other one is, too, also what ``anti-affinity`` asks
        for.
        """
        found = frozenset(self._lacks(server, host))
        if not found and not self.keeps(server, host):
            return frozenset({Reason.KEPT_ROOM})
        return found

    def add(self, server: Server, host: str) -> None:
        """Take off what it needs there."""
        planned = self._planned.setdefault(host, collections.Counter())
        planned.update(self.needs(server))
        self._going.setdefault(server.server_id, set()).add(host)
        if self._kept is not None:
            self._kept.add(server, host)

    def hosts_of(self, server_id: str) -> set[str | None]:
        """Where it is, and where it may be soon."""
        server = self._fleet.servers.get(server_id)
        move = self._moves.get(server_id)
        records = self._fleet.migrations.get(server_id, ())
        return {
            *self._going.get(server_id, ()),
            *((server.host,) if server else ()),
            *((move.target,) if move else ()),
            *(m.target for m in records if not m.ended),
        }

    def _lacks(self, server: Server, host: str) -> Iterator[Reason]:
        known = self._room.hosts.get(host)
        if known is not None:
            yield from self._told(server, host, known)
        for group in self._room.groups.get(server.server_id, ()):
            if not self._allows(group, server.server_id, host):
                yield Reason.SERVER_GROUP

    def _told(
        self, server: Server, host: str, known: HostRoom
    ) -> Iterator[Reason]:
        for kind, amount in self.needs(server).items():
            if self.left(host, kind) < amount:
                yield _DIMENSION.get(kind, Reason.RESOURCES)
        yield from self._besides(server, host, known)

    def _besides(
        self, server: Server, host: str, known: HostRoom
    ) -> Iterator[Reason]:
        """What it lacks besides amounts."""
        if known.free is not None:
            there = known.free.traits
            for trait, word in server.traits.items():
                if word == ('forbidden' if trait in there else 'required'):
                    yield Reason.TRAITS
        # Whatever the allocation ratio is, none has more than its host.
        cpus = self._fleet.hosts[host].cpus
        if cpus is not None and self.needs(server).get('VCPU', 0) > cpus:
            yield Reason.VCPUS
        if known.projects and server.project_id not in known.projects:
            yield Reason.ISOLATION
        here = self._room.hosts.get(server.host or '')
        if here is not None and _older(known, here):
            yield Reason.HYPERVISOR

    def _allows(self, group: Group, server_id: str, host: str) -> bool:
        """Nova's rules; who is on its way may be on either of two hosts.

        NOTE: to Nova its own host is one of the group's, too. So the only
        member of an affinity group cannot leave.
        """
        others = [m for m in group.members if m != server_id]
        servers = self._fleet.servers
        if group.policy == AFFINITY:
            return any(
                m in servers and servers[m].host == host for m in others
            )
        there = sum(host in self.hosts_of(m) for m in others)
        return there < group.most


def _older(target: HostRoom, source: HostRoom) -> bool:
    """Whether Nova migrates nothing from the one to the other."""
    if target.kind and source.kind and target.kind != source.kind:
        return True
    if target.version is None or source.version is None:
        return False
    return target.version < source.version
