import dataclasses

from oslotest import base

from steal_scheduler.decision.eligibility import (
    HISTORY,
    MEMORY,
    RETRY_AFTER,
    refusal,
    unfit_to_leave,
)
from steal_scheduler.model.cloud import Fleet, Host, Migration
from steal_scheduler.model.move import Cause, Move, Outcome
from tests.unit import make
from tests.unit.make import (
    NOW,
    ended,
    fleet,
    migration,
    move,
    server,
    snapshot,
)

RULES = make.rules(cooldown=100.0)


def without(host: str) -> Fleet:
    """A server on a; the nova-compute of this host is down."""
    known = fleet(server())
    known.hosts[host] = Host(host, 'az1', up=False)
    return known


class TestEligible(base.BaseTestCase):
    def reason(
        self,
        *migrations: Migration,
        moves: dict[str, Move] | None = None,
        outcome: Outcome | None = None,
        now: float = NOW,
        **of_server: object,
    ) -> str:
        """'' where it may move, else why not."""
        last = {} if outcome is None else {'s': ended(outcome=outcome)}
        known = snapshot(
            fleet(server(**of_server), migrations=migrations),
            moves=moves or {},
            ended=last,
            rules=RULES,
            now=now,
        )
        found = refusal('s', known)
        return str(found.reason) if found else ''

    def test_it_may(self) -> None:
        self.assertEqual('', self.reason())

    def test_it_is_moving(self) -> None:
        self.assertEqual('moving', self.reason(moves={'s': move()}))

    def test_somebody_else_moves_it(self) -> None:
        self.assertEqual('moving', self.reason(migration(status='running')))

    def test_its_status(self) -> None:
        for status in ('SHUTOFF', 'ERROR', 'PAUSED', 'VERIFY_RESIZE'):
            self.assertEqual('not_active', self.reason(status=status))

    def test_locked(self) -> None:
        self.assertEqual('locked', self.reason(locked=True))

    def test_opted_out(self) -> None:
        self.assertEqual('opted_out', self.reason(opted_out='flavor'))

    def test_an_invalid_orchestrator(self) -> None:
        self.assertEqual(
            'invalid_orchestrator',
            self.reason(metadata={'steal:orchestrator': 'chef'}),
        )
        self.assertEqual(
            '', self.reason(metadata={'steal:orchestrator': 'none'})
        )

    def assert_cooldown(self, seconds: float, *args, **kwargs) -> None:
        """It cools down for so long after NOW."""
        for later, expected in ((seconds - 1, 'cooldown'), (seconds, '')):
            found = self.reason(*args, now=NOW + later, **kwargs)
            self.assertEqual(expected, found, later)

    def test_two_tags_must_be_free(self) -> None:
        """That of its stage and that of the next one."""
        for number, expected in ((48, ''), (49, 'tags'), (50, 'tags')):
            tags = tuple(f'team:{n} größe ✓' for n in range(number))
            self.assertEqual(expected, self.reason(tags=tags))
        found = refusal('s', snapshot(fleet(server(tags=tags))))
        assert found is not None
        self.assertIn('it has 50 of the 50 tags', found.detail)
        self.assertIn('needs 2 more', found.detail)

    def test_what_takes_too_long_to_copy(self) -> None:
        """At 100 MiB/s 1406 GiB take the four hours that are allowed."""
        for ram_gb, expected in ((1396, ''), (1397, 'too_large')):
            self.assertEqual(expected, self.reason(ram_mb=ram_gb * 1024))
        found = refusal('s', snapshot(fleet(server(ram_mb=2**21, disk_gb=0))))
        assert found is not None
        self.assertEqual(
            'it takes 20972 s to copy its 2048.0 GiB at [limits] copy_rate = '
            '100 MiB/s, and [stages] longest_migration allows 14400 s',
            found.detail,
        )
        longer = make.rules(migration_timeout=30000.0)
        large = fleet(server(ram_mb=2**21, disk_gb=0))
        self.assertIsNone(refusal('s', snapshot(large, rules=longer)))

    def test_cooldown(self) -> None:
        self.assert_cooldown(100, migration())

    def assert_backoff(self, seconds: float, *records: Migration) -> None:
        for later, expected in ((seconds - 1, 'backoff'), (seconds, '')):
            found = self.reason(*records, now=NOW + later)
            self.assertEqual(expected, found, later)

    def failed(self, *days: float, **values: object) -> list[Migration]:
        """Migrations that failed so many days ago."""
        record = {'status': 'error', 'target': None} | values
        return [
            migration(
                migration_id=100 - int(10 * ago),
                created_at=NOW - HISTORY * ago,
                **record,
            )
            for ago in days
        ]

    def test_each_failure_in_a_row_doubles_the_backoff(self) -> None:
        """Also where one comes a day: all are remembered for a week."""
        self.assert_backoff(100, *self.failed(0))
        self.assert_backoff(200, *self.failed(0, 1))
        self.assert_backoff(6400, *self.failed(*range(7)))
        once = migration(migration_id=80, created_at=NOW - 2 * HISTORY)
        self.assert_backoff(100, *self.failed(0), once, *self.failed(3, 4))

    def test_one_failure_a_day_is_the_rule_in_the_end(self) -> None:
        """With the default cooldown 5 on the first day, then 1 a day."""
        rules, now, tries = make.rules(), NOW, []
        records: list[Migration] = []
        while now < NOW + 14 * HISTORY:
            known = [r for r in records if r.updated_at > now - MEMORY]
            found = snapshot(
                fleet(server(), migrations=tuple(known)), now=now, rules=rules
            )
            if refusal('s', found) is None:
                tries.append(int((now - NOW) // HISTORY))
                records.append(
                    migration(
                        migration_id=len(records),
                        created_at=now,
                        status='cancelled',
                    )
                )
            now += 600
        by_day = [tries.count(day) for day in range(14)]
        self.assertEqual([5, *[1] * 13], by_day)

    def test_what_failed_is_told(self) -> None:
        never = ended(outcome=Outcome.FAILED, detail='aborted: too slow')
        for record, last, words in (
            ({}, None, 'failed, 2 times in a row: Nova found no host for it'),
            ({'target': 'b'}, None, 'it ended as: error'),
            ({'target': 'b', 'status': 'cancelled'}, never, 'too slow'),
            ({'status': 'cancelled'}, None, 'it ended as: cancelled'),
        ):
            known = snapshot(
                fleet(
                    server(), migrations=tuple(self.failed(0, 0.1, **record))
                ),
                ended={'s': last} if last else {},
                rules=RULES,
            )
            found = refusal('s', known)
            assert found is not None
            self.assertIn(words, found.detail)
            self.assertNotIn('it moved lately', found.detail)
            self.assertIn('tried again in 200 s', found.detail)

    def test_each_further_migration_doubles_it(self) -> None:
        two = [
            migration(migration_id=n, created_at=NOW - 50 * n)
            for n in range(2)
        ]
        self.assert_cooldown(200, *two)
        three = [*two, migration(migration_id=9, created_at=NOW - 500)]
        self.assert_cooldown(400, *three)

    def test_what_is_too_old_does_not_double(self) -> None:
        old = migration(migration_id=0, created_at=NOW - HISTORY)
        self.assert_cooldown(100, migration(migration_id=1), old)

    def test_it_never_exceeds_the_history(self) -> None:
        many = [
            migration(migration_id=n, created_at=NOW - n) for n in range(50)
        ]
        self.assertEqual(
            'cooldown', self.reason(*many, now=NOW + HISTORY - 100)
        )
        self.assertEqual('', self.reason(*many, now=NOW + HISTORY))

    def test_thousands_of_migrations(self) -> None:
        many = [
            migration(migration_id=n, created_at=NOW - n / 10)
            for n in range(2000)
        ]
        self.assertEqual('cooldown', self.reason(*many))

    def test_a_move_that_did_not_help_doubles_it(self) -> None:
        self.assert_cooldown(100, migration(), outcome=Outcome.HELPED)
        self.assert_cooldown(200, migration(), outcome=Outcome.NOT_HELPED)

    def test_a_move_that_did_not_begin_is_soon_tried_again(self) -> None:
        """It did not move, so no cooldown: one try costs no hour."""
        rules = make.rules(cooldown=3600.0)
        last = {'s': ended(outcome=Outcome.NOT_STARTED, detail='not now')}
        for later, expected in (
            (0, 'backoff'),
            (RETRY_AFTER - 1, 'backoff'),
            (RETRY_AFTER, ''),
        ):
            known = snapshot(
                fleet(server()), ended=last, rules=rules, now=NOW + later
            )
            found = refusal('s', known)
            self.assertEqual(expected, str(found.reason) if found else '')
            if found:
                self.assertIn('did not begin: not now', found.detail)
                self.assertNotIn('moved lately', found.detail)

    def test_a_clock_that_was_set_back_prolongs_no_backoff(self) -> None:
        self.assertEqual(
            '', self.reason(outcome=Outcome.NOT_STARTED, now=NOW - 3600)
        )

    def test_each_further_one_in_a_row_waits_twice_as_long(self) -> None:
        """A drain that never finishes must not drain it most of the time."""
        for count, pause in (
            (1, 300),
            (2, 600),
            (3, 1200),
            (9, 76800),
            (10, HISTORY),
            (5000, HISTORY),
        ):
            last = ended(outcome=Outcome.NOT_STARTED, not_started=count)
            for later, expected in ((pause - 1, 'backoff'), (pause, '')):
                known = snapshot(
                    fleet(server()),
                    ended={'s': last},
                    rules=RULES,
                    now=NOW + later,
                )
                found = refusal('s', known)
                self.assertEqual(expected, str(found.reason) if found else '')

    def test_what_passes_waits_no_longer_than_once(self) -> None:
        for cause, expected in ((Cause.MOMENT, 'backoff'), (None, '')):
            last = ended(outcome=Outcome.NOT_STARTED, cause=cause)
            last = dataclasses.replace(last, not_started=9, cause=Cause.DRAIN)
            for later, reason in ((RETRY_AFTER - 1, expected), (300, '')):
                known = snapshot(
                    fleet(server()), ended={'s': last}, now=NOW + later
                )
                found = refusal('s', known)
                self.assertEqual(reason, str(found.reason) if found else '')

    def test_nor_does_it_add_to_the_cooldown_of_an_earlier_one(self) -> None:
        moved = migration(created_at=NOW - 50)
        outcome = Outcome.NOT_STARTED
        for later, expected in ((49, 'backoff'), (RETRY_AFTER, '')):
            found = self.reason(moved, outcome=outcome, now=NOW + later)
            self.assertEqual(expected, found)
        long = migration(created_at=NOW + RETRY_AFTER)
        self.assertEqual(
            'cooldown',
            self.reason(long, outcome=outcome, now=NOW + RETRY_AFTER + 99),
        )

    def test_the_nova_compute_of_its_host_is_down(self) -> None:
        """Nova would take the request, and end it as error at once."""
        known = without('a')
        found = refusal('s', snapshot(known))
        assert found is not None
        self.assertEqual('source_down', found.reason)
        self.assertIn('nova-compute of its host a is down', found.detail)
        self.assertIn('evacuate', found.detail)
        self.assertIsNone(refusal('s', snapshot(without('b'))))

    def test_a_host_that_takes_no_more_is_left_all_the_same(self) -> None:
        known = fleet(server())
        known.hosts['a'] = Host('a', 'az1', enabled=False)
        self.assertIsNone(refusal('s', snapshot(known)))


class TestUnfitToLeave(base.BaseTestCase):
    def test_reasons(self) -> None:
        for values, word in (
            ({}, ''),
            ({'host': 'c'}, 'moved it to c'),
            ({'status': 'SHUTOFF'}, 'SHUTOFF'),
            ({'locked': True}, 'locked'),
            ({'opted_out': 'flavor'}, 'flavor'),
        ):
            one = move(server=server(**values))
            found = unfit_to_leave(one, fleet())
            self.assertEqual(bool(word), bool(found))
            self.assertIn(word, found)
        self.assertIn(
            'deleted',
            unfit_to_leave(move(server=server().deleted()), fleet()),
        )

    def test_the_nova_compute_of_its_host_has_died(self) -> None:
        self.assertIn('of its host a', unfit_to_leave(move(), without('a')))
        self.assertEqual('', unfit_to_leave(move(), without('b')))
