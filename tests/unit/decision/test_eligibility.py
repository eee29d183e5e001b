from oslotest import base

from steal_scheduler.decision.eligibility import veto
from steal_scheduler.decision.limits import LimitRules
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Move, Outcome
from tests.unit.make import NOW, ended, finding, fleet, migration, move, server

RULES = LimitRules(cooldown=100.0, history=1000.0)


class TestVeto(base.BaseTestCase):
    def veto(
        self,
        *migrations: Migration,
        moves: dict[str, Move] | None = None,
        outcome: Outcome | None = None,
        now: float = NOW,
        **of_server: object,
    ) -> str:
        """'' where it may move, else why not."""
        last = {} if outcome is None else {'s': ended(outcome=outcome)}
        allowed, refusals = veto(
            [finding()],
            fleet(server(**of_server), migrations=migrations),
            moves or {},
            last,
            RULES,
            now,
        )
        self.assertEqual(1, len(allowed) + len(refusals))
        return str(refusals[0].why) if refusals else ''

    def test_it_may(self) -> None:
        self.assertEqual('', self.veto())

    def test_it_is_moving(self) -> None:
        self.assertEqual('moving', self.veto(moves={'s': move()}))

    def test_somebody_else_moves_it(self) -> None:
        self.assertEqual('moving', self.veto(migration(status='running')))

    def test_its_status(self) -> None:
        for status in ('SHUTOFF', 'ERROR', 'PAUSED', 'VERIFY_RESIZE'):
            self.assertEqual('not_active', self.veto(status=status))

    def test_locked(self) -> None:
        self.assertEqual('locked', self.veto(locked=True))

    def test_opted_out(self) -> None:
        self.assertEqual('opted_out', self.veto(opted_out='flavor'))

    def test_misrouted(self) -> None:
        self.assertEqual(
            'misrouted', self.veto(metadata={'steal:orchestrator': 'chef'})
        )
        self.assertEqual(
            '', self.veto(metadata={'steal:orchestrator': 'none'})
        )

    def assert_cooldown(self, seconds: float, *args, **kwargs) -> None:
        """It cools down for so long after NOW."""
        for later, expected in ((seconds - 1, 'cooldown'), (seconds, '')):
            found = self.veto(*args, now=NOW + later, **kwargs)
            self.assertEqual(expected, found, later)

    def test_cooldown(self) -> None:
        self.assert_cooldown(100, migration())
        self.assert_cooldown(100, migration(status='failed'))

    def test_each_further_migration_doubles_it(self) -> None:
        two = [
            migration(migration_id=n, created_at=NOW - 50 * n)
            for n in range(2)
        ]
        self.assert_cooldown(200, *two)
        three = [*two, migration(migration_id=9, created_at=NOW - 500)]
        self.assert_cooldown(400, *three)

    def test_what_is_too_old_does_not_double(self) -> None:
        old = migration(migration_id=0, created_at=NOW - 1000)
        self.assert_cooldown(100, migration(migration_id=1), old)

    def test_it_never_exceeds_the_history(self) -> None:
        many = [
            migration(migration_id=n, created_at=NOW - n) for n in range(50)
        ]
        self.assertEqual('cooldown', self.veto(*many, now=NOW + 900))
        self.assertEqual('', self.veto(*many, now=NOW + 1000))

    def test_thousands_of_migrations(self) -> None:
        many = [
            migration(migration_id=n, created_at=NOW - n / 10)
            for n in range(2000)
        ]
        self.assertEqual('cooldown', self.veto(*many))

    def test_a_move_that_did_not_help_doubles_it(self) -> None:
        self.assert_cooldown(100, migration(), outcome=Outcome.HELPED)
        self.assert_cooldown(200, migration(), outcome=Outcome.NOT_HELPED)

    def test_a_move_that_did_not_start_cools_down_too(self) -> None:
        self.assert_cooldown(100, outcome=Outcome.NOT_STARTED)
