import dataclasses

from oslotest import base

from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.move import Stage
from steal_scheduler.moves.leftovers import Kind, Leftover, leftovers
from steal_scheduler.moves.tags import Tag
from tests.hostile import HOSTILE, SHOWN
from tests.unit.make import NOW, fleet, migration, server, snapshot

MIGRATING = {'status': 'MIGRATING', 'task_state': 'migrating'}
HOUR = 3600.0


def record(status: str, age: float, **other: object) -> Migration:
    """One that has not changed for so many seconds."""
    at = NOW - age
    return migration(status=status, created_at=at, updated_at=at, **other)


class TestLeftovers(base.BaseTestCase):
    def found(
        self,
        *unended: Migration,
        ended: tuple[Migration, ...] = (),
        told: Tag | None = None,
        **of_server: object,
    ) -> list[Leftover]:
        known = fleet(server(**of_server), migrations=ended)
        told_of = {'s': told} if told else {}
        return leftovers(snapshot(known), unended, told_of)

    def kinds(self, *unended: Migration, **more: object) -> list[str]:
        return [str(each.kind) for each in self.found(*unended, **more)]

    def test_nothing(self) -> None:
        self.assertEqual([], self.kinds())
        self.assertEqual(
            [],
            self.kinds(
                ended=(
                    record(
                        'completed',
                        9,
                    ),
                )
            ),
        )

    def test_a_migration_that_goes_on(self) -> None:
        for status, age in (
            ('accepted', 3000),
            ('queued', 3000),
            ('running', 500),
            ('post-migrating', 500),
        ):
            self.assertEqual(
                [], self.kinds(record(status, age), **MIGRATING), status
            )

    def test_a_migration_that_stands_still(self) -> None:
        for status, age in (
            ('accepted', HOUR + 1),
            ('queued', HOUR + 1),
            ('preparing', HOUR + 1),
            ('running', 601),
            ('running (post-copy)', 601),
            ('post-migrating', 601),
        ):
            found = self.found(record(status, age), **MIGRATING)
            self.assertEqual([Kind.STANDS_STILL], [f.kind for f in found])
        self.assertIn('migration 1 is post-migrating', found[0].detail)
        self.assertIn('nova-compute of a', found[0].detail)
        self.assertEqual(
            'openstack server set --state active s', found[0].command
        )

    def test_a_record_that_never_ends(self) -> None:
        (found,) = self.found(record('running', 9 * 86400))
        self.assertEqual((Kind.NEVER_ENDS, 'a'), (found.kind, found.host))
        self.assertIn('is running for 9 days', found.detail)
        self.assertIn(
            "WHERE id = 1 AND instance_uuid = 's' AND status = 'running'",
            found.command,
        )
        # Its nova-compute has forgotten it, and libvirt may not have.
        self.assertIn('"virsh list --uuid" on a and b', found.detail)
        # It may end just now.
        self.assertEqual([], self.kinds(record('running', 60)))

    def test_a_record_of_a_server_that_was_deleted(self) -> None:
        gone = record('queued', HOUR)
        (found,) = leftovers(snapshot(fleet()), [gone], {})
        self.assertEqual(Kind.NEVER_ENDS, found.kind)
        self.assertIn('the server was deleted', found.detail)

    def test_it_migrates_without_a_record(self) -> None:
        (found,) = self.found(**MIGRATING)
        self.assertEqual(Kind.NO_RECORD, found.kind)
        self.assertIn('nova-conductor', found.detail)

    def test_it_completed_and_is_on_its_source(self) -> None:
        done = record('completed', 600)
        (found,) = self.found(ended=(done,))
        self.assertEqual(Kind.NOT_MOVED, found.kind)
        self.assertIn('on both', found.detail)
        for fields in ({'host': 'b'}, {'host': None}):
            self.assertEqual([], self.kinds(ended=(done,), **fields))
        # Nova tells of the record before it tells of the host.
        self.assertEqual([], self.kinds(ended=(record('completed', 60),)))

    def test_in_error_after_a_migration_of_ours(self) -> None:
        for status in ('error', 'cancelled', 'failed'):
            (found,) = self.found(ended=(record(status, 600),), status='ERROR')
            self.assertEqual(Kind.ERROR, found.kind)
            self.assertIn('virsh list --uuid', found.detail)
        for more in (
            {'status': 'ACTIVE'},
            {'ended': (record('error', 600, user_id='them'),)},
            {'ended': (record('completed', 600),), 'host': 'b'},
            {'ended': ()},
        ):
            fields = {'ended': (record('error', 600),), 'status': 'ERROR'}
            self.assertEqual([], self.kinds(**(fields | more)), more)

    def test_a_tag_without_a_move(self) -> None:
        tagged = {'tags': ('blue', 'steal:drain:1')}
        (forged,) = self.found(**tagged)
        self.assertEqual(Kind.TAG, forged.kind)
        self.assertIn('no key of ours', forged.detail)
        (hostile,) = self.found(tags=(f'steal:undo:{HOSTILE}',))
        self.assertIn(f'the tag steal:undo:{SHOWN}; no', hostile.detail)
        self.assertEqual('steal-manage recover --clear', forged.command)
        fresh = Tag(Stage.DRAIN, NOW - 600, None, 1)
        self.assertEqual([], self.kinds(told=fresh, **tagged))
        old = Tag(Stage.DRAIN, NOW - 30 * HOUR, None, 1)
        (found,) = self.found(told=old, **tagged)
        self.assertIn('began 30 h ago', found.detail)
        # It is under way.
        going = record('running', 5)
        more = {**MIGRATING, **tagged}
        self.assertEqual([], self.kinds(going, told=old, **more))
        self.assertEqual([], self.kinds(tags=('blue', 'steal:me')))

    def test_what_nova_does_not_tell_of(self) -> None:
        known = fleet(server(**MIGRATING), server('t', **MIGRATING))
        for missing, expected in (
            ({'unread_servers': {'s'}}, ['t']),
            ({'unread': {Listing.MIGRATIONS: 'no'}}, []),
        ):
            part = dataclasses.replace(known, **missing)
            found = leftovers(snapshot(part), [], {})
            self.assertEqual(expected, [f.server_id for f in found])
