import dataclasses

from oslotest import base

from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.moves import state
from tests.unit import fakes
from tests.unit.make import (
    NOW,
    ended,
    fleet,
    migration,
    move,
    server,
    signal,
    signals,
    snapshot,
)

NOTHING = signals()


SIGNER = fakes.signer()


def tagged(stage: str, since: float = NOW, **values: object):
    tag = SIGNER.tag(move(stage=Stage(stage), since=since, steal_before=0.261))
    return server(tags=('web', tag), **values)


def in_flight(known, **more):
    told = SIGNER.read_all(known.servers.values())[0]
    return state.moves_in_flight(snapshot(known, **more), told)


class TestMovesInFlight(base.BaseTestCase):
    def stranger(self, *args, migrations=(), usable=NOTHING):
        known = fleet(*args, migrations=migrations)
        return in_flight(known, measured=usable)['s']

    def test_nobody_moves(self) -> None:
        known = fleet(server(tags=('web', 'steal:drain:1')))
        self.assertEqual({}, in_flight(known))

    def test_from_the_tag(self) -> None:
        one = tagged('drain', role='web')
        found = self.stranger(one)
        self.assertEqual(
            move(
                server=one,
                steal_before=0.261,
                copy_mb=4096 + 10 * 1024,
                reason='begun by another migrator process',
            ),
            found,
        )
        self.assertIsNone(found.target)

    def test_its_demand_is_its_vcpus_unless_it_asks_for_more(self) -> None:
        for used, expected in ((1.0, 4.0), (6.0, 6.0)):
            usable = signals(signal(used=used, waited=0.0))
            found = self.stranger(tagged('drain'), usable=usable)
            self.assertEqual(expected, found.demand.expected)
        self.assertEqual(4.0, self.stranger(tagged('drain')).demand.expected)

    def test_a_move_long_ago_says_nothing(self) -> None:
        """It came here from b an hour ago, and is about to leave."""
        before = migration(source='b', target='a', created_at=NOW - 3600)
        for stage in ('drain', 'request'):
            found = self.stranger(tagged(stage), migrations=(before,))
            self.assertEqual(('a', None), (found.source, found.target))

    def test_its_target(self) -> None:
        record = migration(status='running')
        for stage in ('request', 'migrate'):
            found = self.stranger(tagged(stage), migrations=(record,))
            self.assertEqual(('a', 'b'), (found.source, found.target))

    def test_where_it_came_from(self) -> None:
        record = migration(created_at=NOW - 300)
        for stage in ('reattach', 'verify'):
            there = tagged(stage, host='b')
            found = self.stranger(there, migrations=(record,))
            self.assertEqual(('a', 'b'), (found.source, found.target))

    def remembered(self, known, *args, migrations=()):
        """The server apart, which is as Nova tells it now."""
        told = fleet(*args, migrations=migrations)
        tags, _ = SIGNER.read_all(told.servers.values())
        found = state.moves_in_flight(snapshot(told, known), tags)['s']
        now = told.servers.get('s') or known.server.deleted()
        self.assertEqual(now, found.server)
        return dataclasses.replace(found, server=known.server)

    def test_memory_knows_more(self) -> None:
        known = move(reason='it waits', since=NOW + 0.5, demand=9.0)
        self.assertEqual(known, self.remembered(known, tagged('drain')))

    def test_memory_outlives_the_tag_and_the_server(self) -> None:
        self.assertEqual(move(), self.remembered(move(), server()))
        self.assertEqual(move(), self.remembered(move()))

    def test_memory_is_ahead_of_a_tag_that_nova_did_not_take(self) -> None:
        known = move(stage=Stage.UNDO, failure='the migration ended as: error')
        stale = tagged('migrate', since=NOW - 60, status='ERROR')
        self.assertEqual(known, self.remembered(known, stale))

    def test_nobody_forges_a_stage(self) -> None:
        forged = tagged('verify', since=NOW + 10**9)
        self.assertEqual(move(), self.remembered(move(), forged))

    def test_the_target_is_filled_in(self) -> None:
        known = move(stage=Stage.REQUEST)
        record = migration(status='queued')
        found = self.remembered(known, tagged('request'), migrations=(record,))
        self.assertEqual('b', found.target)

    def test_what_is_undone_arrives_nowhere(self) -> None:
        known = move(stage=Stage.UNDO)
        found = self.remembered(
            known, tagged('undo'), migrations=(migration(),)
        )
        self.assertIsNone(found.target)


class TestMigrationOf(base.BaseTestCase):
    def of(self, stage: Stage, *records: Migration) -> int | None:
        known = fleet(server(), migrations=records)
        found = move(stage=stage).migration(known)
        return found and found.migration_id

    def test_none(self) -> None:
        for stage in Stage:
            self.assertIsNone(self.of(stage))

    def test_an_older_one_is_not_what_we_asked_for(self) -> None:
        old = migration(created_at=NOW - 100)
        for stage in (Stage.DRAIN, Stage.REQUEST, Stage.UNDO):
            self.assertIsNone(self.of(stage, old))

    def test_one_that_ends_now_was_not_begun_now(self) -> None:
        old = migration(created_at=NOW - 100, updated_at=NOW + 1)
        self.assertIsNone(self.of(Stage.REQUEST, old))
        self.assertEqual(1, self.of(Stage.UNDO, old))

    def test_clocks_differ(self) -> None:
        for early, expected in ((5, 1), (6, None)):
            one = migration(created_at=NOW - early)
            self.assertEqual(expected, self.of(Stage.REQUEST, one))

    def test_what_runs_is_the_newest_however_old(self) -> None:
        old = migration(migration_id=7, created_at=NOW - 5000)
        older = migration(migration_id=6, created_at=NOW - 9000)
        self.assertEqual(7, self.of(Stage.MIGRATE, older, old))


class TestOrphans(base.BaseTestCase):
    def test_a_deleted_one_that_is_listed_for_days(self) -> None:
        over = {'gone': ended('gone', outcome=Outcome.GONE)}
        found = state.orphans(frozenset({'gone'}), snapshot(ended=over))
        self.assertEqual([], found)
        # Not so one that Nova still has.
        known = snapshot(fleet(server('gone')), ended=over)
        found = state.orphans(frozenset({'gone'}), known)
        self.assertEqual(['gone'], [s.server_id for s in found])

    def test_who_is_out_and_not_moving(self) -> None:
        known = snapshot(fleet(server('x'), server('y')), move('y'))
        found = state.orphans(frozenset({'x', 'y', 'gone'}), known)
        self.assertEqual(
            [('gone', 'DELETED'), ('x', 'ACTIVE')],
            [(s.server_id, s.status) for s in found],
        )

    def test_it_is_only_reattached(self) -> None:
        found = state.way_back(server(), snapshot())
        self.assertEqual(
            (Stage.REQUEST, NOW, 'a'), (found.stage, found.since, found.source)
        )
        gone = state.way_back(server().deleted(), snapshot())
        self.assertIs(Stage.UNDO, gone.stage)
