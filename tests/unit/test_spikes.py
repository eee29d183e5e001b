"""What a mean over a minute hides, on a trace that was recorded by second.

From the kernel's counters to the findings: the exporter counts each second,
the migrator looks once a minute.
"""

import csv
import dataclasses
import pathlib
from collections.abc import Iterator

from oslotest import base

from steal_scheduler.decision import detector
from steal_scheduler.decision.detector import Watches
from steal_scheduler.exporter.accumulator import Accumulator, ServerTotals
from steal_scheduler.exporter.sample import Sample, Server, Thread
from steal_scheduler.model.cloud import ServerSignal
from tests.unit.make import fleet, rules, server, signal, signals, snapshot

TRACE = pathlib.Path(__file__).parents[1] / 'data' / 'spikes.csv'
#: A mean that must not be lower, for what does not hurt waits now and then.
RULES = rules(steal_threshold=10.0, polls_contended=3, polls_window=5)
#: Seconds between two polls, and of their windows.
POLL = 60


def seconds() -> Iterator[Sample]:
    """The trace, as the exporter would have read it."""
    with TRACE.open() as file:
        rows = csv.DictReader(line for line in file if line[0] != '#')
        by_second: dict[float, list[Server]] = {}
        for row in rows:
            thread = Thread(
                (1, 1), int(row['run_ns']), int(row['wait_ns']), runnable=True
            )
            found = by_second.setdefault(round(float(row['second'])), [])
            found.append(Server(row['name'], row['name'], (thread,)))
    for at, servers in sorted(by_second.items()):
        yield Sample(at, tuple(servers))


def polls() -> Iterator[list[ServerSignal]]:
    """What Prometheus' rates tell of each minute."""
    counters = Accumulator(cores=2, wait_limit=10, load_limit=70)
    before: dict[str, ServerTotals] = {}
    for n, sample in enumerate(seconds()):
        counters.add(sample)
        if n % POLL:
            continue
        now = {
            name: dataclasses.replace(totals)
            for name, totals in counters.servers.items()
        }
        if before:
            yield [
                signal(
                    name,
                    used=(now[name].run_seconds - old.run_seconds) / POLL,
                    waited=(now[name].wait_seconds - old.wait_seconds) / POLL,
                    bad_seconds=(now[name].bad_seconds - old.bad_seconds)
                    / (now[name].seconds - old.seconds),
                    at=sample.at,
                )
                for name, old in before.items()
            ]
        before = now


class TestSpikes(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.polls = list(polls())
        self.assertEqual(8, len(self.polls))

    def found(self, *, by_seconds: bool) -> dict[str, str]:
        """Everybody ever found, with the numbers of the last poll."""
        known = fleet(*(server(s.server_id, vcpus=1) for s in self.polls[0]))
        watches: Watches = {}
        found: dict[str, str] = {}
        for poll in self.polls:
            if not by_seconds:
                poll = [dataclasses.replace(s, bad_seconds=None) for s in poll]
            seen = detector.detect(
                snapshot(known, measured=signals(*poll), rules=RULES), watches
            )
            watches = seen.watches
            for each in seen.findings:
                found[each.server_id] = each.polls
        return found

    def percent(self, name: str) -> list[tuple[int, int]]:
        """Steal in the mean, and bad seconds, of each minute."""
        return [
            (round(s.steal * 100), round((s.bad_seconds or 0) * 100))
            for poll in self.polls
            for s in poll
            if s.server_id == name
        ]

    def test_a_mean_sees_who_is_always_contended(self) -> None:
        self.assertEqual({'contended'}, set(self.found(by_seconds=False)))

    def test_seconds_see_the_spikes_as_well(self) -> None:
        found = self.found(by_seconds=True)
        self.assertEqual({'contended', 'spiky'}, set(found))

    def test_both_numbers(self) -> None:
        """Regular spikes: no minute's mean reaches 10 %; its seconds do."""
        self.assertEqual(
            [
                (6, 12),
                (9, 18),
                (9, 18),
                (6, 15),
                (8, 17),
                (9, 20),
                (9, 20),
                (6, 12),
            ],
            self.percent('spiky'),
        )
        # One spike, however bad, is one minute of five.
        self.assertEqual(
            [(0, 0)] * 4 + [(6, 8)] + [(0, 0)] * 3, self.percent('once')
        )
        self.assertEqual([(0, 0)] * 8, self.percent('calm'))
        self.assertEqual([100] * 8, [b for _, b in self.percent('contended')])
