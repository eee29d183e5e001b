"""What is expected of hosts that are asked for too much, beside the truth."""

import numpy as np
from oslotest import base

from tests.unit.decision.played import SAME, play

#: Clouds of so many hosts each.
CLOUDS, HOSTS = 4, 25


class TestPlayed(base.BaseTestCase):
    def near(self, same: int) -> list[float]:
        """Percent of the hosts, and of the servers, that are told nearly."""
        found = [play(HOSTS, seed, same).near() for seed in range(CLOUDS)]
        means: list[float] = np.mean(found, axis=0).tolist()
        return means

    def test_with_half_an_hour_without_a_wait(self) -> None:
        """Somewhere in the last hours, when there may have been less to do."""
        hosts, servers = self.near(SAME)
        self.assertGreaterEqual(hosts, 95)
        self.assertGreaterEqual(servers, 95)

    def test_without_a_history(self) -> None:
        """What the reference says, roughly."""
        hosts, servers = self.near(0)
        self.assertGreaterEqual(hosts, 40)
        self.assertGreaterEqual(servers, 70)
