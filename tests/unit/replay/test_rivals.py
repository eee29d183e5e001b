import numpy as np
from oslotest import base

from steal_scheduler.replay import clairvoyant, mmt, rivals, work
from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Recording
from steal_scheduler.replay.rivals import Rule, Wish
from tests.unit.replay.recordings import host, recording, server

#: Cores; the vCPUs of all are 4.
HEAVY, LIGHT = server('heavy', 'a'), server('light', 'a')


def full(*targets: str, **other: object) -> Recording:
    """5 cores are asked for on a, which has 4."""
    hosts = [host(name) for name in ('a', *targets)]
    return recording(hosts, {HEAVY: 3.5, LIGHT: 1.5}, **other)  # type: ignore[arg-type]


def after(rule: Rule, cloud: Cloud, minutes: int) -> list[Wish]:
    """What it wishes in the last of so many minutes."""
    found: list[Wish] = []
    for n in range(minutes):
        minute = work.fluid(cloud, cloud.recording.demand[:1])
        found = [*rule.wishes(60.0 * (n + 1), minute)]
    return found


class TestRivals(base.BaseTestCase):
    def wishes(
        self, kind: type[rivals.Rival], made: Recording, minutes: int = 5
    ) -> list[Wish]:
        cloud = Cloud(made, 60)
        return after(kind(cloud, made), cloud, minutes)

    def test_static(self) -> None:
        made = full('b')
        cloud = Cloud(made, 60)
        self.assertEqual([], after(rivals.Static(cloud, made), cloud, 5))

    def test_who_looks_every_five_minutes(self) -> None:
        self.assertEqual([], self.wishes(rivals.Cortex, full('b'), 4))

    def test_cortex(self) -> None:
        """The largest leaves, for the least steal, room or not."""
        self.assertEqual([(0, 1)], self.wishes(rivals.Cortex, full('b')))

    def test_kubevirt(self) -> None:
        """The smallest leaves a host that is over the mean."""
        self.assertEqual([(1, 1)], self.wishes(rivals.KubeVirt, full('b')))
        calm = recording([host('a'), host('b')], {HEAVY: 0.3, LIGHT: 0.3})
        self.assertEqual([], self.wishes(rivals.KubeVirt, calm))

    def test_proxmox(self) -> None:
        """The one move that makes them most alike, in a small zone."""
        self.assertEqual([(0, 1)], self.wishes(rivals.Proxmox, full('b'), 1))

    def test_proxmox_in_a_large_zone(self) -> None:
        """One of 80 hosts that is full is not much of an imbalance."""
        hosts = [host(f'h{n}') for n in range(80)]
        servers = {server(f's{n}', f'h{n}'): 2.0 for n in range(80)}
        made = recording(hosts, {**servers, server('more', 'h0'): 3.0})
        self.assertEqual([], self.wishes(rivals.Proxmox, made))

    def test_thr_mmt(self) -> None:
        """Least first, until it is under 80 %: here that is all."""
        self.assertEqual([(1, 1)], self.wishes(mmt.ThrMmt, full('b')))

    def test_thr_mmt_with_less_memory(self) -> None:
        small = server('small', 'a', ram_mb=512)
        made = recording([host('a'), host('b')], {LIGHT: 1.5, small: 2.5})
        self.assertEqual([(1, 1)], self.wishes(mmt.ThrMmt, made))

    def test_lr_mmt(self) -> None:
        """At 70 % at first; later where it will be full by the forecast."""
        made = recording([host('a'), host('b')], {HEAVY: 2.0, LIGHT: 1.0})
        self.assertEqual([(1, 1)], self.wishes(mmt.LrMmt, made))
        self.assertEqual([], self.wishes(mmt.LrMmt, made, 50))

    def test_the_forecast(self) -> None:
        """A straight line goes on, and what is constant stays."""
        weights = mmt._forecast_weights(10)
        self.assertAlmostEqual(10.0, weights @ np.arange(10.0))
        self.assertAlmostEqual(3.0, weights @ np.full(10, 3.0))

    def test_clairvoyant(self) -> None:
        """It knows who will be full: b now has more room than c."""
        later = server('later', 'b')
        rows = recording(
            [host('a'), host('b'), host('c')],
            {
                HEAVY: 3.5,
                LIGHT: 1.5,
                later: [0.0, *[4.0] * 20],
                server('steady', 'c'): 0.05,
            },
        )
        self.assertEqual([], self.wishes(clairvoyant.Clairvoyant, rows, 2))
        found = self.wishes(clairvoyant.Clairvoyant, rows, 3)
        self.assertEqual([(0, 2)], found)

    def test_where_nova_has_no_memory_left(self) -> None:
        hosts = [host('a'), host('b', ram_mb=1024)]
        made = recording(hosts, {HEAVY: 3.5, LIGHT: 1.5})
        for kind in (rivals.Cortex, rivals.KubeVirt, mmt.ThrMmt):
            self.assertEqual([], self.wishes(kind, made))
