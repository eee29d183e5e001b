"""A Nova with a Kubernetes and a Consul on its servers, as one fixture.

All of them are real; see ``scene.py``, ``kubernetes.py`` and ``consul.py``.
steal-migrator gets no more rights in them than the documentation asks for.
"""

from tests.functional.scene import Guest, Scene  # isort: skip (before Nova's)

import contextlib
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.demo.http import App, Environ
from tests.integration.binaries import skip_if_left_out
from tests.integration.consul import Datacenter
from tests.integration.kubernetes import Cluster

_ETC = pathlib.Path(__file__).parents[2] / 'etc'
#: Of steal-migrator in Kubernetes, and the manifest that creates it.
_ACCOUNT, _NAMESPACE = 'steal-migrator', 'steal-scheduler'
_RBAC = _ETC / 'kubernetes/steal-migrator-rbac.yaml'
#: Its rights in Consul.
_POLICY = _ETC / 'consul/steal-migrator.hcl'


class Site:
    """One for all tests of a module, started by its setUpModule.

    It begins without servers. A process can have one in its life.
    """

    cluster: Cluster
    datacenter: Datacenter

    def __init__(
        self, zones: Mapping[str, Sequence[str]], agents: Sequence[str]
    ) -> None:
        """:param agents: names of the servers that will be Consul's"""
        self.scene = Scene(zones)
        self._agents = agents
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        skip_if_left_out()
        with contextlib.ExitStack() as stack:
            stack.callback(self.scene.stop)
            self.scene.start()
            apps = self.scene.cloud.http.apps
            self._addresses = _Addresses(apps['compute'])
            apps['compute'] = self._addresses
            self.cluster = stack.enter_context(
                Cluster(self._directory('kubernetes'), {})
            )
            self.datacenter = stack.enter_context(
                Datacenter(self._directory('consul'), self._agents)
            )
            self.cluster.apply(_RBAC.read_text())
            token = self.datacenter.token(_POLICY.read_text())
            self._token_file.write_text(token)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        self._stack.close()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What the daemons beside Nova say."""
        return [*self.cluster.logs, *self.datacenter.logs]

    # -- servers -----------------------------------------------------------

    def boot_nodes(self, *guests: Guest) -> list[str]:
        """Boot servers that are nodes of Kubernetes under their names."""
        ids = self.scene.boot(*guests)
        for guest, id_ in zip(guests, ids, strict=True):
            self.cluster.add_node(guest.name, id_)
        return ids

    def boot_clients(self, *guests: Guest) -> list[str]:
        """Boot servers that are nodes of Consul under their names."""
        ids = self.scene.boot(*guests)
        for guest, id_ in zip(guests, ids, strict=True):
            self._addresses.of[id_] = self.datacenter.address(guest.name)
        return ids

    # -- steal-migrator's --------------------------------------------------

    def sections(self, **more: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections of its orchestrators; over them these."""
        ports = self.datacenter.ports
        own: dict[str, dict[str, Any]] = {
            'migrator': {'orchestrators': 'kubernetes, consul'},
            'kubernetes': {
                'roles': 'nodes',
                'kubeconfig': self.cluster.let_in(_ACCOUNT, _NAMESPACE),
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

    def _directory(self, name: str) -> pathlib.Path:
        found = self.scene.workdir / name
        found.mkdir()
        return found


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
