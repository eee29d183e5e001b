"""A Nova with a Kubernetes and a Consul on its servers; and a storm's servers.

All of them are real; see ``scene.py``, ``kubernetes.py`` and ``consul.py``.
steal-migrator gets no more rights in them than the documentation asks for.
"""

from tests.functional.scene import Guest, Scene  # isort: skip (before Nova's)

import contextlib
import json
import pathlib
import time
import unittest
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any
from unittest import mock

import requests

from steal_scheduler.demo import load
from steal_scheduler.demo.api import ApiError
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.driver import DemoDriver
from steal_scheduler.demo.http import App, Environ
from tests.integration import daemons, kubernetes
from tests.integration.consul import Datacenter
from tests.integration.judges import Agents, Balancer, Nodes
from tests.integration.kubernetes import Cluster
from tests.shared import PATIENCE, Shared

#: The rights of steal-migrator in Consul.
_POLICY = pathlib.Path(__file__).parents[2] / 'etc/consul/steal-migrator.hcl'
#: The first is the storm's. A server moves within its zone.
ZONES = {
    'az1': ('a1', 'a2', 'a3'),
    'az2': tuple(f'b{number}' for number in range(1, 11)),
}
#: The servers that are nodes of Consul, the storm's first.
AGENTS = ('shop-1', 'both-1', 'client-1', 'client-2')

HOSTS = (*ZONES['az1'], *ZONES['az2'])
CORES = 2.0
#: Cores that the server asks for which is to be moved, and the others do.
_BUSY, _IDLE = 1.5, 0.1
#: After so long the signals are measured again, if nothing changes.
_FRESH_SECONDS = 10.0
#: The servers that move: nodes of Kubernetes, of Consul, of both, of neither.
KUBERNETES = ('kube-1', 'kube-2', 'both-1')
CONSUL = AGENTS[:2]
MOVERS = ('kube-1', 'kube-2', 'both-1', 'shop-1', 'lone-1')
#: More servers, so that one whose signals lag does not count for much.
_BESIDE = ('beside-1', 'beside-2')
#: As their roles say who takes them out. The balancer is the first to do so
#: and the last to undo it: it alone depends on the tag.
_ROUTES = {
    'balancer': {'roles': 'kube, both, shop, lone'},
    'kubernetes': {'roles': 'kube, both'},
    'consul': {'roles': 'shop, both'},
}
#: Everything at once. Deadlines are seconds instead of minutes; limits and
#: cooldowns are what an operator gets who sets nothing.
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'DEFAULT': {'transport_url': 'fake:/', 'use_stderr': True},
    'migrator': {
        'dry_run': False,
        'poll_interval': 0.1,
        'metrics_port': 0,
    },
    'signals': {'source': 'static', 'max_age': 60},
    'detection': {'polls_contended': 1, 'polls_window': 1},
    # Or a migration may take longer than its time-out, by its size.
    'limits': {'copy_rate': 1000},
    'stages': {
        'drain_timeout': 20,
        'migration_timeout': 5,
    },
    # A leader waits for the longest call of the one before.
    'nova': {'timeout': 6},
}


class Site:
    """One for all modules of a process; each has it without servers."""

    cluster: Cluster
    datacenter: Datacenter

    def __init__(self) -> None:
        self.scene = Scene(ZONES)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be there, beside the Kubernetes of this process."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.scene.stop)
            self.scene.start()
            apps = self.scene.cloud.http.apps
            self._addresses = _Addresses(apps['compute'])
            apps['compute'] = self._addresses
            self.cluster = kubernetes.cluster
            directory = self.scene.workdir / 'consul'
            directory.mkdir()
            self.datacenter = stack.enter_context(
                Datacenter(directory, AGENTS)
            )
            token = self.datacenter.token(_POLICY.read_text())
            self._token_file.write_text(token)
            yield

    def clear(self) -> None:
        """Delete all servers and nodes, and what runs on them."""
        self.scene.clear()
        self.cluster.clear()
        self.datacenter.clear()

    # -- servers -----------------------------------------------------------

    def boot(
        self,
        *guests: Guest,
        nodes: Container[str] = (),
        clients: Container[str] = (),
    ) -> dict[str, str]:
        """Boot servers; their ids by their names.

        :param nodes: names of those that are nodes of Kubernetes
        :param clients: names of those that are nodes of Consul
        """
        names = (guest.name for guest in guests)
        ids = dict(zip(names, self.scene.boot(*guests), strict=True))
        self.cluster.add_nodes({n: i for n, i in ids.items() if n in nodes})
        for name, id_ in ids.items():
            if name in clients:
                self._addresses.of[id_] = self.datacenter.address(name)
        return ids

    # -- steal-migrator's --------------------------------------------------

    def sections(self, **more: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections of its orchestrators; over them these."""
        ports = self.datacenter.ports
        own: dict[str, dict[str, Any]] = {
            'migrator': {'orchestrators': 'kubernetes, consul'},
            'kubernetes': {
                'roles': 'nodes',
                'kubeconfig': self.cluster.of_migrator,
            },
            'consul': {
                'roles': 'clients',
                'address': f'https://{{address}}:{ports["https"]}',
                'networks': self.datacenter.network,
                'catalog': self.datacenter.server,
                'cafile': self.datacenter.cafile,
                'token_file': self._token_file,
                'settle': 0.5,
            },
        }
        return {
            name: {**own.get(name, {}), **more.get(name, {})}
            for name in own.keys() | more.keys()
        }

    @property
    def _token_file(self) -> pathlib.Path:
        return self.scene.workdir / 'consul.token'


class _Addresses:
    """In front of nova-api: the addresses that Neutron would have given.

    A stand-in: this Nova has no Neutron, and no server of it a network.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        #: Id of a server -> its address.
        self.of: dict[str, str] = {}

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def begin(status: str, headers: Any, *_: Any) -> None:
            begun.append((status, headers))

        body = b''.join(self._app(environ, begin))
        ((status, headers),) = begun
        if b'"addresses"' in body:
            body = self._fill_in(json.loads(body))
            length = ('Content-Length', str(len(body)))
            headers = [h for h in headers if h[0].lower() != length[0].lower()]
            headers.append(length)
        start_response(status, headers)
        return [body]

    def _fill_in(self, answer: dict[str, Any]) -> bytes:
        for server in answer.get('servers') or [answer.get('server', {})]:
            if address := self.of.get(server.get('id')):
                server['addresses'] = {'net': [{'addr': address}]}
        return json.dumps(answer).encode()


site = Site()
_shared = Shared(site.running)


def set_up() -> Callable[[], None]:
    """Return the ``setUpModule`` of the module that calls this."""
    beside, start = kubernetes.set_up(), _shared.set_up()

    def set_up_module() -> None:
        beside()
        start()
        unittest.addModuleCleanup(site.clear)

    return set_up_module


# -- the storm's -------------------------------------------------------------


class Estate:
    """Started once; each run of the storm leaves it as it was."""

    def __init__(self) -> None:
        self.scene = site.scene
        #: Name -> id of the server.
        self.ids: dict[str, str] = {}
        #: Host of each server; the one that suffers, and where.
        self._where: dict[str, str] = {}
        self._busy = ''
        self._noise = ''
        self._calm = True
        self._measured = 0.0

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be there, on the site of this process."""
        self.cluster, self.datacenter = site.cluster, site.datacenter
        self._boot(*MOVERS, *_BESIDE)
        self.nodes = Nodes(self.cluster)
        self.agents = Agents(self.datacenter, CONSUL)
        self.cluster.deploy('web', 4, budget=2)
        for name in CONSUL:
            self.datacenter.register(name, 'shop')
        self.balancer = Balancer(self.scene.workdir / 'balancer')
        self._sections = site.sections(**_ROUTES)
        with Witness(self.is_out) as self.witness:
            yield

    def _boot(self, *names: str) -> None:
        """Boot servers of these names, on whatever they are nodes of."""
        guests = (
            Guest(name, HOSTS[0], role=name.partition('-')[0])
            for name in names
        )
        self.ids.update(site.boot(*guests, nodes=KUBERNETES, clients=CONSUL))

    def is_out(self, id_: str) -> bool:
        """Whether it is out of all that it is a node of."""
        name = {id_: name for name, id_ in self.ids.items()}[id_]
        if name not in (*KUBERNETES, *CONSUL):
            return self.balancer.is_out(id_)
        return (name not in KUBERNETES or self.nodes.is_out(name)) and (
            name not in CONSUL or self.agents.is_out(name)
        )

    # -- the migrator's view of it -----------------------------------------

    def config_file(
        self,
        name: str,
        *,
        lock: str = 'lock',
        routed: bool = True,
        balanced: bool = True,
    ) -> pathlib.Path:
        """Write a configuration file.

        :param lock: a directory; none has led by a new one
        :param routed: whether any server belongs to anybody
        :param balanced: whether to the balancer as well
        """
        own: dict[str, dict[str, Any]] = {
            'migrator': {
                'lock_url': f'file://{self.scene.workdir / lock}',
                'orchestrators': ', '.join(_ROUTES),
            },
            'static': {'path': self.signals},
            'kubernetes': {'timeout': 2},
            'consul': {'timeout': 1, 'settle': 0.1},
            'balancer': {
                'driver': 'command',
                'path': self.balancer.script,
                'timeout': 6,
            },
        }
        for section in _ROUTES:
            if not routed or (section == 'balancer' and not balanced):
                own[section]['roles'] = ''
        lines = []
        for section in OPTIONS.keys() | own.keys() | self._sections.keys():
            values = {
                **OPTIONS.get(section, {}),
                **self._sections.get(section, {}),
                **own.get(section, {}),
            }
            lines.append(f'[{section}]')
            lines += [f'{key} = {value}' for key, value in values.items()]
        lines.append(self.scene.cloud.nova_auth_conf())
        path = self.scene.workdir / f'{name}.conf'
        path.write_text('\n'.join(lines) + '\n')
        return path

    @property
    def signals(self) -> pathlib.Path:
        return self.scene.workdir / 'signals.json'

    def stay_fresh(self) -> None:
        """Measure again before the signals are too old to be believed."""
        if time.monotonic() > self._measured + _FRESH_SECONDS:
            self.measure()

    def measure(self) -> None:
        """Write the signals, as fresh as can be."""
        self._measured = time.monotonic()
        with contextlib.suppress(ApiError):
            # It alone moves. Of one that is gone there are old ones.
            self._where[self._busy] = self.scene.host(self._busy)
        where = {**self._where, 'noise': self._noise}
        demands = dict.fromkeys(where, _IDLE)
        if not self._calm:
            demands[self._busy] = demands['noise'] = _BUSY
        read = load.signals(where, demands, HOSTS, CORES, time.time())
        part = self.signals.with_suffix('.part')
        part.write_text(json.dumps(read))
        part.replace(self.signals)

    def unavailable(self) -> list[str]:
        """Services that are not there, or less than they have to be."""
        return [*self.nodes.short(), *self.agents.short()]

    # -- between the runs --------------------------------------------------

    def suffer(self, name: str) -> None:
        """From now on this server waits for CPU, where it is now."""
        found = self.scene.call('GET', '/servers/detail')['servers']
        self._where = {s['id']: s['OS-EXT-SRV-ATTR:host'] for s in found}
        self._busy = self.ids[name]
        self._noise = self._where[self._busy]
        self._calm = False
        self.measure()

    def calm_down(self) -> None:
        """From now on nobody waits for CPU."""
        self._calm = True
        self.measure()

    def repair(self, name: str) -> None:
        """Make the server as it was, whatever a run has done to it."""
        scene, id_ = self.scene, self.ids[name]
        if not scene.exists(id_):
            if name in KUBERNETES:
                self.cluster.delete_node(name)
            self._boot(name)
            if name in CONSUL:
                self.agents.begin(name)
            return
        scene.unblock(id_)
        scene.action(id_, 'unlock')
        role = {'role': name.partition('-')[0]}
        scene.call('PUT', f'/servers/{id_}/metadata', {'metadata': role})
        status = scene.cloud.servers.server(id_)['status']
        if status == 'ERROR':
            # Nova removes no tags then.
            scene.action(id_, 'os-resetState', {'state': 'active'})
        scene.call('DELETE', f'/servers/{id_}/tags')
        if status == 'SHUTOFF':
            scene.action(id_, 'os-start')
        wait_for(
            lambda: scene.is_active(id_), PATIENCE, f'{name} to be ACTIVE'
        )

    def reset(self) -> None:
        """Remove by hand what a failed run has left behind."""
        self.nodes.reset()
        self.agents.reset()
        self.balancer.reset()


class Witness(daemons.Parts):
    """Sees whether a server is in service while it migrates.

    It looks whenever a hypervisor begins to migrate one.
    """

    def __init__(self, is_out: Callable[[str], bool]) -> None:
        """:param is_out: of service, by the id of the server"""
        self._is_out = is_out
        #: What it saw that should not be; empty it before each run.
        self.saw: list[str] = []

    def begin(self, stack: contextlib.ExitStack) -> None:
        migrate, look = DemoDriver.live_migration, self._look

        def watched(
            driver: DemoDriver,
            context: Any,
            instance: Any,
            dest: str,
            *args: Any,
            **kwargs: Any,
        ) -> None:
            look(instance.uuid)
            migrate(driver, context, instance, dest, *args, **kwargs)

        stack.enter_context(
            mock.patch.object(DemoDriver, 'live_migration', watched)
        )

    def _look(self, id_: str) -> None:
        # In an outage nobody can tell.
        with contextlib.suppress(requests.RequestException):
            if not self._is_out(id_):
                self.saw.append(f'{id_} began to migrate in service')
