"""The size of the inventors' cloud, and what a tick asks of Nova."""

from tests.functional import loop  # isort: skip (before Nova's)

import dataclasses
import time
from typing import Any

import fixtures

from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.cloud import Fleet, Signals
from steal_scheduler.model.host_view import Tier
from steal_scheduler.nova_client import client
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.scheduler import listener
from steal_scheduler.signals.base import SignalSource
from tests.bench import clouds
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2']}
HOSTS, SERVERS = 80, 1000

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


@dataclasses.dataclass(frozen=True)
class MadeInventory:
    """In the place of Nova: so many servers are not booted in a test."""

    fleet: Fleet

    def refresh(self, now: float, in_flight: object = ()) -> Fleet:
        return self.fleet


class MadeSource(SignalSource):
    signals: Signals

    def read(self, now: float) -> Signals:
        return self.signals


class TestPlan(loop.LoopTestCase):
    scene = scene

    def test_large(self) -> None:
        """One tick of the real migrator, less what it reads."""
        migrator = self.loop(
            migrator={'dry_run': True},
            limits={
                'slots': 1000,
                'slots_per_source': 1000,
                'max_unavailable': '',
                'copy_rate': 1000000,
            },
        )
        # Whoever asks first begins to listen.
        listener.latest()
        migrator.tick()
        fleet, signals = clouds.cloud(HOSTS, SERVERS, time.time())
        source = MadeSource(migrator.parts.conf)
        source.signals = signals
        made: Any = MadeInventory(fleet)
        large = Migrator(
            dataclasses.replace(migrator.parts, nova_cache=made, source=source)
        )
        begun = time.perf_counter()
        large.tick(time.time())
        seconds = time.perf_counter() - begun
        print(f'{HOSTS} hosts, {SERVERS} servers: {seconds * 1e3:.1f} ms')

        decided = large.decided
        self.assertEqual(100.0, decided.coverage)
        contended = {f.server_id for f in decided.findings}
        moving = {m.server_id for m in decided.admitted}
        refused = {r.server_id for r in decided.refusals}
        # Each is moved, or told why not.
        self.assertEqual(contended, moving | refused)
        self.assertEqual(set(), moving & refused)
        hot = {f.host for f in decided.findings}
        self.assertEqual(HOSTS // 10, len(hot))
        self.assertEqual(hot, {m.source for m in decided.admitted})
        self.assertEqual(len(contended), migrator.value('contended_servers'))
        # What leaves each hot host is enough.
        for host in hot:
            asked = sum(
                s.demand for s in signals.servers.values() if s.host == host
            )
            leaving = sum(
                m.demand for m in decided.admitted if m.source == host
            )
            self.assertLessEqual(asked - leaving, clouds.CORES)

        # nova-scheduler has been told of all of them.
        def told() -> object:
            latest = listener.latest()
            return latest and len(latest.view.hosts) == HOSTS

        loop.wait_for(told, 30.0, 'the view')
        tiers = [h.tier for h in listener.latest().view.hosts.values()]
        self.assertEqual(HOSTS // 10, tiers.count(Tier.HOT))


class TestCalls(loop.LoopTestCase):
    """Pages of two servers each, so that a few of them are many."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch('steal_scheduler.nova_client.client.PAGE', 2)
        )
        self.nova = self.loop().parts.nova

    def steady(self) -> tuple[NovaCache, int, float]:
        """An inventory, the calls of a tick, and the time of the last."""
        self.assertEqual(2, client.PAGE)
        inventory = NovaCache(self.nova, 3600.0)
        inventory.refresh(time.time())
        # Later, so that Nova has no changes to tell.
        now = time.time() + 1000
        inventory.refresh(now)
        before = self.nova.calls
        inventory.refresh(now + 1)
        return inventory, self.nova.calls - before, now + 1

    def test_bounded(self) -> None:
        counts = []
        for n in range(3):
            scene.boot(
                *(Guest(f'{n}-{i}', 'a1', 0.1) for i in range(n, 2 * n + 1))
            )
            inventory, calls, now = self.steady()
            counts.append(calls)
            fleet = inventory.refresh(now)
            self.assertEqual(set(scene.ids()), set(fleet.servers))
        print(f'{counts[-1]} calls a tick')
        self.assertEqual([counts[0]] * 3, counts)
        self.assertLessEqual(counts[0], 6)

    def test_new_tag(self) -> None:
        """Nova calls it no change: the round finds it, wherever it is."""
        ids = scene.boot(*(Guest(str(i), 'a1', 0.1) for i in range(4)))
        inventory, _, now = self.steady()
        for id_ in ids:
            scene.call('PUT', f'/servers/{id_}/tags/steal:drain:1')
        for tick in range(1, 5):
            fleet = inventory.refresh(now + tick)
        self.assertEqual(
            {('steal:drain:1',)}, {fleet.servers[i].tags for i in ids}
        )

    def test_deleted(self) -> None:
        ids = scene.boot(*(Guest(str(i), 'a1', 0.1) for i in range(4)))
        inventory, _, now = self.steady()
        scene.call('DELETE', f'/servers/{ids[1]}')
        loop.wait_for(
            lambda: not scene.exists(ids[1]), 30.0, 'it to be deleted'
        )
        for tick in range(1, 8):
            fleet = inventory.refresh(now + tick)
        self.assertEqual({ids[0], *ids[2:]}, set(fleet.servers))
