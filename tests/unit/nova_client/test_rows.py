"""One row of Nova's that nobody can read, among others."""

import contextlib
import copy
import math
import types
from collections.abc import Iterator
from typing import Any
from unittest import mock

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import eligibility, limits
from steal_scheduler.model.cloud import Fleet
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client import rows
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.nova_client.client import NovaClient
from tests.simulation.run import quiet
from tests.standins import nova_api
from tests.standins.app import Answer, Request
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.deployment import Deployment
from tests.unit.make import snapshot

#: A little later than what the stand-in tells of.
NOW = 1767225610.0
HISTORY = 86400.0
#: What stands where something else should.
ODD: tuple[Any, ...] = (
    None,
    '',
    'nonsense',
    -1,
    10**400,
    1.5,
    True,
    [],
    [None],
    {},
    {'a': None},
    '2026-13-45T99:00:00',
    '0001-01-01T00:00:00+23:59',
)
REMOVED = object()
ROWS = {
    'servers': nova_api.server('bad', name='bad-1'),
    'services': nova_api.service('bad'),
    'migrations': nova_api.migration(id=9, uuid='m9', instance_uuid='bad'),
    'aggregates': {
        'id': 3,
        'name': 'racks',
        'hosts': ['bad'],
        'metadata': {'steal:migrate': 'allow'},
        'availability_zone': None,
    },
}


def paths(row: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to everything that stands in a row."""
    pairs = row.items() if isinstance(row, dict) else enumerate(row)
    for key, value in pairs:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*before, key))


def mutations() -> st.SearchStrategy[tuple[str, tuple[Any, ...], Any]]:
    where = [(kind, way) for kind, row in ROWS.items() for way in paths(row)]
    return st.tuples(
        st.sampled_from(where), st.sampled_from((*ODD, REMOVED))
    ).map(lambda drawn: (*drawn[0], drawn[1]))


def mutated(row: Any, way: tuple[Any, ...], value: Any) -> Any:
    row = copy.deepcopy(row)
    *before, last = way
    inner = row
    for key in before:
        inner = inner[key]
    if value is REMOVED:
        del inner[last]
    else:
        inner[last] = value
    return row


class RowsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.deployment = self.useFixture(Deployment())
        self.conf = self.deployment.conf()
        self.rows: dict[str, list[Any]] = {
            'servers': [nova_api.server(s, name=s) for s in 'xy'],
            'services': [nova_api.service(host) for host in 'abc'],
            'migrations': [nova_api.migration(id=1, instance_uuid='gone')],
            'aggregates': [],
        }
        for kind, path in (
            ('servers', '/servers/detail'),
            ('services', '/os-services'),
            ('migrations', '/os-migrations'),
            ('aggregates', '/os-aggregates'),
        ):
            self.answer(kind, path)
        self.anew()

    def answer(self, kind: str, path: str) -> None:
        def answer(request: Request) -> Answer:
            first = 'marker' not in request.query
            return 200, {kind: self.rows[kind] if first else []}

        self.deployment.nova.instead[f'GET {path}'] = answer

    def anew(self) -> None:
        self.nova = NovaClient(self.conf, RoleRule())
        self.nova_cache = NovaCache(self.nova, HISTORY)

    def refresh(self, times: int = 2) -> Fleet:
        for n in range(times):
            fleet = self.nova_cache.refresh(NOW + n)
        return fleet

    def nos(self, fleet: Fleet) -> dict[str, str]:
        """Why servers, or all of them, do not begin to move."""
        made = snapshot(fleet, now=NOW)
        held = [str(reason) for reason, _ in limits.holds(made, ())]
        found = {s: eligibility.refusal(s, made) for s in fleet.servers}
        found_no = {s: str(no.reason) for s, no in found.items() if no}
        return {'': ', '.join(held)} | found_no


class TestOneBadRow(RowsTest):
    def test_it_costs_itself(self) -> None:
        with quiet():
            self.it_costs_itself()

    @given(mutations())
    def it_costs_itself(
        self, mutation: tuple[str, tuple[Any, ...], Any]
    ) -> None:
        kind, way, value = mutation
        rows = {k: [*found] for k, found in self.rows.items()}
        try:
            for before in (False, True):
                self.rows[kind].insert(
                    0 if before else len(rows[kind]),
                    mutated(ROWS[kind], way, value),
                )
                self.anew()
                fleet = self.refresh()
                self.assertLessEqual({'x', 'y'}, fleet.servers.keys())
                self.assertLessEqual({*'abc'}, fleet.hosts.keys())
                self.assertIn('gone', fleet.migrations)
                unread = fleet.unread.keys() - {Listing.MIGRATION_HOSTS}
                self.assertEqual(set(), unread)
                for server in fleet.servers.values():
                    self.assertTrue(math.isfinite(server.ram_mb))
                # All that is decided by them can be.
                self.nos(fleet)
        finally:
            self.rows.update(rows)

    def test_its_server_is_known_from_before(self) -> None:
        """And stays as it was, but nothing begins for it."""
        fleet = self.refresh()
        self.assertEqual(frozenset(), fleet.unread_servers)
        bad = nova_api.server('x', name='x', locked=None)
        self.rows['servers'][0] = bad
        self.deployment.nova.instead['GET /servers/x'] = (200, {'server': bad})
        fleet = self.refresh()
        self.assertEqual({'x'}, fleet.unread_servers)
        self.assertEqual(4, fleet.servers['x'].vcpus)
        self.assertEqual('server_unknown', self.nos(fleet)['x'])

    def test_its_record_is_of_a_server(self) -> None:
        bad = nova_api.migration(id=5, instance_uuid='x', created_at='soon')
        self.rows['migrations'].append(bad)
        fleet = self.refresh()
        self.assertEqual({'x'}, fleet.unread_servers)
        self.assertEqual('server_unknown', self.nos(fleet)['x'])
        # A newer one tells of it again.
        newer = nova_api.migration(id=6, instance_uuid='x')
        self.rows['migrations'].append(newer)
        self.assertEqual(frozenset(), self.refresh().unread_servers)

    def test_it_is_forgotten_after_a_day(self) -> None:
        bad = nova_api.migration(id=5, instance_uuid='x', created_at='soon')
        self.rows['migrations'].append(bad)
        self.refresh()
        self.rows['migrations'].pop()
        self.assertEqual({'x'}, self.refresh().unread_servers)
        fleet = self.nova_cache.refresh(NOW + HISTORY + 3)
        self.assertEqual(frozenset(), fleet.unread_servers)

    def test_its_hosts_pause(self) -> None:
        self.rows['aggregates'].append(
            {'name': 'az1', 'hosts': ['a'], 'metadata': 'none'}
        )
        fleet = self.refresh()
        (pause,) = fleet.pauses
        self.assertEqual('host a', pause.where)
        self.assertIn('its row makes no sense', pause.told(NOW))
        self.assertEqual({'x', 'y'}, self.nos(fleet).keys() & {'x', 'y'})

    def test_its_host_takes_nobody(self) -> None:
        self.rows['services'][0] = nova_api.service('a', state=None)
        host = self.refresh().hosts['a']
        self.assertFalse(host.up or host.open)

    def test_hosts_of_migrations_are_hidden(self) -> None:
        """Nothing begins until the right is given."""
        hidden = nova_api.migration(source_compute=None, dest_compute=None)
        self.rows['migrations'] = [hidden]
        fleet = self.refresh()
        self.assertEqual({Listing.MIGRATION_HOSTS}, fleet.unread.keys())
        self.assertTrue(fleet.is_current('x'))
        self.assertEqual('nova', self.nos(fleet)[''])
        self.rows['migrations'] = [nova_api.migration()]
        self.assertEqual({}, self.refresh().unread)

    def test_one_migration_without_hosts(self) -> None:
        """Who may not see them sees none of any."""
        self.rows['migrations'] = [
            nova_api.migration(),
            nova_api.migration(id=99, source_compute=None),
        ]
        self.assertEqual({}, self.refresh().unread)

    def test_it_is_named_once_and_counted(self) -> None:
        self.rows['services'].append(nova_api.service('bad', zone=7))
        self.refresh(3)
        self.assertEqual(3, self.nova.rows.unreadable)
        self.assertEqual(
            1,
            self.log.output.count(
                'Nova tells of its services what makes no sense. Nothing '
                'begins for what it is about. id of bad: TypeError: zone is 7'
            ),
        )

    def test_it_is_named_again_when_it_comes_again(self) -> None:
        """What makes sense again is forgotten, and what nobody tells of."""
        bad = nova_api.service('bad', zone=7)
        self.rows['services'].append(bad)
        self.refresh()
        self.rows['services'][-1] = nova_api.service('bad')
        self.refresh()
        self.rows['services'][-1] = bad
        self.refresh()
        self.assertEqual(2, self.named())
        with self.at(1e6):
            self.refresh()
            self.rows['services'].pop()
            self.refresh()
        other = nova_api.service('other', zone=7)
        self.rows['services'].append(other)
        with self.at(1e6 + HISTORY):
            self.refresh()
            self.rows['services'].append(bad)
            self.refresh()
        self.assertEqual(4, self.named())

    def at(self, seconds: float) -> contextlib.AbstractContextManager[Any]:
        clock = types.SimpleNamespace(monotonic=lambda: seconds)
        return mock.patch.object(rows, 'time', clock)

    def named(self) -> int:
        return self.log.output.count('what makes no sense. Nothing begins')

    def test_however_many_there_are_each_is_named_once(self) -> None:
        self.useFixture(
            fixtures.MonkeyPatch('steal_scheduler.nova_client.rows._MOST', 5)
        )
        for n in range(9):
            self.rows['services'].append(nova_api.service(f'bad{n}', zone=7))
        self.refresh(4)
        self.assertEqual(36, self.nova.rows.unreadable)
        self.assertEqual(5, self.named())
        self.assertEqual(1, self.log.output.count('more than 5 rows'))
        # Some are gone, and others have their place.
        del self.rows['services'][3:8]
        with self.at(1e9):
            self.refresh(4)
        self.assertEqual(9, self.named())

    def test_what_is_no_row(self) -> None:
        """novaclient itself stumbles over it; the rest is read."""
        self.rows['services'].append('nonsense')
        fleet = self.refresh()
        self.assertEqual({Listing.HOSTS}, fleet.unread.keys())
        self.assertEqual({'x', 'y'}, fleet.servers.keys())
