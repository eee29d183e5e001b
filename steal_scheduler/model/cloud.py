"""Servers, hosts, migrations and signals: what Nova and the sources tell.

CPU is in *cores* (CPU-seconds per second), shares run from 0 to 1, times are
seconds since the epoch, sizes are MiB unless the name says otherwise.
"""

import dataclasses
from collections.abc import Mapping, Set
from typing import Any

from steal_scheduler.model.demand import History
from steal_scheduler.model.emptying import Emptying
from steal_scheduler.model.guest import GuestKey, GuestSignal
from steal_scheduler.model.hypervisor import ELSEWHERE
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.migration import Migration as Migration
from steal_scheduler.model.pause import Pause
from steal_scheduler.model.policy import NO_POLICIES, Policies
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.skip import Skip
from steal_scheduler.model.threads import NO_THREADS, Threads


@dataclasses.dataclass(frozen=True, slots=True)
class ServerSignal:
    """What one server's vCPUs did, as measured on one host."""

    server_id: str
    #: Nova's name of the host that was measured; None: Nova's word is taken.
    host: str | None
    #: Cores used, and cores that were runnable but had to wait.
    used: float
    waited: float
    at: float
    #: Cores that its own CPU quota held back; they are part of ``waited``.
    throttled: float | None = None
    #: Share of its seconds in which it asked for a core and waited for it.
    bad_seconds: float | None = None
    #: Guest load average; None where no guest agent tells.
    load: float | None = None
    #: Cores of ``waited`` as the guest's own steal clock counts them.
    guest_waited: float | None = None
    #: Measured inside the guest, not by the hypervisor.
    by_guest: bool = False
    #: vCPUs of which these are the sums; None where nobody counts them.
    vcpus: float | None = None
    threads: Threads = NO_THREADS

    @property
    def contention(self) -> float:
        """Cores it waited for since others had them: not its own quota."""
        waited = self.waited - (self.throttled or 0.0)
        return 0.0 if waited < 0.0 else waited

    @property
    def asked(self) -> float:
        """Cores that it used, or that others kept from it."""
        return self.used + self.contention

    @property
    def steal(self) -> float:
        """Share of the time it wanted to run that others made it wait."""
        contention = self.contention
        asked = self.used + contention
        return contention / asked if asked > 0 else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class HostSignal:
    """What one hypervisor has to give."""

    host: str
    #: pCPUs that guests may use.
    cores: float
    at: float
    #: Cores used, by whatever runs there; None where nobody tells.
    used: float | None = None
    #: Runnable vCPU threads per pCPU.
    runnable: float | None = None
    #: Seconds that its clock is ahead of the source's; less than 0: behind.
    clock_offset: float | None = None
    #: False where the source itself says that its numbers are unreliable.
    reliable: bool = True
    #: Share of its network that is used, in the busier direction.
    network: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Signals:
    """One reading of a signal source."""

    servers: Mapping[str, ServerSignal]
    hosts: Mapping[str, HostSignal]
    taken_at: float
    #: What guests tell of themselves, by what ``guests_by`` says.
    guests: Mapping[str, GuestSignal] = dataclasses.field(default_factory=dict)
    guests_by: GuestKey = GuestKey.UUID
    #: Seconds over which each sample is a mean.
    window: float = 0.0
    #: Hosts of which nothing is told, since several may be meant: how these
    #: differ, and what to do, by name.
    ambiguous_hosts: Mapping[str, str] = dataclasses.field(
        default_factory=dict
    )
    #: What the kernel of a host calls itself, by what the source calls it.
    nodenames: Mapping[str, Set[str]] = dataclasses.field(default_factory=dict)
    #: What it calls hosts that Nova does not know; by ``host_names.py``.
    strangers: tuple[str, ...] = ()
    #: By server id, of those whose host waits now.
    history: Mapping[str, History] = dataclasses.field(default_factory=dict)


NO_SIGNALS = Signals({}, {}, 0.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """A compute host, as Nova tells it."""

    name: str
    zone: str
    #: Its nova-compute reports: a server can leave it.
    up: bool = True
    #: Nova may place servers there.
    enabled: bool = True
    #: What else Nova calls it: names and IP addresses of its hypervisors.
    aliases: Set[str] = frozenset()
    #: Of its hypervisors, such as QEMU; '' where Nova does not tell.
    kind: str = ''
    #: pCPUs that servers share, as Nova counts them; None where it does not.
    cpus: int | None = None

    @property
    def measurable(self) -> bool:
        """Servers there may have steal that exporters of ours can see."""
        return self.kind not in ELSEWHERE and self.cpus != 0

    @property
    def open(self) -> bool:
        """It can be given a server."""
        return self.up and self.enabled


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """What must be known of a Nova server to decide and to move it."""

    server_id: str
    name: str
    host: str | None
    zone: str | None
    status: str
    vcpus: int
    ram_mb: int
    #: Local disk that a migration without shared storage copies.
    disk_gb: int
    role: str | None = None
    locked: bool = False
    #: Who said no: 'server metadata', 'flavor'; None where nobody did.
    opted_out: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    project_id: str = ''
    #: Its IP addresses, fixed and floating.
    addresses: tuple[str, ...] = ()
    #: What Nova does with it, and so takes no migration; None for nothing.
    task_state: str | None = None
    #: vCPUs that are pinned: each has a pCPU of its own.
    dedicated: int = 0
    #: Of its flavor: 'required' or 'forbidden' on its host, by trait.
    traits: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def shared_vcpus(self) -> int:
        """vCPUs that share pCPUs with others, and may wait for them."""
        return self.vcpus - self.dedicated

    @property
    def pinned(self) -> bool:
        """All of it is, and so it waits for nobody."""
        return 0 < self.vcpus <= self.dedicated

    @property
    def label(self) -> str:
        """For a person: its name and its id; without a name its id alone."""
        one, name = self.server_id, self.name
        return f'{name} ({one})' if name.strip() else one

    @property
    def gone(self) -> bool:
        """Nova does not know it any more."""
        return self.status == 'DELETED'

    @property
    def migrating(self) -> bool:
        """Nova has taken a request to migrate it live, and is not done.

        It is so before there is a record. NOTE: that it is not proves
        nothing: a request may be on its way, and a person may reset it.
        """
        return self.task_state == 'migrating' and not self.gone

    def deleted(self) -> 'Server':
        """The same when Nova does not know it any more: on no host."""
        return dataclasses.replace(self, host=None, status='DELETED')


#: Seconds that a record counts which does not end while Nova migrates nothing.
LEFT_OVER = 120.0


@dataclasses.dataclass(frozen=True, slots=True)
class Fleet:
    """All that Nova tells; what it does not tell now, as it was last told."""

    servers: Mapping[str, Server]
    hosts: Mapping[str, Host]
    #: By server id, newest first.
    migrations: Mapping[str, tuple[Migration, ...]]
    #: Those that our own user asked for, in any order.
    ours: tuple[Migration, ...] = ()
    #: Those that are over as well.
    pauses: tuple[Pause, ...] = ()
    emptyings: tuple[Emptying, ...] = ()
    #: What operators say of its hosts.
    policies: Policies = NO_POLICIES
    #: By server id, those that are over as well.
    skips: Mapping[str, Skip] = dataclasses.field(default_factory=dict)
    #: What Nova did not tell now, and why.
    unread: Mapping[Listing, str] = dataclasses.field(default_factory=dict)
    #: Ids of servers that Nova did not tell of now: their cell is down.
    unread_servers: Set[str] = frozenset()
    #: By server id, how far the copies of our moves are, where Nova tells.
    copies: Mapping[str, Copied] = dataclasses.field(default_factory=dict)
    #: Why Nova does not tell the aliases of its hosts; '' where it does.
    no_aliases: str = ''
    #: What was counted of it; so no fleet is ever changed.
    counted: dict[object, Any] = dataclasses.field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def is_current(self, server_id: str) -> bool:
        """Whether what is known of a server and its migrations is of now."""
        return (
            Listing.MIGRATIONS not in self.unread
            and server_id not in self.unread_servers
        )

    def goes_on(self, migration: Migration, now: float) -> bool:
        """Whether Nova may still go on with it.

        For example a record that is ``running`` since yesterday, when its
        nova-compute was killed, is left over where its server is not
        migrating; where it is, nobody but Nova knows.
        """
        if migration.ended:
            return False
        server = self.servers.get(migration.server_id)
        return (server is not None and server.migrating) or (
            now - migration.updated_at <= LEFT_OVER
        )

    def going_on(self, server_id: str, now: float) -> Migration | None:
        """The server's live migration that Nova may still go on with."""
        records = self.migrations.get(server_id, ())
        return next((m for m in records if self.goes_on(m, now)), None)
