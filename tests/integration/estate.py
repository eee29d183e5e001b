"""What a storm goes over: a site, and servers that are busy in turn.

Nodes, agents and the balancer are seen as a judge and other operators see
them: nothing of ours is used for that, each is asked by itself.
"""

from tests.functional.scene import Guest  # isort: skip (before Nova's)

import contextlib
import json
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self
from unittest import mock

import requests

from steal_scheduler.demo import load
from steal_scheduler.demo.api import ApiError
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.driver import DemoDriver
from tests.integration.consul import MAINTENANCE, Datacenter
from tests.integration.kubectl import ADMIN
from tests.integration.kubernetes import Cluster
from tests.integration.site import AGENTS, ZONES, site

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

#: Seconds for an answer.
_PATIENCE = 20
#: What others write on a node along with cordoning it.
_NOTE = 'example.org/why'
#: Why others put a node into maintenance.
_REASON = 'disk'
_SCRIPT = """\
#!/bin/sh
case $1 in
drain) : > "{out}/$STEAL_SERVER_ID" ;;
reattach) rm -f "{out}/$STEAL_SERVER_ID" ;;
esac
"""

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
    'stages': {
        'drain_timeout': 20,
        'migration_timeout': 5,
    },
}


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
        self.gate = site.gate
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
        self, name: str, *, routed: bool = True, balanced: bool = True
    ) -> pathlib.Path:
        """Write a configuration file.

        :param routed: whether any server belongs to anybody
        :param balanced: whether to the balancer as well
        """
        own: dict[str, dict[str, Any]] = {
            'migrator': {
                'lock_url': f'file://{self.scene.workdir}/lock',
                'orchestrators': ', '.join(_ROUTES),
            },
            'static': {'path': self.signals},
            'kubernetes': {'timeout': 2},
            'consul': {'timeout': 2, 'settle': 0.1},
            'balancer': {'driver': 'command', 'path': self.balancer.script},
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
        self.gate.open()
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
        scene.call('DELETE', f'/servers/{id_}/tags')
        status = scene.cloud.servers.server(id_)['status']
        if status == 'ERROR':
            scene.action(id_, 'os-resetState', {'state': 'active'})
        if status == 'SHUTOFF':
            scene.action(id_, 'os-start')
        wait_for(lambda: scene.is_active(id_), 30.0, f'{name} to be ACTIVE')

    def reset(self) -> None:
        """Remove by hand what a failed run has left behind."""
        self.nodes.reset()
        self.agents.reset()
        self.balancer.reset()


class Nodes:
    """Those of Kubernetes, asked of the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(cluster.cafile)
        self._session.headers['Authorization'] = (
            f'Bearer {cluster.token_of(ADMIN)}'
        )

    def left(self, others: frozenset[str]) -> list[str]:
        """What of us is still to be seen, and what of others is not.

        :param others: nodes that others have cordoned
        """
        found = []
        for node in self._call('GET', '/api/v1/nodes')['items']:
            name = node['metadata']['name']
            cordoned = node['spec'].get('unschedulable', False)
            if cordoned and name not in others:
                found.append(f'node {name} is cordoned')
            if name in others and not (cordoned and self._noted(node)):
                found.append(f'node {name} is not as others left it')
            marks = [
                *node['metadata'].get('annotations', {}),
                *node['metadata'].get('labels', {}),
                *(taint['key'] for taint in node['spec'].get('taints', ())),
            ]
            found += [f'node {name} has {m}' for m in marks if 'steal' in m]
        return found

    def short(self) -> list[str]:
        """Budgets that are not kept now."""
        budgets = self._call('GET', '/apis/policy/v1/poddisruptionbudgets')
        return [
            f'{budget["metadata"]["name"]} has {status["currentHealthy"]} '
            f'pods, and wants {status["desiredHealthy"]}'
            for budget in budgets['items']
            for status in [budget['status']]
            if status['currentHealthy'] < status['desiredHealthy']
        ]

    def is_out(self, name: str) -> bool:
        spec = self._call('GET', f'/api/v1/nodes/{name}')['spec']
        return bool(spec.get('unschedulable', False))

    def take(self, name: str) -> None:
        """Cordon it, as another operator."""
        self._patch(name, taken=True)

    def give_back(self, name: str) -> None:
        self._patch(name, taken=False)

    def reset(self) -> None:
        """Remove all that anybody has done to any, by hand."""
        for node in self._call('GET', '/api/v1/nodes')['items']:
            metadata = node['metadata']
            labels = {k: None for k in metadata['labels'] if 'steal' in k}
            notes = metadata.get('annotations', {})
            taints = [
                taint
                for taint in node['spec'].get('taints', ())
                if 'steal' not in taint['key']
            ]
            patch = {
                'metadata': {
                    'labels': labels,
                    'annotations': {
                        k: None for k in notes if 'steal' in k or k == _NOTE
                    },
                },
                'spec': {'unschedulable': None, 'taints': taints or None},
            }
            self._call('PATCH', f'/api/v1/nodes/{metadata["name"]}', patch)

    def _patch(self, name: str, *, taken: bool) -> None:
        self._call(
            'PATCH',
            f'/api/v1/nodes/{name}',
            {
                'metadata': {
                    'annotations': {_NOTE: 'disk' if taken else None}
                },
                'spec': {'unschedulable': taken or None},
            },
        )

    @staticmethod
    def _noted(node: dict[str, Any]) -> bool:
        return _NOTE in node['metadata'].get('annotations', {})

    def _call(self, method: str, path: str, patch: Any = None) -> Any:
        answer = self._session.request(
            method,
            f'{self.cluster.url}{path}',
            data=None if patch is None else json.dumps(patch),
            headers={'Content-Type': 'application/merge-patch+json'},
            timeout=_PATIENCE,
        )
        answer.raise_for_status()
        return answer.json()


class Agents:
    """Those of Consul."""

    def __init__(self, datacenter: Datacenter, names: Sequence[str]) -> None:
        self.datacenter = datacenter
        self._names = names
        #: Whose server is deleted; it ended with it.
        self._gone: set[str] = set()

    def left(self, others: frozenset[str]) -> list[str]:
        """What of us is still to be seen, and what of others is not.

        :param others: nodes that others have put into maintenance
        """
        found = []
        for name in self._names:
            if name in self._gone:
                continue
            why = self._why(name)
            if why != (_REASON if name in others else None):
                found.append(f'agent {name} is in maintenance: {why}')
        return found

    def short(self) -> list[str]:
        """Services that no agent offers now."""
        offered = self.datacenter.healthy('shop')
        return [] if offered else ['nobody offers the service shop']

    def is_out(self, name: str) -> bool:
        return self._why(name) is not None

    def take(self, name: str) -> None:
        """Put it into maintenance, as another operator."""
        path = f'agent/maintenance?enable=true&reason={_REASON}'
        self.datacenter.call('PUT', path, name)

    def give_back(self, name: str) -> None:
        self.datacenter.call('PUT', 'agent/maintenance?enable=false', name)

    def reset(self) -> None:
        """End all maintenance, by hand."""
        for name in self._names:
            self.give_back(name)

    def end(self, name: str) -> None:
        """Its server is deleted."""
        self.datacenter.stop(name)
        self._gone.add(name)

    def begin(self, name: str) -> None:
        """There is a server of this name again, if it had ended."""
        if name in self._gone:
            self._gone.remove(name)
            self.datacenter.start(name)
            # It should have a new disk, and remembers nothing of the old.
            self.give_back(name)

    def _why(self, name: str) -> str | None:
        checks = self.datacenter.call('GET', 'agent/checks', name)
        reason: str | None = checks.get(MAINTENANCE, {}).get('Notes')
        return reason


class Balancer:
    """A stand-in, with a script that keeps no list of whom it took out.

    It is the third kind of orchestrator: where the tag in Nova is the only
    one that knows.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._out = directory / 'out'
        self._out.mkdir(parents=True)
        #: For the migrator.
        self.script = directory / 'script'
        self.script.write_text(_SCRIPT.format(out=self._out))
        self.script.chmod(0o755)

    def is_out(self, server_id: str) -> bool:
        return (self._out / server_id).exists()

    def left(self) -> list[str]:
        """Servers that are out."""
        return [
            f'server {path.name} is out of the balancer'
            for path in self._out.iterdir()
        ]

    def reset(self) -> None:
        """Put all back, by hand."""
        for path in self._out.iterdir():
            path.unlink()


class Witness:
    """Sees whether a server is in service while it migrates.

    It looks whenever a hypervisor begins to migrate one.
    """

    def __init__(self, is_out: Callable[[str], bool]) -> None:
        """:param is_out: of service, by the id of the server"""
        self._is_out = is_out
        self._stack = contextlib.ExitStack()
        #: What it saw that should not be; empty it before each run.
        self.saw: list[str] = []

    def __enter__(self) -> Self:
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

        self._stack.enter_context(
            mock.patch.object(DemoDriver, 'live_migration', watched)
        )
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _look(self, id_: str) -> None:
        # In an outage nobody can tell.
        with contextlib.suppress(requests.RequestException):
            if not self._is_out(id_):
                self.saw.append(f'{id_} began to migrate in service')
