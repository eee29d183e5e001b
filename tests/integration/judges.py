"""Nodes, agents and a balancer as a judge and other operators see them.

Nothing of ours is used for that: each is asked by itself.

Also a program that looks at a Kubernetes, a Consul and a Nova all the time: a
process of its own, for it would see little where a Nova is at work. Its first
line of input says where to look, as JSON. It prints what it has seen, an
object a line, and ends with its input.
"""

import collections
import itertools
import json
import pathlib
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import requests

from steal_scheduler.demo.api import Api
from tests.integration.consul import MAINTENANCE, Datacenter, named
from tests.integration.kubectl import ADMIN
from tests.integration.kubernetes import Cluster

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


class Nodes:
    """Those of Kubernetes, asked of the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._session = _session(
            'Authorization', f'Bearer {cluster.token_of(ADMIN)}'
        )
        self._session.verify = str(cluster.cafile)

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


def _session(header: str, value: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers[header] = value
    return session


# -- the program -------------------------------------------------------------


class Lookout:
    """What it knows of where to look."""

    def __init__(self, where: Mapping[str, Any]) -> None:
        self._where = where
        self._nova = Api(where['nova'])
        self._kubernetes = _session(
            'Authorization', f'Bearer {where["token"]}'
        )
        self._kubernetes.verify = where['cafile']
        self._consul = _session('X-Consul-Token', where['consul_token'])

    def services(self) -> dict[str, Any]:
        """See what the users of Kubernetes and Consul see."""
        pods = self._objects('/api/v1/pods')
        apps = [p for p in pods if 'app' in p['metadata'].get('labels', {})]
        ready = collections.Counter(
            pod['metadata']['labels']['app'] for pod in apps if _is_ready(pod)
        )
        budgets = self._objects('/apis/policy/v1/poddisruptionbudgets')
        nodes = self._objects('/api/v1/nodes')
        critical = self._health('state/critical')
        services = self._where['services']
        healthy = {s: self._health(f'service/{s}?passing') for s in services}
        return {
            'ready': ready,
            'budgets': {
                budget['metadata']['name']: (
                    budget['status']['currentHealthy'],
                    budget['status']['desiredHealthy'],
                )
                for budget in budgets
            },
            'cordoned': [
                node['metadata']['name']
                for node in nodes
                if node['spec'].get('unschedulable')
            ],
            'inhabited': [pod['spec'].get('nodeName') for pod in apps],
            'maintained': [
                check['Node']
                for check in critical
                if check['CheckID'] == MAINTENANCE
            ],
            'healthy': {
                name: [each['Node']['Node'] for each in found]
                for name, found in healthy.items()
            },
            'named': {s: [*named(*self._where['dns'], s)] for s in services},
        }

    def moves(self) -> dict[str, Any]:
        """See whom Nova has on their way."""
        answer = self._nova.call('GET', '/servers/detail')
        return {
            'moving': [
                server['name']
                for server in answer['servers']
                if server['status'] == 'MIGRATING'
            ]
        }

    def _objects(self, path: str) -> list[dict[str, Any]]:
        url = f'{self._where["kubernetes"]}{path}'
        found: list[dict[str, Any]] = _get(self._kubernetes, url)['items']
        return found

    def _health(self, path: str) -> list[dict[str, Any]]:
        url = f'{self._where["consul"]}/v1/health/{path}'
        found: list[dict[str, Any]] = _get(self._consul, url)
        return found


def main() -> None:
    lookout = Lookout(json.loads(sys.stdin.readline()))
    over = threading.Event()
    threads = [
        threading.Thread(target=_look, args=(look, over))
        for look in (lookout.services, lookout.moves)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()


def _look(look: Callable[[], dict[str, Any]], over: threading.Event) -> None:
    """Look until it is over, and once more: it ends well or not at all."""
    for number in itertools.count():
        last = over.is_set()
        begun = time.monotonic()
        try:
            seen = look()
        except Exception as e:
            # Not to have seen is for the test to judge.
            _print({'error': f'{look.__name__} {number}: {e!r}'})
            return
        _print({'begun': begun, 'ended': time.monotonic(), **seen})
        if last:
            return


def _print(what: Mapping[str, Any]) -> None:
    # In one piece, for there are two who print.
    sys.stdout.write(json.dumps(what) + '\n')
    sys.stdout.flush()


def _get(session: requests.Session, url: str) -> Any:
    answer = session.get(url, timeout=_PATIENCE)
    answer.raise_for_status()
    return answer.json()


def _is_ready(pod: Mapping[str, Any]) -> bool:
    """Whether it serves, and is not about to end."""
    return 'deletionTimestamp' not in pod['metadata'] and any(
        condition['type'] == 'Ready' and condition['status'] == 'True'
        for condition in pod['status'].get('conditions', ())
    )


if __name__ == '__main__':
    main()
