"""Servers of a Kubernetes and of a Consul move, and nobody notices.

A watcher sees what the users of the site see, all the time.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import dataclasses
import json
import pathlib
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Guest
from tests.integration import daemons, judges
from tests.integration.kubectl import ADMIN
from tests.integration.site import ZONES, set_up, site
from tests.shared import PATIENCE

_ROOT = pathlib.Path(__file__).parents[3]
NODES = ('node-1', 'node-2', 'node-3')
CLIENTS = ('client-1', 'client-2')
HOT, COLD = ZONES['az2'][:5], ZONES['az2'][5:]

#: Deployment -> its pods, and how many must be there always.
BUDGETS = {'web': (3, 2), 'queue': (2, 1)}

setUpModule = set_up()


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

    def __init__(self, directory: pathlib.Path, *services: str) -> None:
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
                [sys.executable, '-m', judges.__name__],
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
            self._process.communicate(timeout=PATIENCE)
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


class TestNobodyNotices(loop.LoopTestCase):
    scene = site.scene

    def test_all_move(self) -> None:
        self._boot()
        migrator = self.loop(**site.sections())
        with Watcher(self.directory, 'shop') as watcher:
            self._run_until_cured(migrator)
        self.assertEqual({'helped': len(HOT)}, migrator.outcomes())
        self._assert_in_budget(watcher.samples)
        self._assert_in_turn(watcher.samples)
        self._assert_drained_when_moving(watcher.samples)
        self._assert_nothing_left()

    # -- what happens ------------------------------------------------------

    def _boot(self) -> None:
        """Each has a neighbour that takes the cores of their host."""
        never = {'steal:migrate': 'never'}
        site.scene.boot(
            *(Guest(f'on-{h}', h, 1.9, metadata=never) for h in HOT)
        )
        names = (*NODES, *CLIENTS)
        guests = (
            Guest(
                name,
                host,
                role='nodes' if name in NODES else 'clients',
                metadata={'demo:seconds': '1'},
            )
            for name, host in zip(names, HOT, strict=True)
        )
        booted = site.boot(*guests, nodes=NODES, clients=CLIENTS)
        self.ids = list(booted.values())
        for name, (pods, budget) in BUDGETS.items():
            site.cluster.deploy(name, pods, budget=budget)
        for name in CLIENTS:
            site.datacenter.register(name, 'shop')

    def _run_until_cured(self, migrator: loop.Loop) -> None:
        site.scene.measure()
        site.scene.load.start()
        self.addCleanup(site.scene.load.stop)
        thread = threading.Thread(target=migrator.migrator.run)
        thread.start()
        try:
            wait_for(
                lambda: sum(migrator.outcomes().values()) == len(HOT),
                len(HOT) * PATIENCE,
                'all to have moved',
            )
        finally:
            migrator.migrator.stop()
            thread.join()

    # -- what was seen -----------------------------------------------------

    def _assert_in_budget(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            for name, (_, least) in BUDGETS.items():
                self.assertGreaterEqual(sample.ready[name], least, sample)
                healthy, desired = sample.budgets[name]
                self.assertEqual(least, desired)
                self.assertGreaterEqual(healthy, desired, sample)
            self.assertTrue(sample.healthy['shop'], sample)
            self.assertTrue(sample.named['shop'], sample)

    def _assert_in_turn(self, samples: list[Sample]) -> None:
        """Each was out and is back, and at no time two of a role."""
        for sample in samples:
            self.assertLessEqual(len(sample.cordoned), 1, sample)
            self.assertLessEqual(len(sample.maintained), 1, sample)
        seen = frozenset[str]().union(*(sample.out for sample in samples))
        self.assertEqual({*NODES, *CLIENTS}, seen)
        self.assertEqual(frozenset(), samples[-1].out)

    def _assert_drained_when_moving(self, samples: Iterable[Sample]) -> None:
        seen = set()
        for sample in samples:
            seen |= sample.moving
            self.assertLessEqual(sample.moving, sample.out, sample)
            self.assertFalse(sample.moving & sample.inhabited, sample)
            for offered in sample.healthy['shop'], sample.named['shop']:
                self.assertFalse(sample.moving & offered, sample)
        self.assertEqual({*NODES, *CLIENTS}, seen)

    def _assert_nothing_left(self) -> None:
        for node in site.cluster.get('nodes')['items']:
            self.assertNotIn('unschedulable', node['spec'])
            self.assertNotIn('taints', node['spec'])
            for marks in 'annotations', 'labels':
                self.assertNotIn('steal', repr(node['metadata'].get(marks)))
        self.assertEqual({}, site.datacenter.maintenance())
        for id_ in self.ids:
            self.assertEqual([], site.scene.tags(id_))
            self.assertEqual(['completed'], site.scene.migrations(id_))
            self.assertIn(site.scene.host(id_), COLD)
