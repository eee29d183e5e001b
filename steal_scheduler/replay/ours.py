"""Our own rule: the migrator's decisions, on the cloud that is replayed."""

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np

from steal_scheduler.decision import decide, detector, host_checks, relief
from steal_scheduler.decision.demand import remember
from steal_scheduler.decision.demand_log import DemandLog
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rankings import Ranks
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import (
    Fleet,
    Host,
    HostSignal,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.demand import CALM, STEP, History
from steal_scheduler.model.host_view import NO_VIEW
from steal_scheduler.model.move import Ended, Move, Stage
from steal_scheduler.model.room import Free, Group, HostRoom, Room
from steal_scheduler.replay.calm import CalmHours
from steal_scheduler.replay.cloud import Cloud, Flight
from steal_scheduler.replay.recording import Recording
from steal_scheduler.replay.rivals import MINUTE, Wish
from steal_scheduler.replay.work import Minute

#: A midnight UTC, for windows; seconds since the epoch.
BEGIN = 1_800_057_600.0


class Ours:
    """A tick of the migrator at each minute, with Nova's part as well.

    What is decided is what ``steal-migrator`` decides: the same code from the
    signals to the moves. Nova's choice is that of our filter and our weigher,
    among the hosts that have room. Metrics are never wrong here, so they are
    not checked.
    """

    def __init__(
        self,
        cloud: Cloud,
        recording: Recording,
        rules: Rules,
        drain_seconds: float = 0.0,
    ) -> None:
        """:param drain_seconds: until Nova is asked for a migration"""
        self.cloud = cloud
        self._drain_seconds = drain_seconds
        #: Requests for which Nova had no host, after the drain.
        self.refused = 0
        #: Verdicts that moving cannot help: a zone and a tick each.
        self.saturated = 0
        #: What they said is scarce.
        self.scarce = set[str]()
        #: Core-seconds less that servers waited, as our moves are told.
        self.claimed = 0.0
        self._rules = dataclasses.replace(
            rules, disabled_checks=frozenset(host_checks.OPTIONAL)
        )
        self._ids = [server.id for server in recording.servers]
        self._index = {id_: n for n, id_ in enumerate(self._ids)}
        self._names = [host.name for host in recording.hosts]
        self._hosts = {h.name: Host(h.name, h.zone) for h in recording.hosts}
        self._servers = {
            s.id: Server(
                server_id=s.id,
                name=s.name,
                host=s.host,
                zone=self._hosts[s.host].zone,
                status='ACTIVE',
                vcpus=s.vcpus,
                ram_mb=s.ram_mb,
                disk_gb=s.disk_gb,
                role=s.role,
                project_id=s.project,
            )
            for s in recording.servers
        }
        self._room = _room(recording)
        self._records: dict[str, tuple[Migration, ...]] = {}
        self._moves: dict[str, Move] = {}
        self._ended: dict[str, Ended] = {}
        self._watches: detector.Watches = {}
        self._view = NO_VIEW
        self._calm = CalmHours()
        self._past = DemandLog()
        #: Of the minutes since its last mean.
        self._minutes: list[Minute] = []
        self._asked = 0

    def arrived(self, flight: Flight, now: float) -> None:
        """Take note that a server is on its target."""
        server_id, at = self._ids[flight.server], BEGIN + now
        record, *older = self._records[server_id]
        ended = dataclasses.replace(record, status='completed', updated_at=at)
        self._records[server_id] = (ended, *older)
        server = dataclasses.replace(
            self._servers[server_id], host=self._names[flight.target]
        )
        self._servers[server_id] = server
        self._moves[server_id] = dataclasses.replace(
            self._moves[server_id],
            server=server,
            stage=Stage.VERIFY,
            since=at,
        )

    def wishes(self, now: float, minute: Minute) -> Iterator[Wish]:
        """What a tick begins, one after the other.

        NOTE: each is to begin before the next one is asked for.
        """
        snapshot = usable_signals(self._snapshot(BEGIN + now, minute))
        snapshot = self._with_view(snapshot)
        remember(snapshot)
        self._verify(snapshot)
        yield from self._ask_drained(snapshot)
        snapshot = dataclasses.replace(snapshot, fleet=self._fleet())
        case = decide.look(snapshot, self._watches)
        if case.leavers:
            room = dataclasses.replace(self._room, hosts=self._left())
            snapshot = dataclasses.replace(snapshot, room=room)
        decision = decide.judge(case, snapshot)
        self._watches = decision.watches
        self.saturated += len(decision.saturations)
        self.scarce |= {found.scarce for found in decision.saturations}
        self._moves |= {
            move.server_id: relief.with_loads(move, snapshot)
            for move in decision.admitted
        }
        yield from self._ask_drained(snapshot)

    def _ask_drained(self, snapshot: Snapshot) -> Iterator[Wish]:
        """Ask Nova for those whose drain is done, the first one first."""
        for move in [*self._moves.values()]:
            drained = snapshot.now - move.since >= self._drain_seconds
            if move.stage is not Stage.DRAIN or not drained:
                continue
            target = self._choose(move, snapshot)
            self._ask(move, target, snapshot)
            if target is None:
                self.refused += 1
                del self._moves[move.server_id]
                continue
            yield self._index[move.server_id], target
            snapshot = self._with_view(snapshot)

    def _fleet(self) -> Fleet:
        records = self._records
        return Fleet(
            dict(self._servers),
            self._hosts,
            dict(records),
            ours=tuple(r for found in records.values() for r in found),
        )

    def _snapshot(self, now: float, minute: Minute) -> Snapshot:
        """All that Nova and the signals would tell, a minute long."""
        self._remember(minute)
        places = self.cloud.places
        bad = minute.bad_seconds
        # On which host it was measured: who has just arrived has no sample.
        measured = {
            id_: ServerSignal(
                id_,
                self._names[places[n]],
                float(minute.used[n]),
                float(minute.waited[n]),
                now,
                bad_seconds=None if bad is None else float(bad[n]),
            )
            for n, id_ in enumerate(self._ids)
            if now - BEGIN - self.cloud.arrived[n] >= MINUTE
        }
        hosts = {
            name: HostSignal(name, float(cores), now)
            for name, cores in zip(self._names, self.cloud.cores, strict=True)
        }
        return Snapshot(
            now,
            self._rules,
            self._fleet(),
            Signals(
                measured,
                hosts,
                now,
                window=MINUTE,
                history=self._history(minute),
            ),
            past=self._past,
            moves=self._moves,
            ended=self._ended,
            sent=True,
        )

    def _remember(self, minute: Minute) -> None:
        self._minutes.append(minute)
        if len(self._minutes) * MINUTE >= STEP:
            used = np.mean([m.used for m in self._minutes], axis=0)
            waited = np.mean([m.waited for m in self._minutes], axis=0)
            self._calm.add(used, waited)
            self._minutes.clear()

    def _left(self) -> dict[str, HostRoom]:
        return {
            name: HostRoom(Free(left))
            for name, left in zip(self._names, self.cloud.left, strict=True)
        }

    def _history(self, minute: Minute) -> dict[str, History]:
        """As the source of the signals has it: of hosts that wait."""
        waited = self.cloud.on_hosts(minute.waited)
        used = self.cloud.on_hosts(minute.used)
        contended = waited > CALM * (used + waited)
        servers = np.flatnonzero(contended[self.cloud.places])
        told = self._calm.of(servers)
        return {
            self._ids[n]: one for n, one in zip(servers, told, strict=True)
        }

    def _with_view(self, snapshot: Snapshot) -> Snapshot:
        self._view = build_view(snapshot, self._view)
        return dataclasses.replace(snapshot, view=self._view)

    def _verify(self, snapshot: Snapshot) -> None:
        """End the moves whose relief can be measured."""
        for move in [*self._moves.values()]:
            signal = snapshot.signals.servers.get(move.server_id)
            if move.stage is not Stage.VERIFY or signal is None:
                continue
            del self._moves[move.server_id]
            over = relief.verdict(move, signal, snapshot)
            self._ended[move.server_id] = over
        before = self._ended
        self._ended = relief.follow(before, snapshot)
        self.claimed += sum(
            after.core_seconds - before[server_id].core_seconds
            for server_id, after in self._ended.items()
        )

    def _choose(self, move: Move, snapshot: Snapshot) -> int | None:
        """Index of the host that Nova chooses; None where it has none."""
        ranked = Ranks(snapshot).of(move, snapshot.now)
        for name in itertools.chain.from_iterable(ranked.best):
            host = self._names.index(name)
            if self.cloud.fits(self._index[move.server_id], host):
                return host
        return None

    def _ask(self, move: Move, target: int | None, snapshot: Snapshot) -> None:
        """Ask Nova: keep its record, and the move if there is one."""
        server_id = move.server_id
        self._asked += 1
        name = None if target is None else self._names[target]
        record = Migration(
            self._asked,
            server_id,
            'error' if name is None else 'running',
            move.source,
            name,
            snapshot.now,
            snapshot.now,
        )
        self._records[server_id] = (
            record,
            *self._records.get(server_id, ()),
        )
        if name is not None:
            move = dataclasses.replace(
                move, stage=Stage.MIGRATE, since=snapshot.now, target=name
            )
            self._moves[server_id] = relief.with_loads(move, snapshot)


def _room(recording: Recording) -> Room:
    """What Nova tells of it that does not change."""
    ids = [server.id for server in recording.servers]
    groups: dict[str, list[Group]] = {}
    for n, each in enumerate(recording.groups):
        members = frozenset(ids[server] for server in each.servers)
        group = Group(f'group {n}', each.policy, members)
        for member in members:
            groups.setdefault(member, []).append(group)
    return Room(
        allocated={
            s.id: {'MEMORY_MB': s.ram_mb, 'DISK_GB': s.disk_gb}
            for s in recording.servers
        },
        groups=groups,
    )
