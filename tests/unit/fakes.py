"""Stand-ins for everything around a migrator.

They are small state machines that do what the real ones were seen to do, and
whatever trouble a test asks for. That Nova does what its stand-in does is
held by ``tests/contract``, for both of them.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from steal_scheduler.exception import (
    LockLost,
    NovaError,
    NovaRefused,
    NovaSilent,
    OrchestratorError,
    ServerGone,
    SignalError,
)
from steal_scheduler.model import pause, until
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.assignment import Rule
from steal_scheduler.model.cloud import (
    Host,
    HostSignal,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.host_view import View
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.proposal import Notice
from steal_scheduler.model.room import Free, Group
from steal_scheduler.model.scheduler import Scheduler
from steal_scheduler.moves import tags
from steal_scheduler.moves.effects import Effects
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.calls import Worker
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from tests.unit import make


class FakeNova:
    """A stand-in for ``NovaClient`` and the Nova behind it.

    Each acting call takes the next word of ``trouble`` first:

    ok      nothing special
    refused it did not happen, and Nova says so
    lost    it did not happen, and nobody says so
    unheard it happened, and nobody says so
    """

    #: In which Nova takes and removes tags.
    TAGGABLE = ('ACTIVE', 'MIGRATING', 'PAUSED', 'SUSPENDED', 'SHUTOFF')

    def __init__(self, *servers: Server, hosts: str = 'abc') -> None:
        self.now = make.NOW
        self.servers = {s.server_id: s for s in servers}
        #: All that there ever were, in the order in which they came.
        self._known = [*self.servers]
        #: When each changed; to Nova a tag is no change.
        self._changed: dict[str, float] = {}
        self.records: dict[int, Migration] = {}
        self._hosts = [Host(name, 'az1') for name in hosts]
        self._aggregates: dict[int, Aggregate] = {}
        #: What it says of its room, and what its Placement does.
        self.groups: list[Group] = []
        self.placement = FakePlacement(self)
        #: How far migrations under way are, by server id.
        self.copies: dict[str, Copied] = {}
        #: Accepted, and not recorded yet: server ids.
        self.unrecorded: list[str] = []
        #: Live migrations asked for since the server got its drain tag.
        self.asked: collections.Counter[str] = collections.Counter()
        self.trouble: list[str] = []
        #: An abort of a running migration leaves ERROR: Nova 33 and later.
        self.raises = False
        #: When each was aborted, where nothing happened to it since.
        self.cancelled: dict[str, float] = {}
        #: Whose guests do not run where they are said to be.
        self.crashed: set[str] = set()
        #: It answers no reading call, or an error to those of these names.
        self.down = False
        self.fails: set[str] = set()
        #: Ids of the servers of a cell that is down.
        self.cell_down: set[str] = set()
        #: Ids of servers that it has had.
        self.deleted: set[str] = set()
        #: Errors that it has answered.
        self.failures = 0
        #: Records of migrations appear only when ``record`` is called.
        self.slow = False
        #: The answer to an abort: it ends the migration, or is ignored.
        self.aborts = True

    # -- what happens to it ------------------------------------------------

    def create(self, server: Server) -> None:
        self.servers[server.server_id] = server
        self._changed[server.server_id] = self.now
        self._meet()

    def delete(self, server_id: str) -> None:
        del self.servers[server_id]
        self.deleted.add(server_id)
        self._changed[server_id] = self.now

    def change(self, server_id: str, **values: Any) -> None:
        if server_id in self.servers:
            self.servers[server_id] = dataclasses.replace(
                self.servers[server_id], **values
            )
            if values.keys() - {'tags'}:
                self._changed[server_id] = self.now

    def set_host(self, name: str, **values: Any) -> None:
        """What it is now; it may be a new one."""
        hosts = {h.name: h for h in self._hosts}
        known = hosts.get(name, Host(name, 'az1'))
        hosts[name] = dataclasses.replace(known, **values)
        self._hosts = [*hosts.values()]

    def record(self) -> None:
        """What was accepted gets its record."""
        while self.unrecorded:
            server_id = self.unrecorded.pop()
            found = len(self.records) + 1
            source = self.servers[server_id].host or ''
            self.records[found] = make.migration(
                server_id,
                migration_id=found,
                status='accepted',
                source=source,
                target=None,
                created_at=self.now,
            )

    def going_on(self, server_id: str = 's') -> Migration | None:
        """The server's migration that has not ended."""
        for found in self.records.values():
            if found.server_id == server_id and not found.ended:
                return found
        return None

    def proceed(self, status: str, server_id: str = 's') -> None:
        """Take its migration to this status; Nova has chosen a target."""
        found = self.going_on(server_id)
        if found is None:
            return
        target = found.target
        if target is None and status not in ('error', 'cancelled'):
            target = next(
                h.name for h in self._hosts if h.name != found.source
            )
        self.records[found.migration_id] = dataclasses.replace(
            found, status=status, target=target, updated_at=self.now
        )
        if status == 'completed':
            self.change(server_id, host=target)
        if self.records[found.migration_id].ended:
            self._rest(server_id)

    # -- what the migrator reads -------------------------------------------

    def page(self, marker: str | None) -> list[Server]:
        self._read('page')
        self._meet()
        if marker is not None and marker not in self._known:
            raise ServerGone(f'400: marker {marker} not found')
        if marker in self.cell_down:
            self._fail()
        after = self._known.index(marker) + 1 if marker else 0
        there = self.servers.keys() - self.cell_down
        return [self.servers[s] for s in self._known[after:] if s in there]

    def changed(self, since: float) -> list[Server]:
        self._read('changed')
        deleted = make.server(status='DELETED', host=None)
        return [
            self.servers.get(s, dataclasses.replace(deleted, server_id=s))
            for s, at in self._changed.items()
            if at >= since and s not in self.cell_down
        ]

    def _meet(self) -> None:
        """Tests put servers where they like."""
        self._known += [s for s in self.servers if s not in self._known]

    def server(self, server_id: str) -> Server:
        self._read('server')
        if server_id not in self.servers:
            raise ServerGone(server_id)
        if server_id in self.cell_down:
            return Server(server_id, '', None, None, 'UNKNOWN', 0, 0, 0)
        return self.servers[server_id]

    def hosts(self) -> list[Host]:
        self._read('hosts')
        return self._hosts

    def hypervisors(self) -> list[Hypervisor]:
        self._read('hypervisors')
        return [
            Hypervisor(h.name, h.name, None, 'QEMU', uuid=h.name)
            for h in self._hosts
        ]

    def server_groups(self) -> list[Group]:
        self._read('server_groups')
        return self.groups

    def aggregates(self) -> list[Aggregate]:
        self._read('aggregates')
        return [*self._aggregates.values()]

    def migrations(self, since: float) -> list[Migration]:
        self._read('migrations')
        return [
            m
            for m in self.records.values()
            if m.updated_at >= since
            and m.status != 'accepted'
            and m.server_id not in self.cell_down
        ]

    def accepted(self) -> list[Migration]:
        self._read('migrations')
        return [
            m
            for m in self.records.values()
            if m.status == 'accepted' and m.server_id not in self.cell_down
        ]

    def copied(self, server_id: str) -> Copied | None:
        self._read('copied')
        self._server(server_id)
        return self.copies.get(server_id) if self.going_on(server_id) else None

    def user_id(self) -> str | None:
        return 'us'

    def _read(self, name: str) -> None:
        """A reading call of this name."""
        if self.down:
            raise NovaSilent('Nova does not answer')
        if name in self.fails:
            self._fail()

    def _fail(self) -> NoReturn:
        self.failures += 1
        raise NovaError(f'HTTP 500 (Request-ID: req-{self.failures})')

    # -- what the migrator does --------------------------------------------

    def add_tag(self, server_id: str, tag: str) -> None:
        def add() -> None:
            if not self._taggable(server_id).tags:
                self.asked[server_id] = 0
            tags = {*self.servers[server_id].tags, tag}
            self.change(server_id, tags=tuple(sorted(tags)))

        self._act(add)

    def remove_tag(self, server_id: str, tag: str) -> None:
        def remove() -> None:
            if server_id in self.servers:
                tags = {*self._taggable(server_id).tags} - {tag}
                self.change(server_id, tags=tuple(sorted(tags)))

        self._act(remove)

    def live_migrate(self, server_id: str) -> None:
        def migrate() -> None:
            if self._server(server_id).status not in ('ACTIVE', 'PAUSED'):
                raise NovaRefused('409')
            self.change(server_id, status='MIGRATING', task_state='migrating')
            self.asked[server_id] += 1
            self.unrecorded.append(server_id)
            if not self.slow:
                self.record()

        self._act(migrate)

    def abort(self, server_id: str, migration_id: int) -> None:
        def abort() -> None:
            self._server(server_id)
            found = self.records[migration_id]
            if found.ended:
                raise NovaRefused('409: it does not migrate')
            if found.post_copy:
                raise NovaRefused('400: not in this state')
            self.records[migration_id] = dataclasses.replace(
                found, aborted=True
            )
            if self.aborts and found.running and self.raises:
                self.fail(server_id)
            elif self.aborts:
                self.proceed('cancelled', server_id)
            self.cancelled[server_id] = self.now

        self._act(abort)

    def set_metadata(self, server_id: str, key: str, value: str) -> None:
        def write() -> None:
            before = self.servers[server_id].metadata
            self.change(server_id, metadata={**before, key: value})

        self._act(write)

    def remove_metadata(self, server_id: str, key: str) -> None:
        def remove() -> None:
            before = self.servers[server_id].metadata
            after = {k: v for k, v in before.items() if k != key}
            self.change(server_id, metadata=after)

        self._act(remove)

    def create_aggregate(self, name: str, *hosts: str) -> None:
        if any(a.name == name for a in self._aggregates.values()):
            raise NovaRefused('409: it exists already')
        number = len(self._aggregates) + 1
        self._aggregates[number] = Aggregate(number, name, hosts)

    def set_aggregate_metadata(
        self, aggregate_id: int, metadata: Mapping[str, str | None]
    ) -> None:
        before = self._aggregates[aggregate_id]
        after = {**before.metadata, **metadata}
        self._aggregates[aggregate_id] = dataclasses.replace(
            before, metadata={k: v for k, v in after.items() if v is not None}
        )

    def pause(self, key: str = pause.KEY, value: str | None = 'true') -> None:
        """An operator writes it, or removes it with None."""
        if not self._aggregates:
            self.create_aggregate(until.AGGREGATE)
        self.set_aggregate_metadata(1, {key: value})

    def fail(self, server_id: str = 's') -> None:
        """As with libvirt since Nova 33, where a running migration fails."""
        self.proceed('error', server_id)
        self.change(server_id, status='ERROR')

    def last_was_abort(self, server_id: str, since: float) -> bool:
        self._read('last_was_abort')
        return self.cancelled.get(server_id, -1.0) >= since

    def ever_had(self, server_id: str) -> bool:
        self._read('ever_had')
        if server_id in self.cell_down:
            self._fail()
        return server_id in self.servers.keys() | self.deleted

    def runs(self, server_id: str) -> bool:
        if self._server(server_id).host is None:
            raise NovaRefused('409: it is on no host')
        return server_id not in self.crashed

    def reset_state(self, server_id: str) -> None:
        def reset() -> None:
            self._server(server_id)
            self.cancelled.pop(server_id, None)
            self.change(server_id, status='ACTIVE', task_state=None)

        self._act(reset)

    def _act(self, do: Callable[[], None]) -> None:
        word = self.trouble.pop(0) if self.trouble else 'ok'
        if word == 'refused':
            raise NovaRefused('403')
        if word == 'lost':
            raise NovaError('connection refused')
        do()
        if word == 'unheard':
            raise NovaError('read timed out')

    def _rest(self, server_id: str) -> None:
        """It migrates no more; it may have become something else."""
        server = self.servers.get(server_id)
        if server is not None and server.status == 'MIGRATING':
            self.change(server_id, status='ACTIVE', task_state=None)

    def _server(self, server_id: str) -> Server:
        if server_id not in self.servers:
            raise ServerGone(server_id)
        if server_id in self.cell_down:
            self._fail()
        return self.servers[server_id]

    def _taggable(self, server_id: str) -> Server:
        server = self._server(server_id)
        if server.status not in self.TAGGABLE:
            raise NovaRefused(f'409: it is {server.status}')
        return server


class FakePlacement:
    """A stand-in for ``Placement``: each provider has the name of its host."""

    def __init__(self, nova: FakeNova) -> None:
        self._nova = nova
        #: MiB that hosts have left, where that is not plenty.
        self.ram: dict[str, int] = {}
        #: What it was asked.
        self.asked: list[str] = []
        self.fails = False

    def free(self) -> dict[str, Free]:
        self._ask('free')
        plenty = {'VCPU': 999, 'DISK_GB': 99999}
        return {
            host.name: Free(
                plenty | {'MEMORY_MB': self.ram.get(host.name, 2**20)}
            )
            for host in self._nova._hosts
        }

    def allocated(self, server_id: str) -> dict[str, dict[str, int]]:
        self._ask('allocated')
        server = self._nova.servers[server_id]
        return {
            server.host or '': {
                'VCPU': server.vcpus,
                'MEMORY_MB': server.ram_mb,
                'DISK_GB': server.disk_gb,
            }
        }

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.fails or self._nova.down:
            raise NovaSilent('Placement does not answer')


class FakeOrchestrator(Orchestrator):
    """A stand-in for an orchestrator that every server belongs to.

    Each drain and reattach takes the next word of ``says``: done, waiting,
    refused, silent (it does not answer). Whatever a drain says, the server
    counts as out from then on, until a reattach is done.
    """

    def __init__(self) -> None:
        super().__init__({'fake': None}, 'fake')
        self.out: set[str] = set()
        self.says: list[str] = []
        #: It keeps marks of its own: what a lost tag would hide.
        self.lists = True
        #: What its list of them ends in.
        self.list_trouble: Exception | None = None
        #: What owners say to a notice.
        self.owner: Answer | Exception = DONE
        #: What it was asked for, in order: verb and server id.
        self.asked: list[tuple[str, str]] = []

    def drain(self, server: Server, node: str) -> Answer:
        return self._do('drain', server, self.out.add)

    def reattach(self, server: Server, node: str) -> Answer:
        return self._do('reattach', server, self.out.discard)

    def notice(self, server: Server, node: str, notice: Notice) -> Answer:
        self.asked.append(('notice', server.server_id))
        if isinstance(self.owner, Exception):
            raise self.owner
        return self.owner

    def detached(self) -> frozenset[str]:
        if self.list_trouble is not None:
            raise self.list_trouble
        return frozenset(self.out) if self.lists else frozenset()

    def _do(
        self, verb: str, server: Server, do: Callable[[str], None]
    ) -> Answer:
        word = self.says.pop(0) if self.says else 'done'
        self.asked.append((verb, server.server_id))
        if verb == 'drain' or word == 'done':
            do(server.server_id)
        if word == 'silent':
            raise OrchestratorError('no answer')
        return DONE if word == 'done' else Answer(State(word), f'is {word}')


def dispatcher(orchestrator: FakeOrchestrator, **more: Any) -> Dispatcher:
    """The real one, in front of this orchestrator."""
    rules = [Rule('fake', all_servers=True)]
    return dispatcher_of({'fake': orchestrator}, rules, **more)


def dispatcher_of(
    orchestrators: Mapping[str, Any], rules: Sequence[Rule], **more: Any
) -> Dispatcher:
    """The real one, whose lease never ends."""
    always: dict[str, Any] = {
        'in_time': lambda server, seconds: contextlib.nullcontext(),
        'number': lambda: LEADERSHIP,
        'worker': Serial,
    }
    return Dispatcher(orchestrators, rules, **(always | more))


class Serial(Worker):
    """A stand-in for a thread: each call is made when it is asked for."""

    def submit(self, call: Callable[[], Any]) -> Any:
        future: Any = concurrent.futures.Future()
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)
        return future


class FakeSource:
    """A stand-in for a signal source: what each server asks for, by id.

    Hosts share their cores out evenly: what is asked for beyond them waits.
    """

    def __init__(self, nova: FakeNova, cores: float = 8.0) -> None:
        self._nova = nova
        self._cores = cores
        self.demand: dict[str, float] = {}
        #: Ids of servers of which it does not tell.
        self.unseen: set[str] = set()
        self.trouble: Exception | None = None
        self.reads = 0
        #: What each asked for in the past, the latest first, as it is asked.
        self.before: Sequence[dict[str, float] | None] = ()
        self.reads_past = 0

    def read(self, now: float) -> Signals:
        self.reads += 1
        if self.trouble is not None:
            raise self.trouble
        return self._signals(now, self.demand)

    def read_past(self, at: float, seconds: float) -> Signals:
        self.reads_past += 1
        if self.reads_past > len(self.before):
            raise SignalError('that is not kept')
        told = self.before[self.reads_past - 1]
        if told is None:
            raise SignalError('it does not answer')
        return self._signals(at, told)

    def _signals(self, now: float, wanted: dict[str, float]) -> Signals:
        asked: dict[str, float] = {}
        running = {
            s.server_id: s
            for s in self._nova.servers.values()
            if s.host and s.status == 'ACTIVE'
        }
        for server_id, server in running.items():
            host = server.host or ''
            asked[host] = asked.get(host, 0) + wanted.get(server_id, 0.1)
        servers = {}
        for server_id, server in running.items():
            if server_id in self.unseen:
                continue
            demand = wanted.get(server_id, 0.1)
            # Who runs waits a little, always.
            got = min(0.998, self._cores / asked[server.host or ''])
            servers[server_id] = ServerSignal(
                server_id, server.host, demand * got, demand * (1 - got), now
            )
        hosts = {
            h.name: HostSignal(h.name, self._cores, now)
            for h in self._nova._hosts
        }
        return Signals(servers, hosts, now)


#: Number of the tests' leadership: it began right before.
LEADERSHIP = int(make.NOW) - 60


def signer(number: int = LEADERSHIP) -> tags.Signer:
    return tags.Signer((b'key of the tests',), lambda: number)


def effects(nova: Any, leader: Any) -> Effects:
    """Behind a lease; a call of Nova may take 20 s."""
    keys = signer().keys
    return Effects(nova, leader, tags.Signer(keys, lambda: leader.number), 20)


def tag(
    server_id: str, stage: str, since: float, number: int = LEADERSHIP - 60
) -> str:
    """A genuine one; of the leader before, where nothing else is said."""
    made = make.move(server_id, stage=Stage(stage), since=since)
    return signer().tag(made, number)


def newer_tag(server_id: str, said: str) -> str:
    """A genuine one of a version that is not known yet."""
    return said + tags._signature(signer().keys[0], server_id, said)


class FakeLeader:
    """A stand-in for the lease, which others may take."""

    def __init__(self) -> None:
        self.held = True
        self.handover = False
        self.number = LEADERSHIP

    @property
    def left(self) -> float:
        return 60.0 if self.held else 0.0

    def acquire(self) -> bool:
        return self.held

    def check_held(self, seconds: float = 0.0) -> None:
        if not self.held:
            raise LockLost('another migrator has it')

    def release(self) -> None:
        self.held = False


class FakeSender:
    """A stand-in for the message bus towards nova-scheduler."""

    def __init__(self) -> None:
        self.reaches = True
        self.views: list[View] = []

    def send(self, view: View) -> bool:
        self.views.append(view)
        return self.reaches


class FakeReceiver:
    """A stand-in for the message bus back from nova-scheduler."""

    def __init__(self) -> None:
        self.listens = False
        self.schedulers: dict[str, Scheduler] = {}

    def start(self) -> None:
        self.listens = True

    def stop(self) -> None:
        self.listens = False

    def heard(self, now: float) -> dict[str, Scheduler]:
        return self.schedulers


class FakeLeaderServer:
    """A stand-in for what lets the leader be asked over the message bus."""

    def __init__(self) -> None:
        self.listens = False

    def start(self) -> None:
        self.listens = True

    def stop(self) -> None:
        self.listens = False


class FakeNotifier:
    """A stand-in for ``notifier.Notifier``: keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.audited: list[dict[str, Any]] = []

    def send(self, event: str, move: Move, **more: Any) -> None:
        self.said.append((more.get('outcome', str(event)), move.server_id))

    def audit(self, event: Mapping[str, Any]) -> None:
        self.audited.append(dict(event))


def conf(poll_interval: float = 30.0) -> Any:
    """What the loop itself reads of the configuration."""
    return types.SimpleNamespace(
        migrator=types.SimpleNamespace(poll_interval=poll_interval)
    )
