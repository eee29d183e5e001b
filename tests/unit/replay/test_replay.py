import dataclasses
from typing import Any

import numpy as np
from oslotest import base

from steal_scheduler.replay import replay
from steal_scheduler.replay.recording import Recording
from tests.unit.make import rules
from tests.unit.replay.recordings import host, recording, server

#: Two of 3 cores on a host of 4; b is empty.
FULL = recording(
    [host('a'), host('b')],
    {server('s', 'a'): 3, server('t', 'a'): 3},
    minutes=30,
)


def run(
    made: Recording = FULL, name: str = replay.OURS, **other: Any
) -> replay.Result:
    limits = other.pop('rules', {})
    return replay.replay(made, name, replay.Setting(rules(**limits), **other))


class TestReplay(base.BaseTestCase):
    def test_static(self) -> None:
        """2 of 6 cores are lost all the time."""
        result = run(name='static')
        self.assertEqual('static', result.rule)
        self.assertEqual(33.3333, result.demand_lost_percent)
        self.assertEqual(100, result.contended_server_minutes_percent)
        self.assertEqual(2, result.stolen_cores_at_end)
        self.assertEqual(0, result.moves)

    def test_ours(self) -> None:
        """Found in two minutes, moved in one: 3 of 30 are lost."""
        result = run()
        self.assertEqual(1, result.moves)
        self.assertEqual(
            round(100 / 3 * 3 / 30, 4), result.demand_lost_percent
        )
        self.assertEqual(0, result.stolen_cores_at_end)
        self.assertEqual(4, result.gib_copied)
        self.assertEqual(24, result.moves_per_server_day)
        # 2 cores for 15 minutes.
        self.assertEqual(1800, result.relief_core_seconds)
        self.assertEqual(1800, result.claimed_relief_core_seconds)

    def test_a_migration_that_takes_longer(self) -> None:
        quick, slow = run(move_seconds=0), run(move_seconds=600)
        self.assertLess(quick.demand_lost_percent, slow.demand_lost_percent)

    def test_a_drain(self) -> None:
        """It takes its time before Nova is asked, and nobody else's."""
        for minutes in (0, 1, 5):
            result = run(drain_seconds=60.0 * minutes)
            self.assertEqual(
                round(100 / 3 * (3 + minutes) / 30, 4),
                result.demand_lost_percent,
            )
            self.assertEqual(1, result.moves)
        one, other = (
            run(name='cortex', drain_seconds=s) for s in (0.0, 600.0)
        )
        self.assertEqual(one, other)

    def test_options(self) -> None:
        """Who asks for more polls finds later."""
        patient = run(rules={'polls_contended': 5, 'polls_window': 5})
        self.assertGreater(
            patient.demand_lost_percent, run().demand_lost_percent
        )

    def test_parts_of_a_minute_count_as_long_as_they_last(self) -> None:
        """6 cores of 4 for 45 seconds, and nothing for 15."""
        made = dataclasses.replace(
            FULL,
            seconds=np.array([0.0, 45.0]),
            demand=np.array([[3.0, 3.0], [0.0, 0.0]]),
            end=60.0,
        )
        result = run(made, 'static')
        self.assertEqual(33.3333, result.demand_lost_percent)
        self.assertEqual(1.5, result.stolen_cores_at_end)

    def test_cooldown(self) -> None:
        """Its new host fills up: it moves on, or stays for the cooldown."""
        late = server('late', 'b', vcpus=64, ram_mb=8192)
        made = recording(
            [host('a'), host('b'), host('c')],
            {
                server('s', 'a'): 3.4,
                server('t', 'a'): 3,
                late: [0.1, 0.1, *[3.0] * 6],
                server('there', 'c'): 0.2,
            },
        )
        for cooldown, times in ((0.0, 2), (86400.0, 1)):
            result = run(made, rules={'cooldown': cooldown})
            self.assertEqual(times, result.max_moves_of_a_server, cooldown)

    def test_no_room(self) -> None:
        """Nobody is drained for a host that has no memory: it is said."""
        hosts = [host('a'), host('b', ram_mb=1024)]
        made = recording(
            hosts, {server('s', 'a'): 3, server('t', 'a'): 3}, minutes=30
        )
        result = run(made)
        self.assertEqual(0, result.moves)
        self.assertEqual(0, result.refused_after_drain)
        self.assertGreater(result.saturated_verdicts, 0)

    def test_saturated(self) -> None:
        """Nobody has room: said, and nobody moves."""
        wants = {server(f's{h}{n}', h): 3 for h in 'ab' for n in (1, 2)}
        result = run(recording([host('a'), host('b')], {**wants}, minutes=30))
        self.assertEqual(0, result.moves)
        self.assertGreater(result.saturated_verdicts, 0)

    def test_every_rule_cures_it(self) -> None:
        # LR-MMT sees enough only after fifty minutes.
        longer = dataclasses.replace(FULL, end=3600.0)
        for name in replay.NAMES:
            result = run(longer, name)
            cured = name != 'static'
            self.assertEqual(cured, result.stolen_cores_at_end == 0, name)
            self.assertEqual(cured, result.moves > 0, name)

    def test_bursts(self) -> None:
        """Two that fit in the mean do not in each second."""
        made = recording(
            [host('a'), host('b')],
            {server(f's{n}', 'a'): 0.9 for n in range(4)},
            minutes=30,
        )
        self.assertEqual(0, run(made, 'static').demand_lost_percent)
        lost = run(made, 'static', bursts=1).demand_lost_percent
        self.assertGreater(lost, 0)

    def test_queueing(self) -> None:
        """Where there is room in the mean, work waits, and none is lost."""
        made = recording(
            [host('a', cores=1.0), host('b')],
            {server(f's{n}', 'a', vcpus=1): 0.25 for n in range(3)},
            minutes=15,
        )
        result = run(made, 'static', work='queueing')
        self.assertEqual(0, result.demand_lost_percent)
        self.assertGreater(result.contended_server_minutes_percent, 50)

    def test_the_same_again(self) -> None:
        for other in ({'bursts': 3}, {'work': 'queueing'}):
            first, second = run(**other), run(**other)
            self.assertEqual(
                dataclasses.astuple(first), dataclasses.astuple(second)
            )
