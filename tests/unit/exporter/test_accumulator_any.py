"""Whatever the samples are: counters only grow, and by what is true."""

import dataclasses
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.exporter.sample import (
    Kind,
    Other,
    Sample,
    Server,
    Thread,
    Throttle,
)
from tests.unit.exporter.test_accumulator import (
    MS,
    accumulator,
    server,
    thread,
)
from tests.unit.exporter.tree import OTHER, UUID

#: Of one thread between two samples: what it ran and waited, in ms, or that
#: it is not there.
STEPS = st.none() | st.tuples(st.integers(0, 500), st.integers(0, 500))
HISTORY = st.lists(
    st.tuples(st.floats(1.0, 4.0), st.lists(STEPS, min_size=4, max_size=4)),
    max_size=12,
)
#: Anything at all, as a kernel without sense might tell it.
NONSENSE = st.lists(
    st.tuples(
        st.floats(0.001, 100.0),
        st.lists(
            st.tuples(
                st.integers(0, 4), st.integers(0, 2), *[st.integers(0)] * 5
            ),
            max_size=6,
        ),
    ),
    max_size=12,
)


class TestProperties(base.BaseTestCase):
    @given(HISTORY)
    @settings(deadline=None, max_examples=200)
    def test_the_sum_of_all_deltas(self, history: list) -> None:
        counters = accumulator()
        at, clock, expected = 0.0, [(0, 0)] * 4, [0, 0]
        before: set[int] = set()
        for elapsed, steps in history:
            at += elapsed
            present = set()
            for index, step in enumerate(steps):
                run, wait = step or (0, 0)
                clock[index] = clock[index][0] + run, clock[index][1] + wait
                if step is not None:
                    present.add(index)
                    if index in before:
                        expected[0] += run * MS
                        expected[1] += wait * MS
            counters.add(
                Sample(
                    at,
                    tuple(
                        server(
                            *(thread(i, *clock[i]) for i in one & present),
                            uuid=uuid,
                        )
                        for uuid, one in ((UUID, {0, 1}), (OTHER, {2, 3}))
                        if one & present
                    ),
                )
            )
            before = present
        self.assertAlmostEqual(expected[0] / 1e9, counters.host_run_seconds)
        self.assertAlmostEqual(expected[1] / 1e9, counters.host_wait_seconds)
        self.assertEqual(0, counters.rejected_readings.total())

    @given(st.lists(st.floats(1.0, 4.0), max_size=50))
    @settings(deadline=None, max_examples=200)
    def test_no_second_is_lost(self, delays: list[float]) -> None:
        counters = accumulator()
        for elapsed in itertools.accumulate(delays, initial=0.0):
            counters.add(Sample(elapsed, (server(thread(1, 0, 0)),)))
        counted = counters.samples - 1 + counters.missed_samples
        self.assertLessEqual(abs(counted - sum(delays)), 1)
        shares = counters.servers[UUID].wait_ratio
        self.assertEqual(counted, shares.buckets()[-1][1])

    @given(NONSENSE)
    @settings(deadline=None, max_examples=200)
    def test_never_back_and_never_huge(self, history: list) -> None:
        counters = accumulator()
        at, last = 0.0, {}
        for elapsed, found in history:
            at += elapsed
            known = {
                uuid: dict(t.threads) for uuid, t in counters.servers.items()
            }
            counters.add(Sample(at, tuple(self.made(found))))
            now = {
                uuid: [
                    *(t.run_seconds, t.wait_seconds, t.throttled_seconds),
                    t.periods,
                    *(t.throttled_periods, t.seconds, t.bad_seconds),
                    *(t.worst_vcpu_run_seconds, t.worst_vcpu_wait_seconds),
                    *t.thread_run_seconds.values(),
                    *t.thread_wait_seconds.values(),
                    *(count for _, count in t.wait_ratio.buckets()),
                ]
                for uuid, t in counters.servers.items()
            }
            for uuid in now.keys() & last.keys():
                for old, new in zip(last[uuid], now[uuid], strict=True):
                    self.assertLessEqual(old, new)
                # A wait may be as old as the first sample, and no older.
                most = len(known[uuid]) * (at + 1) * 1.000001
                self.assertLessEqual(now[uuid][0] - last[uuid][0], most)
                self.assertLessEqual(now[uuid][1] - last[uuid][1], most)
            for totals in counters.servers.values():
                # One vCPU is a part of all of them.
                run, wait = totals.run_seconds, totals.wait_seconds
                self.assertLessEqual(
                    totals.worst_vcpu_run_seconds, run * 1.000001
                )
                self.assertLessEqual(
                    totals.worst_vcpu_wait_seconds, wait * 1.000001
                )
            last = now

    def made(self, found: list) -> list[Server]:
        servers = {}
        for tid, start, run, wait, *counts in found:
            uuid = (UUID, OTHER)[tid % 2]
            one = servers.setdefault(uuid, server(uuid=uuid))
            if all(t.key != (tid, start) for t in one.threads):
                one = dataclasses.replace(
                    one,
                    threads=(
                        *one.threads,
                        Thread((tid, start), run, wait, False),
                    ),
                    throttles=(Throttle('k', *counts),),
                    others=(
                        None
                        if not start
                        else (
                            Other((tid, start), [*Kind][tid % 3], run, wait),
                        )
                    ),
                )
            servers[uuid] = one
        return list(servers.values())
