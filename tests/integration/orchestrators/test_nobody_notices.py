"""Servers of a Kubernetes and of a Consul move, and nobody notices.

A watcher sees what the users of the site see, all the time.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import threading
from collections.abc import Iterable

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Guest
from tests.integration.orchestrators.watcher import Sample, Watcher
from tests.integration.site import ZONES, set_up, site
from tests.shared import PATIENCE

NODES = ('node-1', 'node-2', 'node-3')
CLIENTS = ('client-1', 'client-2')
HOT, COLD = ZONES['az2'][:5], ZONES['az2'][5:]

#: Deployment -> its pods, and how many must be there always.
BUDGETS = {'web': (3, 2), 'queue': (2, 1)}

setUpModule = set_up()


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
        self.enterContext(site.scene.measured())
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
