"""What we rely on in Nova: its stand-in and a real one must both do it.

Each test here runs twice: in the unit tests with ``fakes.FakeNova``, and in
the functional tests with our client and a real Nova behind it. So what the
stand-in says about Nova is true, and what is proved with it holds.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from steal_scheduler.exception import NovaError, NovaRefused, ServerGone
from steal_scheduler.model.cloud import Migration, Server

TAG = 'steal:drain:1000000:25.0'
#: No server's id.
NOBODY = '00000000-0000-4000-8000-00000000dead'
#: Statuses by whether Nova puts on and takes off tags then.
TAGGED = {
    'PAUSED': True,
    'SUSPENDED': True,
    'SHUTOFF': True,
    'ERROR': False,
    'VERIFY_RESIZE': False,
    'SHELVED_OFFLOADED': False,
}


class Case(Protocol):
    """What a test case adds: the Nova, and how to have its way with it."""

    #: ``NovaClient``, or what stands for it.
    nova: Any
    #: Where servers are booted.
    source: str

    def boot(self, goes: str = '') -> str:
        """A server on `source`; its id.

        :param goes: what becomes of its migrations: they complete, or
            ``never`` end, or fail at ``precheck`` or on their ``run``
        """

    def become(self, server_id: str, status: str) -> None:
        """Somebody else pauses it, shelves it, ..."""

    def lose(self, server_id: str) -> None:
        """Its guest is not on the host that Nova names."""

    def delete(self, server_id: str) -> None:
        """Somebody else deletes it; returns when it is gone."""

    def cell_down(self) -> AbstractContextManager[None]:
        """The cell of all servers is down meanwhile."""

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        """What it returns once it is true; time goes by meanwhile."""

    def now(self) -> float:
        """By Nova's clock."""


class NovaContract:
    """Mixed into a test case that is a `Case`."""

    def record(self: Any, server_id: str) -> Migration | None:
        """The server's latest migration."""
        found = [
            m
            for m in (
                *self.nova.accepted(),
                *self.nova.migrations(self.now() - 3600),
            )
            if m.server_id == server_id
        ]
        return max(found, key=lambda m: m.migration_id, default=None)

    def wait_record(self: Any, server_id: str, *statuses: str) -> Migration:
        def reached() -> Migration | None:
            found = self.record(server_id)
            return found if found and found.status in statuses else None

        wanted: Migration = self.until(reached, f'a migration {statuses}')
        return wanted

    def boot_later(self: Any) -> str:
        """One younger than those before: Nova's dates have no fractions.

        Those of one second it lists in any order.
        """
        second = int(self.now())
        self.until(lambda: int(self.now()) > second, 'the next second')
        server_id: str = self.boot()
        return server_id

    def server(self: Any, server_id: str) -> Server:
        found: Server = self.nova.server(server_id)
        return found

    def listed(self: Any) -> list[str]:
        """Ids of all servers, page by page."""
        found: list[Server] = []
        while page := self.nova.page(found[-1].server_id if found else None):
            found += page
        return [s.server_id for s in found]

    # -- reading -----------------------------------------------------------

    def test_a_server(self: Any) -> None:
        server_id = self.boot()
        found = self.server(server_id)
        self.assertEqual(
            (server_id, self.source, 'ACTIVE', None, (), False, None),
            (
                found.server_id,
                found.host,
                found.status,
                found.task_state,
                found.tags,
                found.locked,
                found.opted_out,
            ),
        )
        self.assertIn(self.source, [h.name for h in self.nova.hosts()])
        found = {h.host: h.name for h in self.nova.hypervisors()}
        self.assertEqual(self.source, found[self.source])
        self.assertRaises(ServerGone, self.nova.server, NOBODY)

    def test_pages(self: Any) -> None:
        """The oldest first; a new one comes last, and shifts no page."""
        ids = [self.boot_later() for _ in range(3)]
        self.assertEqual(ids, self.listed())
        (last,) = (s for s in self.nova.page(ids[1]))
        self.assertEqual(ids[2], last.server_id)
        self.assertEqual([], self.nova.page(ids[2]))
        self.delete(ids[1])
        self.assertEqual([ids[0], ids[2]], self.listed())
        # Also after one that is deleted by then.
        (last,) = (s for s in self.nova.page(ids[1]))
        self.assertEqual(ids[2], last.server_id)
        self.assertRaises(ServerGone, self.nova.page, NOBODY)

    def test_whom_it_ever_had(self: Any) -> None:
        """One that it has deleted as well; of no other does it tell."""
        server_id = self.boot()
        self.assertTrue(self.nova.ever_had(server_id))
        self.delete(server_id)
        self.until(lambda: server_id not in self.listed(), 'its end')
        self.assertRaises(ServerGone, self.nova.server, server_id)
        self.assertTrue(self.nova.ever_had(server_id))
        self.assertFalse(self.nova.ever_had(NOBODY))

    def test_changes(self: Any) -> None:
        """A new status is one, and an end; to Nova a tag is none."""
        stays, stops, goes = (self.boot() for _ in range(3))
        self.until(
            lambda: not self.nova.changed(self.now() - 1), 'peace and quiet'
        )
        since = self.now()
        self.nova.add_tag(stays, TAG)
        self.become(stops, 'SHUTOFF')
        self.delete(goes)
        self.assertEqual(
            {stops: 'SHUTOFF', goes: 'DELETED'},
            {s.server_id: s.status for s in self.nova.changed(since - 1)},
        )

    def test_a_cell_that_is_down(self: Any) -> None:
        """Lists leave out what it has; by id, little is told of a server.

        A page that begins after one of its servers is an error, and so is
        whatever is done to one.
        """
        server_id = self.boot(goes='never')
        self.nova.live_migrate(server_id)
        number = self.wait_record(server_id, 'running').migration_id
        with self.cell_down():
            self.assertEqual([], self.nova.page(None))
            changed = self.nova.changed(self.now() - 3600)
            self.assertNotIn(server_id, [s.server_id for s in changed])
            self.assertIsNone(self.record(server_id))
            found = self.server(server_id)
            self.assertEqual(
                (server_id, 'UNKNOWN', None),
                (found.server_id, found.status, found.host),
            )
            for act, *args in (
                (self.nova.page, server_id),
                (self.nova.add_tag, server_id, TAG),
                (self.nova.remove_tag, server_id, TAG),
                (self.nova.live_migrate, server_id),
                (self.nova.abort, server_id, number),
                (self.nova.ever_had, server_id),
            ):
                self.assertRaises(NovaError, act, *args)
            # Of one that was deleted it is known all the same.
            self.assertRaises(ServerGone, self.nova.server, NOBODY)
        self.assertEqual(self.source, self.server(server_id).host)

    # -- tags --------------------------------------------------------------

    def test_tags(self: Any) -> None:
        """Whether it is there already, or is not there, makes no odds."""
        server_id = self.boot()
        for tag in (TAG, TAG, 'web'):
            self.nova.add_tag(server_id, tag)
        self.assertEqual({TAG, 'web'}, {*self.server(server_id).tags})
        for _ in range(2):
            self.nova.remove_tag(server_id, TAG)
        self.assertEqual(('web',), self.server(server_id).tags)

    def test_tags_of_nobody(self: Any) -> None:
        self.assertRaises(ServerGone, self.nova.add_tag, NOBODY, TAG)
        self.nova.remove_tag(NOBODY, TAG)

    def test_when_tags_are_taken(self: Any) -> None:
        server_id = self.boot()
        for status, taken in TAGGED.items():
            self.become(server_id, 'ACTIVE')
            self.nova.add_tag(server_id, TAG)
            self.become(server_id, status)
            if taken:
                self.nova.remove_tag(server_id, TAG)
                self.nova.add_tag(server_id, 'web')
            else:
                for act in (self.nova.add_tag, self.nova.remove_tag):
                    error = self.assertRaises(NovaRefused, act, server_id, TAG)
                    self.assertIn('409', str(error))
            expected = {'web'} if taken else {TAG}
            tags = {*self.server(server_id).tags}
            self.assertLessEqual(expected, tags, status)
            self.assertEqual(not taken, TAG in tags, status)

    # -- migrations --------------------------------------------------------

    def test_a_migration(self: Any) -> None:
        server_id = self.boot(goes='never')
        self.nova.add_tag(server_id, TAG)
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'running')
        self.assertEqual(
            (self.source, self.nova.user_id()), (found.source, found.user_id)
        )
        self.assertNotIn(found.target, (None, self.source))
        self.assertLessEqual(found.created_at, found.updated_at)
        self.assertFalse(found.ended)
        # It is where it was, it can be tagged, and it is not asked for twice.
        there = self.server(server_id)
        self.assertEqual(
            (self.source, (TAG,), 'MIGRATING'),
            (there.host, there.tags, there.status),
        )
        self.nova.add_tag(server_id, 'web')
        error = self.assertRaises(
            NovaRefused, self.nova.live_migrate, server_id
        )
        self.assertIn('409', str(error))

    def test_how_far_it_is(self: Any) -> None:
        self.assertRaises(ServerGone, self.nova.copied, NOBODY)
        server_id = self.boot(goes='never')
        self.assertIsNone(self.nova.copied(server_id))
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'running')
        self.until(lambda: self.nova.copied(server_id), 'word of the copy')
        copied = self.nova.copied(server_id)
        self.assertGreater(copied.remaining_mb, 0)
        self.nova.abort(server_id, found.migration_id)
        self.wait_record(server_id, 'error')
        self.assertIsNone(self.nova.copied(server_id))

    def test_it_completes(self: Any) -> None:
        server_id = self.boot()
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'completed')
        self.until(
            lambda: self.server(server_id).host == found.target, 'the arrival'
        )
        self.assertNotEqual(self.source, found.target)
        self.assertTrue(found.ended)

    def test_it_fails_on_the_way(self: Any) -> None:
        """Of whom the target was is told: such failures count for it."""
        server_id = self.boot(goes='run')
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'error')
        self.assertNotIn(found.target, (None, self.source))
        self.wait_in_error(server_id)
        self.assertFalse(self.nova.last_was_abort(server_id, found.created_at))

    def test_nobody_takes_it(self: Any) -> None:
        server_id = self.boot(goes='precheck')
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'error')
        self.assertIsNone(found.target)
        self.assertEqual(
            (self.source, 'ACTIVE'),
            (self.server(server_id).host, self.server(server_id).status),
        )

    def test_who_is_not_migrated(self: Any) -> None:
        self.assertRaises(ServerGone, self.nova.live_migrate, NOBODY)
        server_id = self.boot()
        for status in ('SHUTOFF', 'SUSPENDED', 'ERROR', 'SHELVED_OFFLOADED'):
            self.become(server_id, status)
            self.assertRaises(NovaRefused, self.nova.live_migrate, server_id)
        self.assertIsNone(self.record(server_id))

    def test_an_abort(self: Any) -> None:
        server_id = self.boot(goes='never')
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'running')
        self.nova.abort(server_id, found.migration_id)
        self.wait_record(server_id, 'error')
        self.wait_in_error(server_id)
        self.assertTrue(self.nova.last_was_abort(server_id, found.created_at))
        self.assertFalse(self.nova.last_was_abort(server_id, self.now() + 60))
        self.assertTrue(self.nova.runs(server_id))
        self.nova.reset_state(server_id)
        there = self.server(server_id)
        self.assertEqual(
            (self.source, 'ACTIVE', None),
            (there.host, there.status, there.task_state),
        )
        self.assertFalse(self.nova.last_was_abort(server_id, found.created_at))
        # What has ended cannot be aborted, however it ended.
        self.assertRaises(
            NovaRefused, self.nova.abort, server_id, found.migration_id
        )

    def test_whether_its_guest_runs(self: Any) -> None:
        self.assertRaises(ServerGone, self.nova.runs, NOBODY)
        server_id = self.boot()
        self.assertTrue(self.nova.runs(server_id))
        self.lose(server_id)
        self.assertFalse(self.nova.runs(server_id))
        self.assertEqual('ACTIVE', self.server(server_id).status)
        self.become(server_id, 'SHELVED_OFFLOADED')
        self.assertRaises(NovaRefused, self.nova.runs, server_id)

    def wait_in_error(self: Any, server_id: str) -> None:
        """As with libvirt since Nova 33; its guest is where it was."""
        self.until(
            lambda: self.server(server_id).status == 'ERROR', 'its ERROR'
        )
        self.assertEqual(self.source, self.server(server_id).host)
        self.assertIsNone(self.server(server_id).task_state)

    def test_it_is_deleted_on_the_way(self: Any) -> None:
        server_id = self.boot(goes='never')
        self.nova.live_migrate(server_id)
        found = self.wait_record(server_id, 'running')
        self.delete(server_id)
        self.assertRaises(ServerGone, self.nova.server, server_id)
        self.assertRaises(
            ServerGone, self.nova.abort, server_id, found.migration_id
        )
        self.assertRaises(ServerGone, self.nova.live_migrate, server_id)
        self.assertRaises(ServerGone, self.nova.add_tag, server_id, TAG)
        self.nova.remove_tag(server_id, TAG)

    # -- aggregates --------------------------------------------------------

    def metadata(self: Any, name: str) -> dict[str, str]:
        """Of the aggregate."""
        (found,) = (a for a in self.nova.aggregates() if a.name == name)
        self.assertEqual((), found.hosts)
        return dict(found.metadata)

    def test_an_aggregate_of_no_host(self: Any) -> None:
        """Its name is its own, and each key is set and removed alone."""
        name = f'without hosts {self.now()}'
        self.nova.create_aggregate(name)
        self.assertRaises(NovaRefused, self.nova.create_aggregate, name)
        (number,) = (
            a.aggregate_id for a in self.nova.aggregates() if a.name == name
        )
        self.assertEqual({}, self.metadata(name))
        for key, value, expected in (
            ('steal:pause', 'true', {'steal:pause': 'true'}),
            ('a', 'b', {'steal:pause': 'true', 'a': 'b'}),
            ('steal:pause', 'c', {'steal:pause': 'c', 'a': 'b'}),
            ('steal:pause', None, {'a': 'b'}),
            # It is not there any more.
            ('steal:pause', None, {'a': 'b'}),
        ):
            self.nova.set_aggregate_metadata(number, {key: value})
            self.assertEqual(expected, self.metadata(name))
