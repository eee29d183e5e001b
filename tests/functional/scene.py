"""A cloud with contended servers on it, as a test wants them."""

import contextlib
import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from steal_scheduler.demo.cloud import Cloud  # isort: skip (before Nova's)

from steal_scheduler.demo import users
from steal_scheduler.demo.api import Api, ApiError
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.load import Load
from steal_scheduler.demo.servers import NewServer, Servers
from steal_scheduler.demo.settings import Settings
from steal_scheduler.demo.story import FILTER_SCHEDULER
from steal_scheduler.scheduler import listener, request_info
from tests.shared import PATIENCE

#: Of each host, as the signals tell.
CORES = 2.0


@dataclasses.dataclass(frozen=True)
class Guest:
    """A server to boot, and the cores it asks for once it is up."""

    name: str
    host: str
    demand: float = 1.5
    role: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ram_mb: int = 512
    disk_gb: int = 1
    extra_specs: tuple[tuple[str, str], ...] = ()
    #: Id of its server group.
    group: str | None = None


class Scene:
    """One cloud for all tests of a module, started by its setUpModule.

    Or for all modules of a process: see ``one``.
    """

    cloud: Cloud
    load: Load

    def __init__(
        self, zones: Mapping[str, Sequence[str]], **settings: Any
    ) -> None:
        self.zones = zones
        self._settings = Settings(
            filter_scheduler=FILTER_SCHEDULER, **settings
        )
        self._demands: dict[str, float] = {}
        #: host -> cores that something else than a server asks for there.
        self.noise: dict[str, float] = {}
        #: Servers that no exporter sees.
        self.unseen: set[str] = set()
        #: What is done to the signals before anybody reads them.
        self.lie: Callable[[dict[str, Any]], None] | None = None
        self._flavor = functools.cache(self._make_flavor)

    def start(self) -> None:
        self.cloud = Cloud(self.zones, self._settings).start()
        self.load = self._new_load()

    def stop(self) -> None:
        listener.stop()
        self.cloud.stop()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """From start to stop."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """The signals are written every half second, as for a daemon."""
        self.load = self._new_load()
        self.load.start()
        try:
            yield
        finally:
            self.load.stop()

    @property
    def workdir(self) -> pathlib.Path:
        return self.cloud.workdir

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Nova's API, as the admin."""
        return self.cloud.servers.api.call(method, path, body)

    def flavor(
        self,
        ram_mb: int = 512,
        disk_gb: int = 1,
        extra_specs: tuple[tuple[str, str], ...] = (),
    ) -> str:
        """Id of the flavor of this size."""
        return self._flavor(ram_mb, disk_gb, extra_specs)

    # -- servers -----------------------------------------------------------

    def boot(
        self, *guests: Guest, owner: users.User = users.ADMIN
    ) -> list[str]:
        """Boot them and wait; their ids in order.

        :param owner: only an admin says on which host; Nova does where it is
            empty
        """
        servers = Servers(Api(self.cloud.url, owner))
        ids = servers.boot_many(
            NewServer(
                guest.name,
                self.flavor(guest.ram_mb, guest.disk_gb, guest.extra_specs),
                host=guest.host,
                metadata={
                    **guest.metadata,
                    **({'role': guest.role} if guest.role else {}),
                },
                hints={'group': guest.group} if guest.group else {},
            )
            for guest in guests
        )
        for id_, guest in zip(ids, guests, strict=True):
            self._demands[id_] = guest.demand
        return ids

    def clear(self) -> None:
        """As it was: no server, no fault, and a scheduler without a view."""
        self.cloud.http.lift()
        listener.stop()
        request_info._known_zone.cache_clear()
        self.noise.clear()
        self.unseen.clear()
        self.lie = None
        for id_ in self.ids():
            self.unblock(id_)
            self.call('DELETE', f'/servers/{id_}')
        wait_for(lambda: not self.ids(), PATIENCE, 'all servers to be gone')
        self._demands.clear()

    def unblock(self, id_: str) -> None:
        """Abort its migrations, if it has any under way."""
        for each in self.call('GET', f'/servers/{id_}/migrations')[
            'migrations'
        ]:
            try:
                self.call('DELETE', f'/servers/{id_}/migrations/{each["id"]}')
            except ApiError:
                # It ends by itself just now.
                continue

    def server_group(self, policy: str) -> str:
        """Create one; its id."""
        group = {'name': policy, 'policy': policy}
        answer = self.call(
            'POST', '/os-server-groups', {'server_group': group}
        )
        id_: str = answer['server_group']['id']
        return id_

    def action(self, id_: str, name: str, body: Any = None) -> None:
        self.call('POST', f'/servers/{id_}/action', {name: body})

    def set_metadata(self, id_: str, metadata: Mapping[str, str]) -> None:
        body = {'metadata': dict(metadata)}
        self.call('POST', f'/servers/{id_}/metadata', body)

    def ids(self) -> list[str]:
        """Of all servers, whosever they are."""
        found = self.call('GET', '/servers?all_tenants=1')['servers']
        return [server['id'] for server in found]

    def exists(self, id_: str) -> bool:
        return id_ in self.ids()

    def is_active(self, id_: str) -> bool:
        return bool(self.cloud.servers.server(id_)['status'] == 'ACTIVE')

    def wait_status(self, id_: str, status: str) -> None:
        server = self.cloud.servers.server
        wait_for(
            lambda: server(id_)['status'] == status,
            PATIENCE,
            f'it to be {status}',
        )

    def finish_migration(self, id_: str) -> None:
        """Let a migration that never ends complete."""
        path = f'/servers/{id_}/migrations'
        migration = self.call('GET', path)['migrations'][0]['id']
        self.call(
            'POST', f'{path}/{migration}/action', {'force_complete': None}
        )

    def set_zone_metadata(
        self, zone: str, metadata: Mapping[str, str | None]
    ) -> None:
        """Of the zone's host aggregate; None removes a key."""
        for each in self.call('GET', '/os-aggregates')['aggregates']:
            if each['name'] == zone:
                body = {'set_metadata': {'metadata': dict(metadata)}}
                path = f'/os-aggregates/{each["id"]}/action'
                self.call('POST', path, body)

    def host(self, id_: str) -> str:
        return self.cloud.servers.host(id_)

    def target(self, id_: str) -> str | None:
        """Of its latest migration, as Nova chose it."""
        target: str | None = self.cloud.servers.migrations(id_)[0][
            'dest_compute'
        ]
        return target

    def tags(self, id_: str) -> list[str]:
        """Those of ours."""
        tags = self.cloud.servers.server(id_)['tags']
        return [tag for tag in tags if tag.startswith('steal:')]

    def stage(self, id_: str) -> str | None:
        """What its tag says."""
        tags = self.tags(id_)
        return tags[-1].split(':')[1] if tags else None

    def wait_stage(
        self, id_: str, stage: str, seconds: float = PATIENCE
    ) -> None:
        wait_for(
            lambda: self.stage(id_) == stage,
            seconds,
            f'the move to be at {stage}',
        )

    def migrations(self, id_: str) -> list[str]:
        """What became of its live migrations, the latest first."""
        return [m['status'] for m in self.cloud.servers.migrations(id_)]

    # -- signals -----------------------------------------------------------

    def measure(self) -> None:
        """Write the signals, as fresh as can be."""
        found = self.load.write()
        if self.lie is not None:
            self.lie(found)
            self.load.path.write_text(json.dumps(found))

    def _new_load(self) -> Load:
        hosts = tuple(host for zone in self.zones.values() for host in zone)
        load = Load(self.workdir / 'signals.json', self._where, hosts, CORES)
        load.demands = self._demands
        return load

    def _where(self) -> dict[str, str]:
        answer = self.call('GET', '/servers/detail?all_tenants=1&limit=1000')
        where = {
            s['id']: s['OS-EXT-SRV-ATTR:host']
            for s in answer['servers']
            if s['id'] in self._demands.keys() - self.unseen
            and s['OS-EXT-SRV-ATTR:host']
        }
        noise = {f'noise on {host}': host for host in self.noise}
        self.load.demands = self._demands | {
            name: self.noise[host] for name, host in noise.items()
        }
        return where | noise

    def _make_flavor(
        self,
        ram_mb: int,
        disk_gb: int,
        extra_specs: tuple[tuple[str, str], ...],
    ) -> str:
        return self.cloud.servers.flavor(
            f'{ram_mb} {disk_gb} {extra_specs}',
            # None asks for more than these.
            2,
            ram_mb,
            disk_gb,
            dict(extra_specs),
        )
