import dataclasses

from oslotest import base

from steal_scheduler.exception import NovaError, ServerGone
from steal_scheduler.model.cloud import Server
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
        return self.changes

    def server(self, server_id: str) -> Server:
        self.calls.append('server')
        return super().server(server_id)


class TestNovaCache(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
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
        self.refresh()
        before = dict(self.nova.servers)
        for server_id in 'ab':
            self.nova.servers[server_id] = Server(
                server_id, '', None, None, 'UNKNOWN', 0, 0, 0
            )
        self.assertEqual(before, self.refresh('a', times=9))
        anew = NovaCache(self.nova, HISTORY).refresh(self.now)
        self.assertEqual(set('cde'), set(anew.servers))

    def test_the_calls_of_a_tick_are_bounded(self) -> None:
        self.refresh()
        del self.nova.calls[:]
        self.refresh('a')
        self.assertEqual(['changed', 'page', 'server'], self.nova.calls)

    def test_nova_is_down(self) -> None:
        self.refresh()
        self.nova.down = True
        self.assertRaises(NovaError, self.refresh)
        self.nova.down = False
        self.assertEqual(self.nova.servers, self.refresh())

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
        self.nova.records[1] = migration('a', status='running')
        self.refresh(times=99)
        self.assertEqual(1, len(self.fleet.migrations['a']))

    def test_ours_are_those_of_our_user(self) -> None:
        self.nova.records = {
            1: migration('x', migration_id=1, user_id='us'),
            2: migration('y', migration_id=2, user_id='them'),
        }
        for me, expected in (('us', [1]), ('them', [2]), (None, [1, 2])):
            self.nova.user_id = lambda me=me: me
            found = NovaCache(self.nova, HISTORY).refresh(self.now).ours
            self.assertEqual(expected, sorted(m.migration_id for m in found))
