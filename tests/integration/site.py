"""A Nova with a Kubernetes and a Consul on its servers, as one fixture.

All of them are real; see ``scene.py``, ``kubernetes.py`` and ``consul.py``.
steal-migrator gets no more rights in them than the documentation asks for.
"""

from tests.functional.scene import Guest, Scene  # isort: skip (before Nova's)

import contextlib
import enum
import json
import pathlib
import threading
import unittest
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

from steal_scheduler.demo.http import App, Environ, reply
from tests.integration import kubernetes
from tests.integration.consul import Datacenter
from tests.integration.kubernetes import Cluster
from tests.shared import Shared

#: The rights of steal-migrator in Consul.
_POLICY = pathlib.Path(__file__).parents[2] / 'etc/consul/steal-migrator.hcl'
#: As the client of Nova names itself that the migrator uses.
_OURS = 'python-novaclient'
#: The first is the storm's. A server moves within its zone.
ZONES = {
    'az1': ('a1', 'a2', 'a3'),
    'az2': tuple(f'b{number}' for number in range(1, 11)),
}
#: The servers that are nodes of Consul, the storm's first.
AGENTS = ('shop-1', 'both-1', 'client-1', 'client-2')


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
            self.gate = apps['compute'] = Gate(self._addresses)
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


class Wrong(enum.Enum):
    """What becomes of a call."""

    UNHEARD = 'hung up on before Nova hears of it'
    LOST = 'heard by Nova, and hung up on before the answer'
    ERROR = 'answered with 503'


class Gate:
    """In front of nova-api: it goes wrong for some calls of ours."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lock = threading.Lock()
        #: Calls of ours so far.
        self.calls = 0
        self._first = self._last = 0
        self._how: Wrong | None = None

    def open(self) -> None:
        """Count anew, and let everything through."""
        with self._lock:
            self.calls = 0
            self._how = None

    def fail(self, first: int, last: int, how: Wrong) -> None:
        """Let the calls with these numbers go wrong, counted from now."""
        with self._lock:
            self.calls = 0
            self._first, self._last, self._how = first, last, how

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        how = self._next(environ.get('HTTP_USER_AGENT', ''))
        if how is Wrong.UNHEARD:
            # wsgiref takes this for a client that has gone, and hangs up.
            raise ConnectionAbortedError
        if how is Wrong.ERROR:
            error = {'error': {'code': 503, 'message': 'as the test says'}}
            return reply(start_response, error, '503 Unavailable')
        if how is Wrong.LOST:
            list(self._app(environ, lambda *_: None))
            raise ConnectionAbortedError
        return self._app(environ, start_response)

    def _next(self, agent: str) -> Wrong | None:
        if _OURS not in agent:
            return None
        with self._lock:
            self.calls += 1
            hit = self._first <= self.calls <= self._last
            return self._how if hit else None


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
