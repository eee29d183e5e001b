"""The orchestrators of a run: what stands in for each, and what it shows.

A server is in service where it takes work, and *held* where something of ours
is left: a mark, a weight, a reason.
"""

import abc
import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.command import run
from steal_scheduler.orchestrators.kubernetes import nodes
from tests.simulation.edge import Broken, Edge, Lost, Refused
from tests.standins import consul, keystone, kubernetes, octavia, webhook
from tests.standins.kubernetes_objects import pod
from tests.standins.transport import App, Environ

#: TEST-NET-1, where nobody is: the last byte of an address says who.
NET = '192.0.2.'
#: The id of a server of another cloud.
STRANGER = 'ffffffff-0000-4000-8000-000000000000'


class Place(abc.ABC):
    """One orchestrator. A server is in it whose name has its letter."""

    #: Of its section.
    name: str
    #: Its section, with ``{directory}``.
    section: str
    #: What it is called in the edge; others may be the same.
    letter: str
    #: Others can be told from us there.
    tells_others = True

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self.servers = {
            s: server
            for s, server in servers.items()
            if self.letter in server.name.partition('-')[0]
        }
        #: Servers that others have taken out of service here.
        self.others: set[str] = set()
        #: Servers that others have put into service since we took them out.
        self.returned: set[str] = set()

    @abc.abstractmethod
    def apps(self, edge: Edge) -> dict[str, App]:
        """By the URL at which each answers."""

    @abc.abstractmethod
    def serves(self, server_id: str) -> bool:
        """Whether it takes work."""

    @abc.abstractmethod
    def holds(self, server_id: str) -> bool:
        """Whether something of ours is left there."""

    @abc.abstractmethod
    def take_out(self, server_id: str) -> None:
        """Somebody else takes it out of service, if it is in."""

    @abc.abstractmethod
    def put_in(self, server_id: str) -> None:
        """Somebody else ends whatever keeps it out."""

    def forge(self, server_id: str) -> None:  # noqa: B027
        """What is no server of ours says that we drained it for this one.

        In most places nobody else can say so.
        """

    def robbed(self) -> bool:
        """Whether something of ours was done to what is no server of ours."""
        return False

    def go_on(self) -> None:  # noqa: B027
        """Do what it does by itself: most do nothing."""

    def delete(self, server_id: str) -> None:  # noqa: B027
        """The server is deleted in Nova: most do not notice."""

    def wrongs(self) -> Iterator[str]:
        """What was done there that is never right."""
        yield from ()


class Kubernetes(Place):
    name, letter = 'kube', 'k'
    section = """
driver = kubernetes
name_pattern = ^[a-z]*k
kubeconfig = {directory}/kubeconfig
max_drained = 2
"""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(servers)
        self.cluster = kubernetes.Cluster()
        self._serial = itertools.count()
        #: Evictions that were looked at.
        self._seen = 0
        #: Drains that evicted what comes back, as node and its mark.
        self._drains: set[tuple[str, str]] = set()
        for server_id, server in self.servers.items():
            self.cluster.add_node(server.name, server_id)
            self._run_pod(server.name)
        self._come_back()

    def apps(self, edge: Edge) -> dict[str, App]:
        app = edge.wsgi(self.name, self.cluster, _unless_get)
        return {f'http://{NET}201:6443': app}

    def _run_pod(self, node: str) -> None:
        self.cluster.pods.append(pod(f'pod-{node}', node))

    def _come_back(self) -> None:
        """Run a pod on each node, of a controller that asks no scheduler."""
        there = {p['spec']['nodeName'] for p in self._pods('back-')}
        for server in self.servers.values():
            if server.name not in there:
                made = pod(f'back-{next(self._serial)}', server.name)
                made['metadata']['uid'] = made['metadata']['name']
                made['metadata']['ownerReferences'][0]['name'] = 'back'
                self.cluster.pods.append(made)

    def _pods(self, prefix: str) -> list[Any]:
        return [
            p
            for p in self.cluster.pods
            if p['metadata']['name'].startswith(prefix)
        ]

    def _node(self, server_id: str) -> Any:
        return self.cluster.nodes[self.servers[server_id].name]

    def serves(self, server_id: str) -> bool:
        return not self._node(server_id)['spec'].get('unschedulable')

    def holds(self, server_id: str) -> bool:
        about = self._node(server_id)['metadata']
        marks = {*about.get('labels', {}), *about.get('annotations', {})}
        # Nobody else writes that one here.
        return nodes.SCALE_DOWN in marks or any(
            mark.startswith('steal-scheduler/') for mark in marks
        )

    def take_out(self, server_id: str) -> None:
        """Cordon it, as a person does.

        NOTE: where a person has uncordoned it before, and our mark says that
        it was us who cordoned it, nobody could tell his cordon from ours.
        """
        about = self._node(server_id)['metadata'].get('annotations', {})
        told = about.get('steal-scheduler/drained', '"back"')
        if self.serves(server_id) and '"back"' in told:
            self.cluster.cordon(self.servers[server_id].name)
            self.others.add(server_id)

    def put_in(self, server_id: str) -> None:
        self.cluster.cordon(self.servers[server_id].name, on=False)
        self.others.discard(server_id)
        self.returned.add(server_id)

    def forge(self, server_id: str) -> None:
        """A kubelet labels its own node, which a person has cordoned."""
        name = f'evil-{server_id[:8]}'
        self.cluster.add_node(name, STRANGER, unschedulable=True)
        self.cluster.nodes[name]['metadata'] |= {
            'labels': {'steal-scheduler/server': server_id},
            'annotations': {
                'steal-scheduler/drained': json.dumps(
                    {
                        'since': '2027-01-15T08:00:00+00:00',
                        'cordoned_by_us': True,
                        'budgets': {},
                    }
                )
            },
        }

    def robbed(self) -> bool:
        return any(
            name.startswith('evil-') and not self.cluster.is_cordoned(name)
            for name in self.cluster.nodes
        )

    def wrongs(self) -> Iterator[str]:
        """Who comes back is let be, whichever process goes on."""
        evicted = self.cluster.evicted[self._seen :]
        self._seen += len(evicted)
        for pod_name in evicted:
            found = self.cluster.pod(*pod_name.split('/'))
            if found is None or found not in self._pods('back-'):
                continue
            node = found['spec']['nodeName']
            about = self.cluster.nodes[node]['metadata']
            mark = about.get('annotations', {}).get(nodes.ANNOTATION)
            if mark is None:
                # It was asked for before that was removed, and arrived late.
                continue
            drain = node, json.loads(mark)['since']
            if drain in self._drains:
                yield f'a pod that came back to {node} is evicted again'
            self._drains.add(drain)

    def go_on(self) -> None:
        self.cluster.end_pods()
        self._come_back()
        there = {p['spec']['nodeName'] for p in self._pods('pod-')}
        for server_id, server in self.servers.items():
            if server.name not in there and self.serves(server_id):
                self._run_pod(server.name)


class Consul(Place):
    name, letter = 'consul', 'c'
    section = """
driver = consul
name_pattern = ^[a-z]*c
address = http://{{address}}:8500
networks = 192.0.2.0/24
catalog = http://192.0.2.202:8500
settle = 5
"""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(servers)
        self.cluster = consul.Cluster()
        for server in self.servers.values():
            self.cluster.add_node(server.name, address=server.addresses[0])

    def apps(self, edge: Edge) -> dict[str, App]:
        apps = {
            f'http://{server.addresses[0]}:8500': edge.wsgi(
                self.name, self.cluster.agents[server.name], _unless_get
            )
            for server in self.servers.values()
        }
        catalog = edge.wsgi(self.name, self.cluster.catalog, _unless_get)
        return {**apps, f'http://{NET}202:8500': catalog}

    def _node(self, server_id: str) -> consul.Node:
        return self.cluster.nodes[self.servers[server_id].name]

    def serves(self, server_id: str) -> bool:
        return self._node(server_id).reason is None

    def holds(self, server_id: str) -> bool:
        reason = self._node(server_id).reason or ''
        return reason.startswith('steal-scheduler')

    def take_out(self, server_id: str) -> None:
        node = self._node(server_id)
        if node.reason is None:
            node.reason = 'a person: the disk is changed'
            self.cluster.sync()
            self.others.add(server_id)

    def put_in(self, server_id: str) -> None:
        self._node(server_id).reason = None
        self.cluster.sync()
        self.others.discard(server_id)
        self.returned.add(server_id)

    def forge(self, server_id: str) -> None:
        """Who owns an agent gives a reason that looks like ours."""
        name = f'evil-{server_id[:8]}'
        node = self.cluster.add_node(name, address='198.51.100.9')
        node.reason = f'steal-scheduler: server {server_id} moves, since 1'
        self.cluster.sync()

    def robbed(self) -> bool:
        return any(
            name.startswith('evil-') and node.reason is None
            for name, node in self.cluster.nodes.items()
        )

    def delete(self, server_id: str) -> None:
        super().delete(server_id)
        if server_id in self.servers:
            node = self._node(server_id)
            node.joined, node.reason, node.shown = False, None, None


class Balancer(Place):
    """Octavia, behind Keystone: each server is a member of one pool."""

    name, letter = 'lb', 'l'
    section = """
driver = octavia
name_pattern = ^[a-z]*l
auth_section = login
settle = 5
"""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(servers)
        self.keystone = keystone.Keystone()
        self.keystone.catalog = {'load-balancer': f'http://{NET}204:9876'}
        self.octavia = octavia.Octavia(self.keystone)
        pool = self.octavia.add_pool()
        # Never drained, or nobody would be left.
        self.octavia.add_member(pool, '198.51.100.1')
        self._members = {
            server_id: self.octavia.add_member(
                pool, server.addresses[0], weight=7
            )
            for server_id, server in self.servers.items()
        }

    def apps(self, edge: Edge) -> dict[str, App]:
        return {
            f'http://{NET}203:5000': edge.wsgi(
                self.name, self.keystone, lambda environ, body: ''
            ),
            f'http://{NET}204:9876': edge.wsgi(
                self.name, self.octavia, _unless_get
            ),
        }

    def serves(self, server_id: str) -> bool:
        return self._members[server_id]['weight'] > 0

    def holds(self, server_id: str) -> bool:
        return bool(self._members[server_id]['tags'])

    def take_out(self, server_id: str) -> None:
        if self.serves(server_id) and not self.holds(server_id):
            self._members[server_id]['weight'] = 0
            self.others.add(server_id)

    def put_in(self, server_id: str) -> None:
        self._members[server_id]['weight'] = 3
        self.others.discard(server_id)
        self.returned.add(server_id)

    def go_on(self) -> None:
        self.octavia.take_up()


class Hook(Place):
    """A receiver of our webhook. It does not say why a server is out."""

    name, letter = 'hook', 'h'
    section = """
driver = webhook
name_pattern = ^[a-z]*h
url = http://192.0.2.205:80/steal
signing_key_file = {directory}/key
lists_detached = {lists}
"""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(servers)
        self.receiver = webhook.Receiver()

    def apps(self, edge: Edge) -> dict[str, App]:
        def effect(environ: Environ, body: bytes) -> str:
            said = json.loads(body)
            verb = said['type'].removeprefix('server.')
            if verb == 'detached':
                return ''
            return f'{verb} {said["server"]["id"]} in {self.name}'

        return {
            f'http://{NET}205:80': edge.wsgi(self.name, self.receiver, effect)
        }

    def serves(self, server_id: str) -> bool:
        return server_id not in self.receiver.out

    def holds(self, server_id: str) -> bool:
        return server_id in self.receiver.out

    def take_out(self, server_id: str) -> None:
        """Nobody else uses it."""

    def put_in(self, server_id: str) -> None:
        """Nobody else uses it."""


class Script(Place):
    """An executable. It says nothing of why a server is out."""

    name, letter = 'script', 's'
    section = """
driver = command
name_pattern = ^[a-z]*s
path = /bin/true
lists_detached = {lists}
"""
    tells_others = False

    def __init__(self, servers: Mapping[str, Server]) -> None:
        super().__init__(servers)
        self.out: set[str] = set()
        #: It refuses who comes too late, as the documentation has it.
        self.fences = True
        self._newest = 0
        self._edge: Edge | None = None

    def apps(self, edge: Edge) -> dict[str, App]:
        self._edge = edge
        return {}

    def run(
        self,
        command: list[str],
        environment: Mapping[str, bytes],
        timeout: float,
        *,
        apart: bool = False,
    ) -> run.Result:
        """Stand for ``orchestrators.command.run.run``."""
        verb = command[1]
        server_id = environment.get('STEAL_SERVER_ID', b'').decode()

        def act() -> run.Result:
            if verb == 'detached':
                return run.Result(0, '\n'.join(sorted(self.out)), '')
            leadership = int(environment['STEAL_LEADERSHIP'])
            if self.fences and leadership < self._newest:
                return run.Result(1, 'another one leads by now', '')
            self._newest = max(self._newest, leadership)
            if server_id in self.servers:
                known = {server_id}
                self.out = (
                    self.out | known if verb == 'drain' else self.out - known
                )
            return run.Result(0, '', '')

        assert self._edge is not None
        effect = '' if verb == 'detached' else f'{verb} {server_id}'
        try:
            return self._edge.call(self.name, act, effect=effect)
        except Lost:
            raise run.OrchestratorError('did not end in time') from None
        except Refused:
            return run.Result(1, 'no', '')
        except Broken:
            return run.Result(75, 'not now', '')

    def serves(self, server_id: str) -> bool:
        return server_id not in self.out

    def holds(self, server_id: str) -> bool:
        return server_id in self.out

    def take_out(self, server_id: str) -> None:
        """Nobody else uses it."""

    def put_in(self, server_id: str) -> None:
        """Nobody else uses it."""


PLACES: tuple[type[Place], ...] = (Kubernetes, Consul, Balancer, Hook, Script)


def _unless_get(environ: Environ, body: bytes) -> str:
    """Words for what a request changes; '' for a question."""
    method = environ['REQUEST_METHOD']
    return '' if method == 'GET' else f'{method} {environ["PATH_INFO"]}'
