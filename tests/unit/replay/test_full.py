"""Clouds that are full of memory: nobody is drained in vain."""

import random

from oslotest import base

from steal_scheduler.replay import work
from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.ours import Ours
from steal_scheduler.replay.recording import (
    RecordedHost,
    RecordedServer,
    Recording,
)
from tests.unit.make import rules
from tests.unit.replay.recordings import host, recording, server

HOSTS, MINUTES = 16, 45


def cloud(filled: float, seed: int = 1) -> Recording:
    """A quarter of the hosts is asked for too much.

    :param filled: share of the memory of each host that its servers have
    """
    chance = random.Random(seed)
    hosts: list[RecordedHost] = []
    wants: dict[RecordedServer, float] = {}
    for h in range(HOSTS):
        name, hot = f'h{h}', h % 4 == 0
        ram_mb, total = 0, 0.0
        for n in range(10):
            vcpus = chance.choice((2, 4, 8))
            one = server(
                f'{name}-{n}',
                name,
                vcpus=vcpus,
                ram_mb=vcpus * 1024,
                project=f'p{n % 4}',
            )
            wants[one] = vcpus * (chance.uniform(0.8, 0.95) if hot else 0.15)
            ram_mb += one.ram_mb
            total += wants[one]
        hosts.append(
            host(
                name,
                zone=f'az{h % 2}',
                cores=total / 1.2 if hot else 32.0,
                ram_mb=ram_mb / filled,
            )
        )
    return recording(hosts, {**wants}, minutes=MINUTES)


class TestFull(base.BaseTestCase):
    def replay(self, filled: float) -> tuple[Ours, Cloud]:
        made = cloud(filled)
        there = Cloud(made, 60.0)
        ours = Ours(there, made, rules(slots=8, slots_per_target=8))
        for n in range(MINUTES):
            now = 60.0 * (n + 1)
            for flight in there.arrivals(now):
                ours.arrived(flight, now)
            minute = work.fluid(there, made.demand[:1])
            for wish in ours.wishes(now, minute):
                there.migrate(*wish, now=now)
        return ours, there

    def test_nobody_is_drained_in_vain(self) -> None:
        moves = {}
        for percent in (60, 80, 90, 95, 98):
            ours, there = self.replay(percent / 100)
            self.assertEqual(0, ours.refused, percent)
            moves[percent] = there.moves.sum()
        # Where there is memory, it is used.
        self.assertGreater(moves[60], 3)
        self.assertGreaterEqual(moves[60], moves[98])

    def test_it_is_said_what_is_missing(self) -> None:
        ours, _ = self.replay(0.999)
        self.assertEqual(0, ours.refused)
        self.assertGreater(ours.saturated, 0)
        self.assertEqual({'ram'}, ours.scarce)
