"""What a storm goes over: a site, and servers that are busy in turn."""

from tests.functional.scene import Guest  # isort: skip (before Nova's)

import contextlib
import json
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from steal_scheduler.demo import load
from steal_scheduler.demo.api import ApiError
from steal_scheduler.demo.deadline import wait_for
from tests.integration.agents import Agents
from tests.integration.balancer import Balancer
from tests.integration.gate import Gate
from tests.integration.nodes import Nodes
from tests.integration.site import Site
from tests.integration.witness import Witness

HOSTS = ('a1', 'a2', 'a3')
CORES = 2.0
#: Cores that the server asks for which is to be moved, and the others do.
_BUSY, _IDLE = 1.5, 0.1
#: After so long the signals are measured again, if nothing changes.
_FRESH_SECONDS = 10.0
#: The servers that move: nodes of Kubernetes, of Consul, of both, of neither.
KUBERNETES = ('kube-1', 'kube-2', 'both-1')
CONSUL = ('shop-1', 'both-1')
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
    'stages': {
        'drain_timeout': 20,
        'migration_timeout': 5,
    },
}


class Estate:
    """Started once; each run of the storm leaves it as it was."""

    def __init__(self) -> None:
        self._site = Site({'az1': HOSTS}, CONSUL)
        self.scene = self._site.scene
        self._stack = contextlib.ExitStack()
        #: Name -> id of the server.
        self.ids: dict[str, str] = {}
        #: Host of each server; the one that suffers, and where.
        self._where: dict[str, str] = {}
        self._busy = ''
        self._noise = ''
        self._calm = True
        self._measured = 0.0

    # -- its life ----------------------------------------------------------

    def start(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._site.stop)
            self._site.start()
            apps = self.scene.cloud.http.apps
            self.gate = apps['compute'] = Gate(apps['compute'])
            self.cluster = self._site.cluster
            self.datacenter = self._site.datacenter
            for name in (*MOVERS, *_BESIDE):
                self._boot(name)
            self.nodes = Nodes(self.cluster)
            self.agents = Agents(self.datacenter)
            self.cluster.deploy('web', 4, budget=2)
            for name in CONSUL:
                self.datacenter.register(name, 'shop')
            self.balancer = Balancer(self.scene.workdir / 'balancer')
            self._sections = self._site.sections(**_ROUTES)
            self.witness = stack.enter_context(Witness(self.is_out))
            self._stack = stack.pop_all()

    def stop(self) -> None:
        self._stack.close()

    def _boot(self, name: str) -> None:
        """Boot a server of this name, on whatever it is a node of."""
        guest = Guest(name, HOSTS[0], role=name.partition('-')[0])
        if name in CONSUL:
            (self.ids[name],) = self._site.boot_clients(guest)
        else:
            (self.ids[name],) = self.scene.boot(guest)
        if name in KUBERNETES:
            self.cluster.add_node(name, self.ids[name])

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
