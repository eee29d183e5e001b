import collections
import dataclasses
from collections.abc import Sequence

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import limits
from steal_scheduler.decision.coverage import Coverage
from steal_scheduler.decision.rules import MaxUnavailable, Rules
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Move, Stage
from tests.unit import (
    make,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.make import (
    NOW,
    fleet,
    migration,
    move,
    server,
    signals,
    snapshot,
)

ANY_NUMBER = MaxUnavailable(None, None)
OPEN = make.rules(
    slots=99,
    max_unavailable=ANY_NUMBER,
    copy_rate=1e6,
)
MIDNIGHT = 86400.0 * 11


def rules(shared_storage: bool = False, **values: object) -> Rules:
    """OPEN, but for these of ``[limits]``."""
    return dataclasses.replace(
        OPEN,
        limits=dataclasses.replace(OPEN.limits, **values),
        hosts=dataclasses.replace(OPEN.hosts, shared_storage=shared_storage),
    )


def failures(*ends: float) -> list[Migration]:
    """Each from another host to another one, of a server of another project.

    See ``SERVERS``.
    """
    return [
        migration(
            f's{n}',
            migration_id=n,
            status='error',
            source=f'from{n}',
            target=f'to{n}',
            created_at=NOW + at,
        )
        for n, at in enumerate(ends)
    ]


SERVERS = tuple(server(f's{n}', project_id=f'p{n}') for n in range(3))


def whys(found: list) -> list[str]:
    return [str(r.reason) for r in found]


class TestHolds(base.BaseTestCase):
    def holds(
        self,
        zones: Sequence[Coverage] = (),
        migrations: list[Migration] | None = None,
        now: float = NOW,
        **values: object,
    ) -> list[str]:
        known = snapshot(
            fleet(*SERVERS, migrations=tuple(migrations or ())),
            rules=rules(**values),
            now=now,
        )
        return [reason for reason, _ in limits.holds(known, zones)]

    def test_nothing_holds(self) -> None:
        self.assertEqual([], self.holds())

    def zone(self, name: str, unseen: int) -> Coverage:
        there = [server(f's{n}', zone=name) for n in range(5)]
        return Coverage(name, there, there[:unseen])

    def test_coverage_floor(self) -> None:
        self.assertEqual([], self.holds((self.zone('az1', 1),)))
        low = self.zone('az1', 2)
        self.assertEqual(['coverage'], self.holds((low,)))
        # Where others are seen, they go on.
        self.assertEqual([], self.holds((low, self.zone('az2', 1))))
        both = (low, self.zone('az2', 5))
        self.assertEqual(['coverage'] * 2, self.holds(both))

    def test_the_breaker(self) -> None:
        self.assertEqual([], self.holds(migrations=failures(-9, -8)))
        three = failures(-9, -8, 0)
        for later, expected in ((1799, ['breaker']), (1800, [])):
            found = self.holds(migrations=three, now=NOW + later)
            self.assertEqual(expected, found, later)

    def test_then_one_is_tried_until_it_succeeds(self) -> None:
        three = failures(-9, -8, 0)
        good = [migration(migration_id=9, source='g', created_at=NOW + 1)]
        for records, expected in ((three, 1), (three + good, 2), ([], 2)):
            known = snapshot(
                fleet(*SERVERS, migrations=tuple(records)),
                rules=OPEN,
                now=NOW + 1800,
            )
            admitted, _ = limits.admit(
                [move('x'), move('y', source='b')], known
            )
            self.assertEqual(expected, len(admitted))

    def test_of_a_source_and_of_a_project_as_well(self) -> None:
        """One at a time, after the pause, and nobody else is held up."""
        moves = [
            move(
                f'{host}-{project}-{n}',
                source='a' if host == 'a' else f'b{project}{n}',
                project_id=project,
            )
            for n in range(2)
            for host in 'ab'
            for project in 'pq'
        ]
        servers = [m.server for m in moves]
        of_a = [
            migration(s, migration_id=n, status='error', target=f'to{n}')
            for n, s in enumerate(('a-p-0', 'a-q-0', 'a-p-1'))
        ]
        of_p = [
            dataclasses.replace(m, server_id='a-p-0', source=f'from{n}')
            for n, m in enumerate(of_a)
        ]
        apart = [dataclasses.replace(m, source=m.server_id) for m in moves]
        for records, planned, of, reason in (
            (of_a, moves, lambda m: m.source == 'a', 'slot_source'),
            (
                of_p,
                apart,
                lambda m: m.server.project_id == 'p',
                'breaker_project',
            ),
        ):
            known = snapshot(
                fleet(*servers, migrations=tuple(records)),
                rules=OPEN,
                now=NOW + 1800,
            )
            admitted, refused = limits.admit(planned, known)
            self.assertEqual(1, sum(map(of, admitted)))
            self.assertEqual(4, sum(not of(m) for m in admitted))
            self.assertEqual([reason] * 3, whys(refused))

    def test_blackout(self) -> None:
        day = (9 * 3600, 10 * 3600)
        night = (23 * 3600, 1 * 3600)
        for window, hour, inside in (
            (day, 8.99, False),
            (day, 9, True),
            (day, 9.99, True),
            (day, 10, False),
            (night, 22.99, False),
            (night, 23, True),
            (night, 23.99, True),
            (night, 0, True),
            (night, 0.99, True),
            (night, 1, False),
            (night, 12, False),
        ):
            found = self.holds(now=MIDNIGHT + hour * 3600, blackout=(window,))
            self.assertEqual(['blackout'] * inside, found, (window, hour))

    @given(st.integers(0, 86399), st.integers(0, 86399), st.integers(0, 86399))
    def test_a_blackout_and_its_complement(
        self, begin: int, end: int, second: int
    ) -> None:
        if begin != end:
            now = MIDNIGHT + second
            both = (
                self.holds(now=now, blackout=((begin, end),)),
                self.holds(now=now, blackout=((end, begin),)),
            )
            self.assertEqual(['blackout'], both[0] + both[1])

    def test_every_reason_is_told(self) -> None:
        found = self.holds(
            (self.zone('az1', 5),),
            failures(-3, -2, -1),
            blackout=((0, 86399),),
        )
        self.assertEqual(['coverage', 'breaker', 'blackout'], found)


class TestSlots(base.BaseTestCase):
    def admit(
        self,
        *planned: Move,
        in_flight: tuple[Move, ...] = (),
        **values: object,
    ) -> dict[str, str]:
        """What becomes of each: 'go', or why not."""
        servers = [m.server for m in (*planned, *in_flight)]
        known = snapshot(fleet(*servers), *in_flight, rules=rules(**values))
        admitted, refusals = limits.admit(planned, known)
        return {m.server_id: 'go' for m in admitted} | {
            str(r.server_id): str(r.reason) for r in refusals
        }

    def test_of_the_cloud(self) -> None:
        found = self.admit(
            move('x', source='b'),
            move('y', source='c'),
            in_flight=(move('z'),),
            slots=2,
        )
        self.assertEqual({'x': 'go', 'y': 'slot_cloud'}, found)

    def test_of_a_source(self) -> None:
        found = self.admit(
            move('w'),
            move('x', source='b'),
            move('y', source='b'),
            in_flight=(move('z'),),
        )
        self.assertEqual(
            {'w': 'slot_source', 'x': 'go', 'y': 'slot_source'}, found
        )

    def test_of_a_role(self) -> None:
        found = self.admit(
            move('u', source='u'),
            move('v', source='v'),
            move('w', source='w', role='web'),
            move('x', source='x', role='db'),
            move('y', source='y', role='db'),
            in_flight=(move('z', role='web'),),
            max_unavailable=MaxUnavailable(1, None),
        )
        self.assertEqual(
            {
                'u': 'go',
                'v': 'go',
                'w': 'max_unavailable',
                'x': 'go',
                'y': 'max_unavailable',
            },
            found,
        )

    def test_of_a_project(self) -> None:
        """Half of them, while there are others, who wait or do not."""
        mine = [move(s, source=s, project_id='p') for s in 'uvw']
        other = move('z', source='z', project_id='q')
        for slots, going in ((1, 'u'), (2, 'u'), (3, 'uv'), (4, 'uv')):
            found = self.admit(*mine, other, slots=slots)
            begun = ''.join(s for s in 'uvw' if found[s] == 'go')
            self.assertEqual(going, begun)
            self.assertEqual(
                'slot_project' if slots > 1 else 'slot_cloud',
                found['w'],
                slots,
            )
            self.assertEqual('go' if slots > 1 else 'slot_cloud', found['z'])
        found = self.admit(*mine[1:], in_flight=(mine[0], other), slots=4)
        self.assertEqual({'v': 'go', 'w': 'slot_project'}, found)
        self.assertEqual({*self.admit(*mine, slots=3).values()}, {'go'})

    def test_of_the_one_for_which_room_is_made(self) -> None:
        """Both may begin, or none: x leaves c when y has left b."""
        x = move('x', source='c', role='web', copy_mb=40000)
        y = move('y', source='b', copy_mb=30000, makes_room_for=x)
        self.assertEqual({'y': 'go'}, self.admit(y))
        for in_flight, why in (
            (move('z', source='c'), 'slot_source'),
            (move('z', source='d', role='web'), 'max_unavailable'),
        ):
            found = self.admit(
                y,
                in_flight=(in_flight,),
                max_unavailable=MaxUnavailable(1, None),
            )
            self.assertEqual({'y': why}, found)
        # Half an hour of it: either of them, and not both.
        other = move('other', source='e', copy_mb=20000)
        found = self.admit(y, in_flight=(other,), copy_rate=45.0)
        self.assertEqual({'y': 'bandwidth'}, found)
        alone = dataclasses.replace(y, makes_room_for=None)
        found = self.admit(alone, in_flight=(other,), copy_rate=45.0)
        self.assertEqual({'y': 'go'}, found)

    def test_what_a_move_brings_is_measured_before_the_next(self) -> None:
        """Signals of NOW are means over 60 s."""
        for left, expected in ((61, 'go'), (60, 'go'), (59, 'slot_source')):
            record = migration('z', created_at=NOW - left)
            known = snapshot(
                fleet(server('z', host='b'), migrations=(record,)),
                measured=signals(window=60.0),
                rules=OPEN,
            )
            admitted, refused = limits.admit([move('x')], known)
            self.assertEqual(
                [expected], ['go'] * len(admitted) or whys(refused)
            )
            # Where it has come to, nothing has to be waited for.
            admitted, _ = limits.admit([move('y', source='b')], known)
            self.assertEqual(1, len(admitted))

    def test_one_of_a_source(self) -> None:
        for in_flight, expected in (
            ((), {'x': 'go', 'y': 'slot_source'}),
            ((move('z'),), {'x': 'slot_source', 'y': 'slot_source'}),
            (
                (move('z', stage=Stage.VERIFY),),
                {'x': 'go', 'y': 'slot_source'},
            ),
        ):
            found = self.admit(move('x'), move('y'), in_flight=in_flight)
            self.assertEqual(expected, found)

    def test_who_is_being_verified_takes_no_slot(self) -> None:
        found = self.admit(
            move('x', role='web'),
            in_flight=(move('z', stage=Stage.VERIFY, role='web'),),
            slots=1,
            max_unavailable=MaxUnavailable(1, None),
        )
        self.assertEqual({'x': 'go'}, found)

    @given(
        st.lists(
            st.builds(
                move,
                source=st.sampled_from('abc'),
                role=st.sampled_from((None, 'web', 'db')),
                stage=st.sampled_from(Stage),
            ),
            max_size=12,
        ),
        st.integers(0, 4),
        st.tuples(*[st.integers(1, 3)] * 3),
    )
    def test_never_above_any_slot(
        self, moves: list[Move], under_way: int, slots: tuple[int, int, int]
    ) -> None:
        moves = [
            dataclasses.replace(
                m, server=dataclasses.replace(m.server, server_id=f's{n}')
            )
            for n, m in enumerate(moves)
        ]
        in_flight, planned = moves[:under_way], moves[under_way:]
        found = self.admit(
            *planned,
            in_flight=tuple(in_flight),
            slots=slots[0],
            max_unavailable=MaxUnavailable(slots[2], None),
        )
        self.assertEqual({m.server_id for m in planned}, set(found))
        begun = [m for m in planned if found[m.server_id] == 'go']
        busy = [m for m in in_flight if m.occupies(NOW, 300.0)]
        counts = (
            lambda m: 'all',
            lambda m: m.source,
            lambda m: m.server.role,
        )
        # One of each source.
        slots = (slots[0], 1, slots[2])
        for limit, key in zip(slots, counts, strict=True):
            before = collections.Counter(map(key, busy))
            for of, count in collections.Counter(map(key, begun)).items():
                if of is not None:
                    self.assertLessEqual(before[of] + count, limit)
        # Who is refused would break a limit, given who goes before it.
        for one in planned:
            if found[one.server_id] != 'go':
                ahead = busy + begun
                full = any(
                    key(one) is not None
                    and sum(key(m) == key(one) for m in ahead) >= limit
                    for limit, key in zip(slots, counts, strict=True)
                )
                self.assertTrue(full, found[one.server_id])


class TestUnavailable(base.BaseTestCase):
    def test_who_goes_out_counts_for_those_behind(self) -> None:
        servers = [server(s, role='web') for s in 'abc']
        moves = [move(s, role='web', source=s, copy_mb=1) for s in 'abc']
        two = rules(max_unavailable=MaxUnavailable(2, None))
        known = snapshot(fleet(*servers), rules=two)
        admitted, refusals = limits.admit(moves, known)
        self.assertEqual(['a', 'b'], [m.server_id for m in admitted])
        self.assertEqual(['max_unavailable'], whys(refusals))


class TestBandwidth(base.BaseTestCase):
    """A bucket of 10 GiB that gets 1 MiB a second."""

    RULES = rules(copy_rate=1.0, shared_storage=True)

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.decision.limits.BURST', 10 * 1024
            )
        )

    def admit(
        self,
        *gib: float,
        copied: tuple[tuple[float, float], ...] = (),
        in_flight: tuple[Move, ...] = (),
        now: float = NOW,
    ) -> list[int]:
        """Which of these go, by index.

        :param copied: in the past: (seconds ago, GiB)
        """
        servers = [
            server(f'old{n}', ram_mb=int(size * 1024))
            for n, (_, size) in enumerate(copied)
        ]
        records = [
            migration(
                f'old{n}',
                migration_id=n,
                source=f'old{n}',
                created_at=now - ago,
            )
            for n, (ago, _) in enumerate(copied)
        ]
        planned = [
            move(str(n), source=f'from{n}', copy_mb=int(size * 1024))
            for n, size in enumerate(gib)
        ]
        known = snapshot(
            fleet(*servers, migrations=tuple(records)),
            *in_flight,
            rules=self.RULES,
            now=now,
        )
        admitted, refused = limits.admit(planned, known)
        self.assertEqual(len(planned), len(admitted) + len(refused))
        self.assertLessEqual(set(whys(refused)), {'bandwidth'})
        return [int(m.server_id) for m in admitted]

    def test_a_burst(self) -> None:
        self.assertEqual([0, 1], self.admit(6, 4, 1))

    def test_what_was_copied_lately_counts(self) -> None:
        # 8 GiB copied 2048 seconds ago: 2 + 2 GiB are there.
        self.assertEqual([0], self.admit(4, copied=((2048, 8),)))
        self.assertEqual([], self.admit(4.1, copied=((2048, 8),)))

    def test_the_urgent_one_is_not_passed_by_smaller_ones(self) -> None:
        self.assertEqual([], self.admit(8, 1, copied=((0, 5),)))

    def test_one_larger_than_the_bucket_waits_until_it_is_full(self) -> None:
        self.assertEqual([0], self.admit(500))
        self.assertEqual([], self.admit(500, copied=((1023, 1),)))
        self.assertEqual([0], self.admit(500, copied=((1024, 1),)))

    def test_and_nothing_follows_until_it_is_paid_for(self) -> None:
        self.assertEqual([], self.admit(1, copied=((20 * 1024, 30),)))
        self.assertEqual([0], self.admit(1, copied=((21 * 1024, 30),)))

    def test_a_bucket_that_was_never_full_since(self) -> None:
        # 10 GiB, then half of what came in: 5 GiB are there, not 10.
        copied = ((10241, 10), (5121, 5))
        self.assertEqual([0], self.admit(5, copied=copied))
        self.assertEqual([], self.admit(5.1, copied=copied))

    def wish(self, *wishes: tuple[str, float], debt: float = 0.0) -> list[int]:
        """Which of these go, by index, where p has left this debt.

        :param wishes: project, GiB
        :param debt: GiB
        """
        big = server('big', project_id='p', ram_mb=int((10 + debt) * 1024))
        records = (migration('big', created_at=NOW),) if debt else ()
        planned = [
            move(
                str(n),
                source=f'from{n}',
                project_id=project,
                copy_mb=int(gib * 1024),
            )
            for n, (project, gib) in enumerate(wishes)
        ]
        known = snapshot(
            fleet(big, *(m.server for m in planned), migrations=records),
            rules=self.RULES,
        )
        admitted, refused = limits.admit(planned, known)
        self.assertLessEqual(set(whys(refused)), {'bandwidth'})
        return [int(m.server_id) for m in admitted]

    def test_the_debt_of_one_project_is_not_that_of_all(self) -> None:
        """Half of the bucket is kept for the others."""
        self.assertEqual([1], self.wish(('p', 1), ('q', 1), debt=500))
        self.assertEqual(
            [0, 1], self.wish(('q', 4), ('r', 1), ('q', 0.1), debt=500)
        )
        # One that is larger than all that is kept.
        self.assertEqual([0], self.wish(('q', 30), ('q', 1), debt=500))

    def test_one_that_waits_holds_up_its_own_project_alone(self) -> None:
        self.assertEqual(
            [1], self.wish(('p', 50), ('q', 5), ('p', 1), debt=0.1)
        )
        # That of the one which is next as well; a quarter is for the others.
        found = self.wish(('q', 5), ('q', 50), ('r', 0.1), debt=100)
        self.assertEqual([0, 2], found)

    def test_nor_do_two_or_three_projects_use_it_up(self) -> None:
        """They may be of one tenant."""
        for few, left in (('q', 2.5), ('qr', 1.25)):
            wishes = [(project, 50 - n) for n, project in enumerate(few)]
            # Theirs are larger than what is kept, which is full; so is one.
            for gib in (left, 30):
                found = self.wish(*wishes, ('z', gib), ('z', 0.1), debt=100)
                self.assertEqual([*range(len(few) + 1)], found)
        # What four want is what all want.
        four = [(project, 50 - n) for n, project in enumerate('qrs')]
        self.assertEqual([0, 1, 2], self.wish(*four, ('z', 1), debt=100))

    def test_what_found_no_host_was_not_copied(self) -> None:
        record = migration('x', status='error', target=None, created_at=NOW)
        known = snapshot(
            fleet(server('x', ram_mb=500 * 1024), migrations=(record,)),
            rules=self.RULES,
        )
        admitted, _ = limits.admit([move('y', copy_mb=10 * 1024)], known)
        self.assertEqual(1, len(admitted))

    def test_who_is_about_to_copy_counts(self) -> None:
        size = {'copy_mb': 8 * 1024}
        for stage, counts in (
            (Stage.DRAIN, True),
            # Nova has no record of it yet.
            (Stage.REQUEST, True),
            (Stage.UNDO, False),
        ):
            in_flight = (move('old', stage=stage, **size),)
            found = self.admit(4, in_flight=in_flight)
            self.assertEqual([] if counts else [0], found, stage)

    def test_nothing_counts_twice(self) -> None:
        recorded = (move('old0', stage=Stage.REQUEST, copy_mb=6 * 1024),)
        found = self.admit(4, copied=((0, 6),), in_flight=recorded)
        self.assertEqual([0], found)

    def test_a_clock_ahead_of_ours(self) -> None:
        self.assertEqual([0], self.admit(4, copied=((-30, 6),)))
        self.assertEqual([], self.admit(4.2, copied=((-30, 6),)))

    @given(
        st.lists(
            st.tuples(st.integers(0, 4000), st.integers(1, 10)), max_size=20
        )
    )
    def test_never_above_burst_and_rate(
        self, wishes: list[tuple[int, int]]
    ) -> None:
        """Whoever is let through is copied at once; others give up.

        :param wishes: seconds since the last wish, GiB
        """
        done: list[tuple[float, float]] = []
        now = NOW
        for seconds, size in wishes:
            now += seconds
            copied = tuple((now - at, gib) for at, gib in done)
            if self.admit(size, copied=copied, now=now):
                done.append((now, size))
        for first, (begun, _) in enumerate(done):
            total = 0.0
            for at, size in done[first:]:
                total += size
                self.assertLessEqual(total, 10 + (at - begun) / 1024 + 1e-6)
