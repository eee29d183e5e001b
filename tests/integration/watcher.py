"""What the users of a site saw, all the time that it was watched.

Also a program that looks at a Kubernetes, a Consul and a Nova all the time: a
process of its own, for it would see little where a Nova is at work. Nothing
of ours is in it. Its first line of input says where to look, as JSON. It
prints what it has seen, an object a line, and ends with its input.
"""

import collections
import dataclasses
import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import requests

from steal_scheduler.demo.api import Api
from tests.integration import daemons
from tests.integration.consul import MAINTENANCE, named
from tests.integration.kubectl import ADMIN

if TYPE_CHECKING:
    # It brings Nova with it, which is not for the program.
    from tests.integration.site import Site

_ROOT = pathlib.Path(__file__).parents[2]
#: Seconds to import what it needs, and to look once.
_START = 60
#: Seconds for an answer.
_PATIENCE = 20


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look. Nodes and servers by their names."""

    #: Deployment -> how many of its pods are ready and not about to end.
    ready: Mapping[str, int]
    #: PodDisruptionBudget -> how many are healthy, and how many must be.
    budgets: Mapping[str, tuple[int, int]]
    cordoned: frozenset[str]
    #: Nodes with pods of a Deployment, also with such that are about to end.
    inhabited: frozenset[str]
    #: Consul's nodes that are in maintenance.
    maintained: frozenset[str]
    #: Service -> nodes where it is healthy.
    healthy: Mapping[str, frozenset[str]]
    #: Service -> nodes that DNS names for it.
    named: Mapping[str, frozenset[str]]
    #: Servers that Nova had on their way before the rest was looked at, and
    #: still had after it.
    moving: frozenset[str]

    @property
    def out(self) -> frozenset[str]:
        return self.cordoned | self.maintained


class Watcher:
    """Looks from entering to leaving; then there are samples."""

    def __init__(
        self, site: 'Site', directory: pathlib.Path, *services: str
    ) -> None:
        """:param services: those of Consul"""
        consul, cluster = site.datacenter, site.cluster
        self._where = {
            'kubernetes': cluster.url,
            'cafile': str(cluster.cafile),
            'token': cluster.token_of(ADMIN),
            'consul': consul.server,
            'consul_token': consul.management,
            'dns': consul.dns,
            'nova': site.scene.cloud.url,
            'services': services,
        }
        self._seen = directory / 'seen'
        self.samples: Sequence[Sample] = ()

    def __enter__(self) -> Self:
        with self._seen.open('w') as seen:
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'tests.integration.watcher'],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=seen,
                text=True,
            )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(self._where) + '\n')
        self._process.stdin.flush()
        try:
            daemons.until(
                'the watcher sees',
                lambda: self._seen.read_text().count('\n') > 1,
                _START,
                hopeless=lambda: self._process.poll() is not None,
            )
        except BaseException:
            self._process.kill()
            self._process.communicate()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop looking.

        :raises DaemonError: it has not seen all of it, which is as bad as
            having seen something bad
        """
        try:
            self._process.communicate(timeout=_START)
        finally:
            self._process.kill()
            self._process.wait()
        looks = [
            json.loads(line) for line in self._seen.read_text().splitlines()
        ]
        for look in looks:
            if 'error' in look:
                raise daemons.DaemonError(look['error'])
        self.samples = _samples(looks)


def _samples(looks: Sequence[Mapping[str, Any]]) -> list[Sample]:
    moves = [look for look in looks if 'moving' in look]
    samples = []
    for look in looks:
        if 'ready' not in look:
            continue
        before = [m for m in moves if m['ended'] <= look['begun']]
        after = [m for m in moves if m['begun'] >= look['ended']]
        moving = frozenset[str]()
        if before and after:
            moving = frozenset(before[-1]['moving']) & {*after[0]['moving']}
        samples.append(_sample(look, moving))
    return samples


def _sample(look: Mapping[str, Any], moving: frozenset[str]) -> Sample:
    return Sample(
        ready=look['ready'],
        budgets={n: (b[0], b[1]) for n, b in look['budgets'].items()},
        cordoned=frozenset(look['cordoned']),
        inhabited=frozenset(look['inhabited']),
        maintained=frozenset(look['maintained']),
        healthy={n: frozenset(f) for n, f in look['healthy'].items()},
        named={n: frozenset(f) for n, f in look['named'].items()},
        moving=moving,
    )


# -- the program ------------------------------------------------------------


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
