import numpy as np
from oslotest import base

from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.recording import Group
from tests.unit.replay.recordings import host, recording, server


class TestCloud(base.BaseTestCase):
    def test_sums(self) -> None:
        """Of one set of values, and of several."""
        made = recording(
            [host('a'), host('b'), host('c')],
            {server('s', 'a'): 1, server('t', 'b'): 1, server('u', 'a'): 1},
        )
        cloud = Cloud(made, 60)
        self.assertEqual(
            [5.0, 2.0, 0.0], cloud.on_hosts(np.array([1.0, 2.0, 4.0])).tolist()
        )
        both = np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]])
        self.assertEqual(
            [[5.0, 2.0, 0.0], [50.0, 20.0, 0.0]], cloud.on_hosts(both).tolist()
        )

    def test_a_migration(self) -> None:
        """It takes memory on both hosts until the server arrives."""
        made = recording(
            [host('a', ram_mb=4096), host('b', ram_mb=4096)],
            {server('s', 'a'): 1},
        )
        cloud = Cloud(made, 60)
        self.assertEqual([1], cloud.others(0).tolist())
        self.assertTrue(cloud.fits(0, 1))
        cloud.migrate(0, 1, now=60)
        self.assertEqual([], [*cloud.arrivals(119)])
        self.assertFalse(cloud.fits(0, 1))
        [flight] = cloud.arrivals(120)
        self.assertEqual((0, 1), (flight.source, flight.target))
        self.assertEqual([1], cloud.places.tolist())
        self.assertEqual([1], cloud.moves.tolist())
        self.assertTrue(cloud.fits(0, 0))

    def test_zones(self) -> None:
        made = recording(
            [host('a'), host('b', zone='az2'), host('c')],
            {server('s', 'a'): 1},
        )
        self.assertEqual([2], Cloud(made, 60).others(0).tolist())

    def test_disks(self) -> None:
        made = recording(
            [host('a'), host('b', disk_gb=9)],
            {server('s', 'a', disk_gb=10): 1},
        )
        self.assertFalse(Cloud(made, 60).fits(0, 1))

    def test_groups(self) -> None:
        """One that is on its way counts on both hosts."""
        apart = Group('anti-affinity', (0, 1))
        together = Group('affinity', (2, 3))
        made = recording(
            [host('a'), host('b'), host('c')],
            {
                server('s', 'a'): 1,
                server('t', 'b'): 1,
                server('u', 'a'): 1,
                server('v', 'a'): 1,
            },
            groups=[apart, together],
        )
        cloud = Cloud(made, 60)
        self.assertEqual([False, True], [cloud.fits(0, 1), cloud.fits(0, 2)])
        self.assertFalse(cloud.fits(2, 1))
        cloud.migrate(1, 2, now=60)
        self.assertEqual([False, False], [cloud.fits(0, 1), cloud.fits(0, 2)])

    def test_affinity_as_in_nova(self) -> None:
        """Its own host is one of the group's: who is alone stays there."""
        made = recording(
            [host('a'), host('b'), host('c')],
            {
                server('s', 'a'): 1,
                server('t', 'a'): 1,
                server('u', 'b'): 1,
                server('v', 'c'): 1,
            },
            groups=[Group('affinity', (0, 1, 2)), Group('affinity', (3,))],
        )
        cloud = Cloud(made, 60)
        # Another member is there, wherever the third one is.
        self.assertEqual([True, False], [cloud.fits(0, 1), cloud.fits(0, 2)])
        self.assertEqual([False, False], [cloud.fits(3, 0), cloud.fits(3, 1)])
        # One that is on its way is where it was, to Nova.
        cloud.migrate(2, 2, now=60)
        self.assertEqual([True, False], [cloud.fits(0, 1), cloud.fits(0, 2)])
