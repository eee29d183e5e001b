import dataclasses

from oslotest import base

from steal_scheduler.exception import NovaError, ServerGone
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.progress import Copied
from steal_scheduler.nova_client import cache
from steal_scheduler.nova_client.cache import NovaCache
from tests.unit import fakes
from tests.unit.make import NOW, migration, server

HISTORY = 1000.0


class PagedNova(fakes.FakeNova):
    """A stand-in whose pages hold two servers, and which counts calls.

    As with the real one, a new tag is no change, and deleted servers are
    told as changed ones.
    """

    def __init__(self, *servers: Server) -> None:
        super().__init__(*servers)
        self.calls: list[str] = []
        self.changes: list[Server] = []

    def page(self, marker: str | None) -> list[Server]:
        self.calls.append('page')
        if marker is not None and marker not in self.servers:
            raise ServerGone(marker)
        return super().page(marker)[:2]

    def changed(self, since: float) -> list[Server]:
        self.calls.append('changed')
        self._read('changed')
        return self.changes

    def server(self, server_id: str) -> Server:
        self.calls.append('server')
        return super().server(server_id)


class TestNovaCache(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.anew()

    def anew(self) -> None:
        self.nova = PagedNova(*map(server, 'abcde'))
        self.nova_cache = NovaCache(self.nova, HISTORY)
        self.now = NOW

    def refresh(self, *in_flight: str, times: int = 1) -> dict[str, Server]:
        for _ in range(times):
            self.now += 30
            self.fleet = self.nova_cache.refresh(self.now, in_flight)
        return dict(self.fleet.servers)

    def test_the_first_reads_everything(self) -> None:
        self.assertEqual(self.nova.servers, self.refresh())

    def test_later_ones_read_what_changed(self) -> None:
        self.refresh()
        self.nova.change('b', host='c')
        self.nova.servers['f'] = server('f')
        self.nova.changes = [self.nova.servers['b'], self.nova.servers['f']]
        self.assertEqual(self.nova.servers, self.refresh())

    def test_a_new_tag_is_found_within_a_round(self) -> None:
        self.refresh()
        for server_id in 'abcde':
            self.nova.change(server_id, tags=('steal:drain:1',))
        self.assertEqual(self.nova.servers, self.refresh(times=4))

    def test_who_is_on_the_way_is_read_each_time(self) -> None:
        self.refresh()
        self.nova_cache.look_again('e')
        for server_id in 'ae':
            self.nova.change(server_id, host='c')
        found = self.refresh('a')
        self.assertEqual(['c', 'c'], [found[s].host for s in 'ae'])
        # Once more, for what its move's end has changed.
        self.nova.change('a', host='d')
        self.assertEqual('d', self.refresh()['a'].host)
        del self.nova.servers['a']
        self.assertNotIn('a', self.refresh('a'))

    def test_deleted_servers_go(self) -> None:
        self.refresh()
        for server_id, status in (('a', 'DELETED'), ('b', 'SOFT_DELETED')):
            gone = self.nova.servers.pop(server_id)
            self.nova.changes.append(dataclasses.replace(gone, status=status))
        self.assertEqual(set('cde'), set(self.refresh()))

    def test_servers_that_vanish_go(self) -> None:
        """Purged, or deleted while nobody looked."""
        self.refresh()
        for server_id in 'bc':
            # b is a marker of the round.
            del self.nova.servers[server_id]
            self.assertEqual(self.nova.servers, self.refresh(times=9))

    def test_a_server_that_comes_during_a_round_stays(self) -> None:
        self.refresh()
        self.refresh()
        self.nova.servers['Z'] = server('Z')
        self.nova.changes = [self.nova.servers['Z']]
        self.refresh()
        self.nova.changes = []
        for _ in range(9):
            self.assertIn('Z', self.refresh())

    def test_a_cell_that_is_down(self) -> None:
        """Its last word counts, and it is known to be that."""
        self.refresh()
        before = dict(self.nova.servers)
        self.nova.cell_down = {'a', 'b'}
        self.assertEqual(before, self.refresh('a', times=9))
        self.assertEqual({'a', 'b'}, self.fleet.unread_servers)
        self.assertFalse(self.fleet.is_current('a'))
        self.assertTrue(self.fleet.is_current('c'))
        anew = NovaCache(self.nova, HISTORY).refresh(self.now)
        self.assertEqual(set('cde'), set(anew.servers))
        self.nova.cell_down = set()
        self.assertEqual(before, self.refresh(times=4))
        self.assertEqual(frozenset(), self.fleet.unread_servers)

    def test_a_page_after_a_server_of_a_cell_that_is_down(self) -> None:
        """Whichever the last one was: the round begins again without them."""
        for pages in range(1, 4):
            self.anew()
            self.refresh(times=1 + pages)
            self.nova.cell_down = set('abcde'[: 2 * pages])
            for _ in range(9):
                self.assertEqual(self.nova.servers, self.refresh())
                self.assertEqual({}, self.fleet.unread)
            self.assertEqual(self.nova.cell_down, self.fleet.unread_servers)

    def test_its_first_reading_meets_one(self) -> None:
        real, met = self.nova.page, []

        def page(marker: str | None) -> list[Server]:
            met.append(marker)
            if marker == 'b':
                self.nova.cell_down = {'a', 'b'}
            return real(marker)

        self.nova.page = page
        self.assertEqual(self.nova.servers, self.refresh())
        self.assertEqual([None, 'b', None, 'd', 'e'], met)
        self.assertEqual(({}, {'a', 'b'}), self.unread())
        self.assertEqual(self.nova.servers, self.refresh(times=5))

    def test_pages_that_never_go_on(self) -> None:
        """The first time it has an end; later on no round has."""
        real = self.nova.page

        def page(marker: str | None) -> list[Server]:
            return real(marker) if marker is None else self.nova._fail()

        self.nova.page = page
        error = self.assertRaises(NovaError, self.refresh)
        self.assertIn('no second page', str(error))
        self.nova.page = real
        self.refresh()
        self.nova.page = page
        self.assertEqual(self.nova.servers, self.refresh(times=9))
        self.assertEqual(({}, frozenset()), self.unread())

    def test_records_of_a_cell_that_is_back(self) -> None:
        """What they came to meanwhile is no change of now."""
        self.nova.records[1] = migration('a', status='running')
        self.nova.records[2] = migration('b', migration_id=2, status='error')
        self.nova.cell_down = {'b'}
        self.refresh()
        self.nova.cell_down = {'a', 'b'}
        self.refresh('a')
        self.nova.now = self.now
        self.nova.proceed('completed', 'a')
        self.refresh('a', times=20)
        self.assertEqual({'a'}, self.fleet.migrations.keys())
        self.nova.cell_down = set()
        self.refresh('a', times=4)
        found = {s: m[0].status for s, m in self.fleet.migrations.items()}
        self.assertEqual({'a': 'completed', 'b': 'error'}, found)

    def test_a_page_that_comes_again(self) -> None:
        self.nova.page = lambda marker: list(self.nova.servers.values())
        self.assertEqual(self.nova.servers, self.refresh(times=3))

    def test_a_large_cell_that_is_down(self) -> None:
        """Only so many of its servers are asked for, and each in its turn."""
        many = [f's{n:02}' for n in range(50)]
        self.nova.servers |= {s: server(s) for s in many}
        self.refresh()
        self.nova.cell_down = {*many}
        self.refresh(times=9)
        self.assertEqual(self.nova.cell_down, self.fleet.unread_servers)
        for server_id in many:
            del self.nova.servers[server_id]
        del self.nova.calls[:]
        self.refresh()
        self.assertEqual(cache.MISSED_AT_ONCE, self.nova.calls.count('server'))
        self.assertEqual(set('abcde'), set(self.refresh(times=2)))
        self.assertEqual(frozenset(), self.fleet.unread_servers)

    def test_the_calls_of_a_tick_are_bounded(self) -> None:
        self.refresh()
        del self.nova.calls[:]
        self.refresh('a')
        self.assertEqual(['changed', 'page', 'server'], self.nova.calls)

    def test_how_far_copies_are(self) -> None:
        """Of our own moves, while they are copied."""
        for server_id, status in (('a', 'queued'), ('b', ''), ('c', '')):
            self.nova.live_migrate(server_id)
            self.nova.proceed(status or 'running', server_id)
            self.nova.copies[server_id] = Copied(1.0, 2.0)
        self.refresh('a', 'b')
        self.assertEqual({'b': Copied(1.0, 2.0)}, self.fleet.copies)
        del self.nova.copies['b']
        self.refresh('a', 'b')
        self.assertEqual({}, self.fleet.copies)

    def test_aliases_are_no_listing(self) -> None:
        self.refresh()
        self.assertEqual({'a'}, self.fleet.hosts['a'].aliases)
        self.nova.set_host('z')
        self.nova.fails = {'hypervisors'}
        self.refresh()
        # Nothing waits for them.
        self.assertEqual({}, self.fleet.unread)
        self.assertEqual({'a'}, self.fleet.hosts['a'].aliases)
        self.assertEqual(set(), self.fleet.hosts['z'].aliases)
        self.assertIn('HTTP 500', self.fleet.no_aliases)

    def test_nova_is_down(self) -> None:
        self.nova.down = True
        self.assertRaises(NovaError, self.refresh)
        self.nova.down = False
        self.refresh()
        self.nova.down = True
        del self.nova.calls[:]
        self.assertEqual(self.nova.servers, self.refresh(*'abcde'))
        expected = {*Listing} - {Listing.MIGRATION_HOSTS}
        self.assertEqual(expected, self.fleet.unread.keys())
        self.assertEqual(set('abcde'), self.fleet.unread_servers)
        # Each takes the whole time-out.
        self.assertEqual(cache.SILENT, len(self.nova.calls))
        self.nova.down = False
        self.assertEqual(self.nova.servers, self.refresh(*'abcde'))
        self.assertEqual(({}, frozenset()), self.unread())

    def unread(self) -> tuple[object, object]:
        return self.fleet.unread, self.fleet.unread_servers

    def test_each_listing_fails_alone(self) -> None:
        for name, listing in (
            ('changed', Listing.SERVERS),
            ('page', Listing.SERVERS),
            ('migrations', Listing.MIGRATIONS),
            ('hosts', Listing.HOSTS),
            ('aggregates', Listing.AGGREGATES),
        ):
            self.refresh()
            before = self.fleet
            self.nova.fails = {name}
            self.refresh(times=2)
            self.assertEqual({listing}, self.fleet.unread.keys(), name)
            self.assertEqual(
                (before.servers, before.hosts),
                (self.fleet.servers, self.fleet.hosts),
            )
            current = listing is not Listing.MIGRATIONS
            self.assertEqual(current, self.fleet.is_current('a'))
            self.nova.fails = set()
            self.refresh()
            self.assertEqual({}, self.fleet.unread)

    def test_what_changed_meanwhile_is_read_later(self) -> None:
        self.nova.records[1] = migration('a', status='running')
        self.refresh()
        self.nova.fails = {'migrations'}
        self.nova.now = self.now + 30
        self.nova.proceed('completed', 'a')
        self.refresh(times=20)
        self.assertEqual('running', self.fleet.migrations['a'][0].status)
        self.nova.fails = set()
        self.refresh()
        self.assertEqual('completed', self.fleet.migrations['a'][0].status)

    def test_one_server_cannot_be_read(self) -> None:
        self.refresh()
        self.nova.fails = {'server'}
        self.nova.change('a', host='c')
        self.nova.changes = [self.nova.servers['a']]
        self.assertEqual('c', self.refresh('a')['a'].host)
        self.assertEqual(({}, {'a'}), self.unread())
        self.nova.fails = set()
        self.refresh()
        self.assertEqual(({}, frozenset()), self.unread())

    def test_why_it_is_absent(self) -> None:
        self.nova.deleted = {'late'}
        why = self.nova_cache.why_absent
        self.assertIs(Absent.DELETED, why('late'))
        self.assertIs(Absent.FOREIGN, why('nobody'))
        self.nova.cell_down = {'a'}
        self.assertIs(Absent.HIDDEN, why('a'))
        # What it cannot tell is no proof of anything.
        self.nova.fails = {'ever_had'}
        self.assertIs(Absent.HIDDEN, why('late'))
        self.nova.down = True
        self.assertIs(Absent.HIDDEN, why('nobody'))

    def test_a_host_that_is_disabled(self) -> None:
        """It is no target, but a source as long as a server is there."""
        self.nova.set_host('c', enabled=False)
        self.refresh()
        self.assertNotIn('c', self.fleet.hosts)
        self.nova.change('a', host='c')
        self.refresh()
        host = self.fleet.hosts['c']
        self.assertEqual((True, False), (host.up, host.open))
        self.assertTrue(self.fleet.hosts['a'].open)

    def test_a_host_whose_cell_is_down(self) -> None:
        self.nova.change('a', host='lost', zone='az2')
        self.refresh()
        host = self.fleet.hosts['lost']
        self.assertEqual(('az2', False), (host.zone, host.up))

    def test_an_aggregate_that_opts_out(self) -> None:
        self.nova.create_aggregate('quiet', 'b')
        self.nova.set_aggregate_metadata(1, {'steal:migrate': 'no'})
        self.nova.create_aggregate('others', 'a')
        self.nova.set_aggregate_metadata(2, {'steal:migrate': 'allow'})
        self.nova.create_aggregate('ssd', 'a', 'c')
        self.nova.change('b', host='b')
        self.nova.change('c', host='b', opted_out='flavor')
        found = self.refresh()
        self.assertEqual(
            [None, 'host aggregate', 'flavor'],
            [found[s].opted_out for s in 'abc'],
        )

    def test_pauses(self) -> None:
        self.nova.pause('steal:pause:host:a', 'true')
        self.refresh()
        (found,) = self.fleet.pauses
        self.assertEqual('host a', found.where)
        self.nova.pause('steal:pause:host:a', None)
        self.refresh()
        self.assertEqual((), self.fleet.pauses)

    def test_migrations(self) -> None:
        for n, (age, status) in enumerate(
            ((1100, 'completed'), (900, 'error'), (10, 'running'))
        ):
            self.nova.records[n] = migration(
                'a', migration_id=n, status=status, created_at=NOW - age
            )
        self.refresh()
        ids = [m.migration_id for m in self.fleet.migrations['a']]
        self.assertEqual([2, 1], ids)
        self.nova.proceed('completed', 'a')
        self.nova.records[2] = dataclasses.replace(
            self.nova.records[2], updated_at=self.now
        )
        self.refresh()
        newest = self.fleet.migrations['a'][0]
        self.assertEqual(
            (2, 'completed'), (newest.migration_id, newest.status)
        )
        self.refresh(times=5)
        ids = [m.migration_id for m in self.fleet.migrations['a']]
        self.assertEqual([2], ids)

    def test_one_that_never_ends_is_remembered(self) -> None:
        """As long as there is its server."""
        self.nova.records[1] = migration('a', status='running')
        self.refresh(times=99)
        self.assertEqual(1, len(self.fleet.migrations['a']))
        del self.nova.servers['a']
        self.refresh(times=9)
        self.assertEqual({}, self.fleet.migrations)

    def test_what_is_accepted_is_seen(self) -> None:
        """Also by whoever begins to lead then, however old it is."""
        self.nova.live_migrate('a')
        (found,) = self.nova.records.values()
        self.assertEqual([], self.nova.migrations(0.0))
        for _ in range(2):
            self.refresh()
            self.assertEqual((found,), self.fleet.migrations['a'])
        self.nova_cache.forget()
        self.now += 2 * HISTORY
        self.refresh()
        self.assertEqual((found,), self.fleet.migrations['a'])
        self.nova.now = self.now
        self.nova.proceed('queued', 'a')
        self.refresh()
        (found,) = self.fleet.migrations['a']
        self.assertEqual('queued', found.status)

    def test_ours_are_those_of_our_user(self) -> None:
        self.nova.records = {
            1: migration('x', migration_id=1, user_id='us'),
            2: migration('y', migration_id=2, user_id='them'),
        }
        for me, expected in (('us', [1]), ('them', [2]), (None, [1, 2])):
            self.nova.user_id = lambda me=me: me
            found = NovaCache(self.nova, HISTORY).refresh(self.now).ours
            self.assertEqual(expected, sorted(m.migration_id for m in found))
