import dataclasses

from oslotest import base

from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.counters import Histogram, KernelCounter, Vcpu
from steal_scheduler.exporter.sample import (
    Kind,
    Other,
    Sample,
    Server,
    Thread,
    Throttle,
)
from tests.unit.exporter.tree import UUID

MS = 1_000_000
SECOND = 1000 * MS


def accumulator(cores: int = 2) -> Accumulator:
    return Accumulator(cores, wait_limit=10, load_limit=70)


def thread(tid: int, run: int, wait: int, start: int = 1) -> Thread:
    """Milliseconds."""
    return Thread((tid, start), run * MS, wait * MS, runnable=True)


def server(*threads: Thread, uuid: str = UUID) -> Server:
    return Server(uuid, 'a', threads)


def other(tid: int, run: int, wait: int, kind: Kind = Kind.EMULATOR) -> Other:
    """Milliseconds."""
    return Other((tid, 1), kind, run * MS, wait * MS)


def throttled(*counts: int, key: str = 'k') -> Server:
    return Server(UUID, 'a', (thread(1, 0, 0),), (Throttle(key, *counts),))


class Base(base.BaseTestCase):
    def after(self, *moments: tuple[float, Server | None]) -> Accumulator:
        counters = accumulator()
        for at, one in moments:
            counters.add(Sample(at, (one,) if one else ()))
        return counters

    def values(self, counters: Accumulator, uuid: str = UUID) -> list[float]:
        totals = counters.servers[uuid]
        return [
            round(totals.run_seconds * 1000, 6),
            round(totals.wait_seconds * 1000, 6),
            totals.seconds,
            totals.bad_seconds,
        ]


class TestWorstVcpu(Base):
    def worst(self, *moments: tuple[float, Server]) -> list[float]:
        totals = self.after(*moments).servers[UUID]
        return [
            round(totals.worst_vcpu_run_seconds * 1000, 6),
            round(totals.worst_vcpu_wait_seconds * 1000, 6),
        ]

    def test_one_busy_thread(self) -> None:
        """In the mean its server waits for an eighth of its vCPUs' time."""
        idle = [thread(i, 0, 0) for i in range(2, 5)]
        self.assertEqual(
            [1000, 1000],
            self.worst(
                (0.0, server(thread(1, 0, 0), *idle)),
                (1.0, server(thread(1, 500, 500), *idle)),
                (2.0, server(thread(1, 1000, 1000), *idle)),
            ),
        )

    def test_one_that_the_guest_moves_about(self) -> None:
        self.assertEqual(
            [1000, 1000],
            self.worst(
                (0.0, server(thread(1, 0, 0), thread(2, 0, 0))),
                (1.0, server(thread(1, 500, 500), thread(2, 0, 0))),
                (2.0, server(thread(1, 500, 500), thread(2, 500, 500))),
            ),
        )

    def test_where_nobody_waits(self) -> None:
        self.assertEqual(
            [900, 0],
            self.worst(
                (0.0, server(thread(1, 0, 0), thread(2, 0, 0))),
                (1.0, server(thread(1, 100, 0), thread(2, 900, 0))),
            ),
        )

    def test_a_long_wait_is_charged_to_the_seconds_that_follow(self) -> None:
        self.assertEqual(
            [0, 2000],
            self.worst(
                (0.0, server(thread(1, 0, 0))),
                (1.0, server(thread(1, 0, 0))),
                (2.0, server(thread(1, 0, 2000))),
                (3.0, server(thread(1, 0, 2000))),
            ),
        )


class TestOthers(Base):
    def others(self, *moments: tuple[float, list[Other] | None]) -> list[str]:
        """What of each kind ran and waited, in milliseconds."""
        totals = self.after(
            *(
                (
                    at,
                    dataclasses.replace(
                        server(thread(1, 0, 0)),
                        others=None if found is None else tuple(found),
                    ),
                )
                for at, found in moments
            )
        ).servers[UUID]
        runs, waits = totals.thread_run_seconds, totals.thread_wait_seconds
        return [
            f'{kind} {1000 * runs[kind]:g} {1000 * waits[kind]:g}'
            for kind in Kind
            if runs[kind] or waits[kind]
        ]

    def test_by_kind_and_from_the_first_reading(self) -> None:
        found = self.others(
            (0.0, [other(10, 9000, 9000), other(12, 5, 5, Kind.VHOST)]),
            (4.0, [other(10, 9100, 9000), other(12, 25, 85, Kind.VHOST)]),
        )
        self.assertEqual(['vhost 20 80', 'emulator 100 0'], found)

    def test_where_they_were_not_looked_at(self) -> None:
        found = self.others(
            (0.0, [other(10, 0, 0)]),
            *((n, None) for n in (1.0, 2.0, 3.0)),
            (4.0, [other(10, 3900, 100)]),
        )
        self.assertEqual(['emulator 3900 100'], found)

    def test_one_that_ends_and_comes_back(self) -> None:
        found = self.others(
            (0.0, [other(10, 0, 0), other(11, 0, 0, Kind.IO)]),
            (4.0, [other(11, 100, 0, Kind.IO)]),
            (8.0, [other(10, 500, 0), other(11, 200, 0, Kind.IO)]),
        )
        self.assertEqual(['io 200 0'], found)

    def test_what_cannot_be(self) -> None:
        counters = accumulator()
        for at, run in ((0.0, 0), (4.0, 6000), (8.0, 5000), (12.0, 5100)):
            one = dataclasses.replace(
                server(thread(1, 0, 0)), others=(other(10, run, 0),)
            )
            counters.add(Sample(at, (one,)))
        self.assertEqual(2, counters.rejected_readings['run'])
        found = counters.servers[UUID].thread_run_seconds[Kind.EMULATOR]
        self.assertAlmostEqual(0.1, found)

    def test_they_make_no_second_bad(self) -> None:
        counters = self.after(
            (0.0, dataclasses.replace(server(), others=(other(1, 0, 0),))),
            (1.0, dataclasses.replace(server(), others=(other(1, 0, 900),))),
        )
        self.assertEqual([0, 0, 0, 0], self.values(counters))
        self.assertEqual(0.0, counters.host_wait_seconds)


class TestServers(Base):
    def test_from_the_first_reading(self) -> None:
        counters = self.after((5.0, server(thread(1, 9000, 9000))))
        self.assertEqual([0, 0, 0, 0], self.values(counters))
        counters.add(Sample(6.0, (server(thread(1, 9700, 9050)),)))
        counters.add(Sample(7.0, (server(thread(1, 10300, 9150)),)))
        self.assertEqual([1300, 150, 2.0, 1.0], self.values(counters))
        self.assertAlmostEqual(1.3, counters.host_run_seconds)
        self.assertAlmostEqual(0.15, counters.host_wait_seconds)

    def test_the_worst_vcpu_makes_a_second_bad(self) -> None:
        def second(run: int, wait: int) -> list[float]:
            one = {3: (run, wait)}
            counters = self.after(
                (0.0, server(*(thread(i, 0, 0) for i in range(8)))),
                (
                    1.0,
                    server(
                        *(thread(i, *one.get(i, (0, 0))) for i in range(8))
                    ),
                ),
            )
            self.assertAlmostEqual(
                wait / 1000, counters.servers[UUID].wait_ratio.sum
            )
            return self.values(counters)

        self.assertEqual([580, 120, 1.0, 1.0], second(580, 120))
        # It asks for little.
        self.assertEqual([579, 120, 1.0, 0.0], second(579, 120))
        # It hardly waits.
        self.assertEqual([900, 99, 1.0, 0.0], second(900, 99))

    def test_two_vcpus_make_no_bad_second_together(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 0, 0), thread(2, 0, 0))),
            (1.0, server(thread(1, 100, 500), thread(2, 950, 50))),
        )
        self.assertEqual([1050, 550, 1.0, 0.0], self.values(counters))

    def test_plugged_and_unplugged(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 0, 0))),
            (1.0, server(thread(1, 500, 0), thread(2, 7000, 7000))),
            (2.0, server(thread(1, 600, 0), thread(2, 7100, 7010))),
            (3.0, server(thread(1, 700, 0))),
        )
        self.assertEqual([800, 10, 3.0, 0.0], self.values(counters))
        self.assertEqual(1, counters.servers[UUID].vcpus)

    def test_a_thread_id_that_another_one_has(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 100, 100, start=1))),
            (1.0, server(thread(1, 900, 900, start=2))),
        )
        self.assertEqual([0, 0, 0, 0], self.values(counters))
        self.assertEqual(0, counters.rejected_readings.total())

    def test_gone_and_back(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 0, 0))),
            (1.0, server(thread(1, 500, 0))),
            (2.0, None),
        )
        self.assertEqual({}, counters.servers)
        self.assertEqual(0.5, counters.host_run_seconds)
        counters.add(Sample(3.0, (server(thread(1, 800, 0)),)))
        self.assertEqual([0, 0, 0, 0], self.values(counters))

    def test_two_processes_of_one_server(self) -> None:
        counters = self.after((0.0, server(thread(1, 0, 0))))
        both = server(thread(1, 100, 0)), server(thread(9, 5, 5))
        counters.add(Sample(1.0, both))
        self.assertEqual(2, counters.servers[UUID].vcpus)
        self.assertEqual([100, 0, 1.0, 0.0], self.values(counters))

    def test_what_cannot_be(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 5000, 5000))),
            (1.0, server(thread(1, 4000, 4000))),
            (2.0, server(thread(1, 90_000, 4100))),
            (3.0, server(thread(1, 90_100, 4100))),
        )
        self.assertEqual([100, 100, 3.0, 0.0], self.values(counters))
        self.assertEqual(
            {'run': 2, 'wait': 1, 'throttled': 0}, counters.rejected_readings
        )

    def test_a_clock_that_stands_still(self) -> None:
        counters = self.after((1.0, None))
        self.assertRaises(ValueError, counters.add, Sample(1.0, ()))


class TestLate(Base):
    def test_counted_over_the_time_it_covers(self) -> None:
        counters = self.after(
            (0.0, server(thread(1, 0, 0))),
            (1.0, server(thread(1, 500, 200))),
            (4.1, server(thread(1, 500, 300))),
        )
        self.assertEqual(
            [500, 300, 4.1, 1.0],
            [round(v, 3) for v in self.values(counters)],
        )
        found = dict(counters.servers[UUID].wait_ratio.buckets())
        # 100 ms of 3.1 s, three times; 200 ms of one second, once.
        self.assertEqual(
            (0, 3, 4), (found['0.02'], found['0.05'], found['0.2'])
        )
        self.assertEqual(
            (3, 1, 2),
            (counters.samples, counters.late_samples, counters.missed_samples),
        )

    def test_small_delays_add_up(self) -> None:
        one = server(thread(1, 0, 0))
        counters = self.after(*((1.3 * i, one) for i in range(101)))
        self.assertEqual(
            (101, 30), (counters.samples, counters.missed_samples)
        )
        # None of them was late enough to be called so.
        self.assertEqual(0, counters.late_samples)
        for histogram in (
            counters.servers[UUID].wait_ratio,
            counters.host_runnable_per_core,
        ):
            self.assertEqual(130, histogram.buckets()[-1][1])

    def test_and_make_up_for_what_was_rounded_up(self) -> None:
        one = server(thread(1, 0, 0))
        counters = self.after(*((1.6 * i, one) for i in range(101)))
        self.assertEqual(
            (101, 60), (counters.samples, counters.missed_samples)
        )

    def test_runnable(self) -> None:
        counters = self.after(
            (0.0, server(*(thread(i, 0, 0) for i in range(3)))),
            (2.0, server(*(thread(i, 0, 0) for i in range(3)))),
        )
        found = dict(counters.host_runnable_per_core.buckets())
        self.assertEqual(
            (0, 2, 2), (found['1.25'], found['1.5'], found['+Inf'])
        )


class TestThrottles(Base):
    def counts(self, *servers: Server) -> list[int]:
        counters = self.after(*enumerate(servers))
        totals = counters.servers[UUID]
        return [
            totals.periods,
            totals.throttled_periods,
            round(totals.throttled_seconds * 1e9),
            counters.rejected_readings['throttled'],
        ]

    def test_deltas(self) -> None:
        self.assertEqual(
            [20, 8, 900, 0],
            self.counts(
                throttled(100, 50, 7000),
                throttled(110, 52, 7100),
                throttled(120, 58, 7900),
            ),
        )

    def test_another_cgroup(self) -> None:
        self.assertEqual(
            [5, 5, 5, 0],
            self.counts(
                throttled(100, 50, 7000),
                throttled(1, 1, 1, key='new'),
                throttled(6, 6, 6, key='new'),
            ),
        )

    def test_what_cannot_be(self) -> None:
        self.assertEqual(
            [1, 1, 1, 2],
            self.counts(
                throttled(100, 50, 7000),
                throttled(3, 2, 100),
                throttled(4, 3, 101),
                throttled(5, 4, 10**15),
            ),
        )


class TestVcpu(base.BaseTestCase):
    def test_share(self) -> None:
        vcpu = Vcpu(KernelCounter(0, 0.0), KernelCounter(0, 0.0))
        self.assertEqual(0.25, vcpu.share(SECOND // 4, 1.0))
        self.assertEqual(0.25, vcpu.share(SECOND // 2, 2.0))

    def test_no_more_is_charged_than_was_waited(self) -> None:
        """Also where the time is no whole number of nanoseconds."""
        elapsed = 1.001 - 1.0
        self.assertNotEqual(elapsed * 1e9, round(elapsed * 1e9))
        vcpu = Vcpu(KernelCounter(0, 0.0), KernelCounter(0, 0.0))
        self.assertLessEqual(vcpu.share(1, elapsed) * elapsed, 1e-9)
        self.assertEqual(1.0, vcpu.share(SECOND, elapsed))

    def test_as_many_seconds_are_bad_as_it_took(self) -> None:
        vcpu = Vcpu(KernelCounter(0, 0.0), KernelCounter(0, 0.0))
        shares = [vcpu.share(w, 1.0) for w in (5 * SECOND // 2, 0, 0, 0)]
        self.assertEqual([1.0, 1.0, 0.5, 0.0], shares)


class TestKernelCounter(base.BaseTestCase):
    def test_deltas(self) -> None:
        counter = KernelCounter(100, at=0.0)
        self.assertEqual(5, counter.add(105, at=1.0))
        self.assertEqual(0, counter.add(105, at=2.0))
        self.assertEqual(SECOND, counter.add(105 + SECOND, at=3.0))

    def test_back_is_no_delta_and_a_new_beginning(self) -> None:
        counter = KernelCounter(100, at=0.0)
        self.assertIsNone(counter.add(40, at=1.0))
        self.assertEqual(2, counter.add(42, at=2.0))

    def test_huge(self) -> None:
        counter = KernelCounter(0, at=0.0)
        self.assertIsNone(counter.add(2 * SECOND + 1, at=1.0))
        self.assertEqual(7, counter.add(2 * SECOND + 8, at=2.0))

    def test_a_long_wait_comes_at_once(self) -> None:
        counter = KernelCounter(0, at=0.0)
        for at in range(1, 9):
            self.assertEqual(0, counter.add(0, float(at)))
        self.assertEqual(9 * SECOND, counter.add(9 * SECOND, at=9.0))
        # It cannot do so again.
        self.assertIsNone(counter.add(18 * SECOND, at=10.0))


class TestHistogram(base.BaseTestCase):
    def test_it(self) -> None:
        histogram = Histogram((0.1, 1.0))
        for value, times in ((0.0, 1), (0.1, 2), (0.5, 3), (2.0, 4)):
            histogram.observe(value, times)
        self.assertEqual(
            [('0.1', 3.0), ('1.0', 6.0), ('+Inf', 10.0)], histogram.buckets()
        )
        self.assertAlmostEqual(0.2 + 1.5 + 8.0, histogram.sum)
