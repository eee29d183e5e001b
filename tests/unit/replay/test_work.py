import numpy as np
from oslotest import base

from steal_scheduler.replay import work
from steal_scheduler.replay.cloud import Cloud
from tests.unit.replay.recordings import host, recording, server


def minutes(
    cloud: Cloud, does: work.Work, wanted: list[float], times: int
) -> list[work.Minute]:
    return [does(cloud, np.array([wanted])) for _ in range(times)]


class TestFluid(base.BaseTestCase):
    def test_shared_by_demand(self) -> None:
        made = recording(
            [host('a', cores=3.0), host('b')],
            {server('s', 'a'): 3, server('t', 'a'): 1, server('u', 'b'): 4},
        )
        minute = work.fluid(Cloud(made, 60), np.array([[3.0, 1.0, 4.0]]))
        self.assertEqual([2.25, 0.75, 4.0], minute.used.tolist())
        self.assertEqual([0.75, 0.25, 0.0], minute.lost.tolist())
        self.assertEqual([0.25, 0.25, 0.0], minute.steal.tolist())
        self.assertIsNone(minute.bad_seconds)

    def test_seconds(self) -> None:
        """Two that want all at once wait, though the mean fits."""
        made = recording(
            [host('a', cores=4.0)], {server('s', 'a'): 2, server('t', 'a'): 2}
        )
        parts = np.array([[4.0, 4.0], [0.0, 0.0]])
        minute = work.fluid(Cloud(made, 60), parts)
        self.assertEqual([2.0, 2.0], minute.wanted.tolist())
        self.assertEqual([1.0, 1.0], minute.used.tolist())
        assert minute.bad_seconds is not None
        self.assertEqual([0.5, 0.5], minute.bad_seconds.tolist())


class TestFair(base.BaseTestCase):
    def test_by_vcpus(self) -> None:
        made = recording(
            [host('a', cores=4.0), host('b', cores=1.0), host('c')],
            {
                server('s', 'a'): 0.5,
                server('t', 'a'): 3,
                server('u', 'a'): 4,
                server('v', 'b', vcpus=1): 0.9,
            },
        )
        found = work.fair(Cloud(made, 60), made.demand[0])
        self.assertEqual([0.5, 1.75, 1.75, 0.9], found.round(9).tolist())


class TestQueueing(base.BaseTestCase):
    """Against what was measured of open-loop work; steal and cores."""

    def means(
        self, cores: float, servers: int, vcpus: int, wanted: float
    ) -> tuple[float, float, float]:
        made = recording(
            [host('a', cores=cores)],
            {
                server(f's{n}', 'a', vcpus=vcpus): wanted / servers
                for n in range(servers)
            },
        )
        cloud = Cloud(made, 60)
        does = work.Queueing(cloud, seed=1)
        share = [wanted / servers] * servers
        late = minutes(cloud, does, share, 30)[10:]
        used = np.mean([m.used.sum() for m in late])
        waited = np.mean([m.waited.sum() for m in late])
        lost = np.mean([m.lost.sum() for m in late])
        return float(used), float(waited), float(lost)

    def test_below_its_cores_a_small_host_waits_much(self) -> None:
        """1 core, 3 servers of 1 vCPU: 0.7 used, 1.2 with the wait."""
        used, waited, lost = self.means(1, 3, 1, 0.70)
        self.assertAlmostEqual(0.70, used, delta=0.05)
        self.assertAlmostEqual(1.2, used + waited, delta=0.25)
        self.assertEqual(0, lost)

    def test_below_its_cores_a_large_host_hardly_waits(self) -> None:
        """32 cores, 60 servers of 4 vCPUs: 27.1 used, 29.5 with the wait."""
        used, waited, lost = self.means(32, 60, 4, 27.2)
        self.assertAlmostEqual(27.2, used, delta=1)
        self.assertAlmostEqual(29.5, used + waited, delta=2)
        self.assertEqual(0, lost)

    def test_over_its_cores_the_queues_are_full(self) -> None:
        """Wait explodes, and a tenth is lost."""
        used, waited, lost = self.means(32, 60, 4, 35.2)
        self.assertAlmostEqual(32, used, delta=0.1)
        self.assertGreater(used + waited, 4 * 32)
        self.assertAlmostEqual(3.2, lost, delta=0.5)

    def test_a_small_one_on_a_full_host(self) -> None:
        """By its vCPUs it has a share that is more than it wants."""
        wants = {server('s', 'a'): 0.1, server('t', 'a'): 4}
        made = recording([host('a', cores=2.0)], {**wants})
        cloud = Cloud(made, 60)
        does = work.Queueing(cloud, seed=1)
        late = minutes(cloud, does, [*wants.values()], 30)[10:]
        used = np.mean([m.used for m in late], axis=0)
        self.assertAlmostEqual(0.1, used[0], delta=0.02)
        self.assertAlmostEqual(1.9, used[1], delta=0.02)
        self.assertEqual(0, sum(m.lost[0] for m in late))

    def test_batch_work(self) -> None:
        """It wants what it wants, however little it gets."""
        made = recording(
            [host('a', cores=1.0)], {server('s', 'a', work='batch'): 2}
        )
        cloud = Cloud(made, 60)
        *_, last = minutes(cloud, work.Queueing(cloud, seed=1), [2.0], 3)
        self.assertAlmostEqual(1.0, last.used[0])
        self.assertAlmostEqual(1.0, last.waited[0])
        self.assertAlmostEqual(1.0, last.lost[0])
