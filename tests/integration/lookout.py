"""Looks at a Kubernetes, a Consul and a Nova all the time; a program.

A process of its own, for it would see little where a Nova is at work. Nothing
of ours is in it. Its first line of input says where to look, as JSON. It
prints what it has seen, an object a line, and ends with its input.
"""

import collections
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from steal_scheduler.demo.api import Api
from tests.integration.consul import MAINTENANCE, named

#: Seconds for an answer.
_PATIENCE = 20


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


def _session(header: str, value: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers[header] = value
    return session


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
