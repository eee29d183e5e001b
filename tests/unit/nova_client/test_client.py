import math
from typing import Any

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.exception import (
    ConfigError,
    LoginRefused,
    NovaError,
    NovaForbids,
    NovaRefused,
    NovaSilent,
    ServerGone,
    StealError,
)
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.nova_client.servers import WITH_IMAGES
from tests.hostile import HOSTILE, SHOWN
from tests.standins import keystone, nova_api
from tests.standins.app import Answer, Request, hang_up
from tests.standins.nova_api import fault
from tests.standins.transport import mounted
from tests.unit.make import KEYSTONEAUTH

URL = 'http://192.0.2.1:8774'
LIST = 'GET /servers/detail'
ONE = 'GET /servers/s'
ACTION = 'POST /servers/s/action'
TAG = '/servers/s/tags/steal:drain:1'


class ClientTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.api = nova_api.NovaApi()
        self.net = {URL: self.api}
        self.enterContext(mounted(self.net))
        self.client = NovaClient(self.conf(), RoleRule())

    def conf(self, *args: str, **options: Any) -> cfg.ConfigOpts:
        """A configuration that leads to the stand-in, without a Keystone."""
        conf = cfg.ConfigOpts()
        load.register(conf)
        conf(list(args), default_config_files=[], default_config_dirs=[])
        auth = {'auth_type': 'none', 'endpoint_override': URL}
        for name, value in (auth | options).items():
            conf.set_override(name, value, group='nova')
        return conf

    def answer(self, asked: str, status: int, body: object = None) -> None:
        self.api.instead[asked] = (status, body)


class TestReading(ClientTest):
    def test_a_page(self) -> None:
        self.answer(LIST, 200, {'servers': [nova_api.server()]})
        self.assertEqual(['s'], [s.server_id for s in self.client.page('r')])
        (asked,) = self.api.asked
        query = asked.query
        self.assertEqual(
            ('1', 'r', '1000'),
            (query['all_tenants'], query['marker'], query['limit']),
        )
        self.assertEqual(
            f'compute {WITH_IMAGES}', asked.headers['openstack-api-version']
        )

    def test_the_marker_is_gone(self) -> None:
        gone = fault(400, 'marker [r] not found')
        self.api.instead[LIST] = gone
        self.assertRaises(ServerGone, self.client.page, 'r')
        self.assertRaises(NovaRefused, self.client.page, None)
        self.api.instead[LIST] = fault(400, 'Bad sort key')
        self.assertRaises(NovaRefused, self.client.page, 'r')

    def pages(self, key: str, items: dict[str, dict]) -> None:
        """Pages of two, whatever the limit asks for."""

        def page(request: Request) -> Answer:
            marker = request.query.get('marker')
            ids = list(items)
            begin = ids.index(marker) + 1 if marker else 0
            found = [items[i] for i in ids[begin : begin + 2]]
            return 200, {key: found}

        path = {'servers': '/servers/detail', 'migrations': '/os-migrations'}
        self.api.instead[f'GET {path[key]}'] = page

    def test_changed_servers_of_all_pages(self) -> None:
        self.pages('servers', {i: nova_api.server(i) for i in 'abcde'})
        found = self.client.changed(1767225600.0)
        self.assertEqual('abcde', ''.join(s.server_id for s in found))
        since = {asked.query['changes-since'] for asked in self.api.asked}
        self.assertEqual({'2026-01-01T00:00:00Z'}, since)
        self.assertEqual(self.client.calls, len(self.api.asked))

    def test_migrations_of_all_pages(self) -> None:
        records = {
            f'm{i}': nova_api.migration(id=i, uuid=f'm{i}') for i in range(5)
        }
        self.pages('migrations', records)
        found = self.client.migrations(1767225600.0)
        self.assertEqual([*range(5)], [m.migration_id for m in found])
        query = self.api.asked[0].query
        self.assertEqual('live-migration', query['migration_type'])
        self.assertEqual('2026-01-01T00:00:00Z', query['changes-since'])

    def test_migrations_that_are_accepted(self) -> None:
        """All there are: of when they changed Nova knows nothing yet."""
        record = nova_api.migration(status='accepted', updated_at=None)
        self.pages('migrations', {'m7': record})
        (found,) = self.client.accepted()
        self.assertEqual(('accepted', 7), (found.status, found.migration_id))
        query = self.api.asked[0].query
        self.assertEqual('live-migration', query['migration_type'])
        self.assertEqual('accepted', query['status'])
        self.assertNotIn('changes-since', query)

    def test_how_far_a_copy_is(self) -> None:
        path = 'GET /servers/s/migrations'
        none = dict.fromkeys(
            f'{of}_{what}_bytes'
            for of in ('memory', 'disk')
            for what in ('total', 'processed', 'remaining')
        )
        disk = {
            'disk_processed_bytes': 10 * 1024**2,
            'disk_remaining_bytes': 90 * 1024**2,
        }
        for records, expected in (
            ([], None),
            # A driver that does not tell, or a copy that has not begun.
            ([nova_api.under_way(**none)], None),
            ([nova_api.under_way(memory_total_bytes=0)], None),
            ([nova_api.under_way()], Copied(1024.0, 3072.0)),
            ([nova_api.under_way(**disk)], Copied(1034.0, 3162.0)),
        ):
            self.answer(path, 200, {'migrations': records})
            self.assertEqual(expected, self.client.copied('s'))

    def test_a_copy_without_end(self) -> None:
        """Python's JSON has infinity."""
        endless = nova_api.under_way(memory_remaining_bytes=math.inf)
        path = 'GET /servers/s/migrations'
        self.answer(path, 200, {'migrations': [endless]})
        error = self.assertRaises(NovaError, self.client.copied, 's')
        self.assertIn('remaining_mb is inf', str(error))

    def test_whether_its_guest_runs(self) -> None:
        for state, runs in (('running', True), ('paused', False)):
            self.answer('GET /servers/s/diagnostics', 200, {'state': state})
            self.assertIs(runs, self.client.runs('s'))
        for message, raised in (
            ('... while it is in power state pending', False),
            ('Instance s is not ready', True),
        ):
            self.answer(
                'GET /servers/s/diagnostics',
                409,
                {'conflictingRequest': {'code': 409, 'message': message}},
            )
            if raised:
                self.assertRaises(NovaRefused, self.client.runs, 's')
            else:
                self.assertFalse(self.client.runs('s'))

    def test_whether_the_last_thing_was_our_abort(self) -> None:
        def since(*actions: dict[str, str], at: float = 1767225600.0) -> bool:
            path = 'GET /servers/s/os-instance-actions'
            self.answer(path, 200, {'instanceActions': [*actions]})
            return self.client.last_was_abort('s', at)

        self.useFixture(
            fixtures.MockPatchObject(self.client, 'user_id', lambda: 'us')
        )
        abort = {
            'action': 'live_migration_cancel',
            'user_id': 'us',
            'start_time': '2026-01-01T00:00:00.000000',
        }
        asked = {**abort, 'action': 'live-migration'}
        self.assertTrue(since(abort, asked))
        self.assertFalse(since(abort, at=1767225601.0))
        self.assertFalse(since(asked, abort))
        self.assertFalse(since({**abort, 'user_id': 'them'}))
        self.assertFalse(since())

    def test_one_server(self) -> None:
        self.answer(ONE, 200, {'server': nova_api.server()})
        self.assertEqual('web', self.client.server('s').role)
        self.api.instead[ONE] = fault(404)
        self.assertRaises(ServerGone, self.client.server, 's')

    def test_hosts(self) -> None:
        services = [
            nova_api.service('a'),
            nova_api.service('b', zone='az2', state='down'),
            nova_api.service('c', status='disabled'),
            # Of a cell that is down Nova tells no more.
            {'binary': 'nova-compute', 'host': 'd', 'status': 'UNKNOWN'},
        ]
        self.answer('GET /os-services', 200, {'services': services})
        self.assertEqual(
            [
                Host('a', 'az1'),
                Host('b', 'az2', up=False),
                Host('c', 'az1', enabled=False),
            ],
            self.client.hosts(),
        )
        self.assertEqual('nova-compute', self.api.asked[0].query['binary'])

    def test_hypervisors(self) -> None:
        found = [
            nova_api.hypervisor('a', hypervisor_version=8002002),
            nova_api.hypervisor('b', host_ip=None, hypervisor_type='ironic'),
            # One that makes no sense costs itself.
            nova_api.hypervisor('c', host_ip=7),
        ]
        self.api.instead['GET /os-hypervisors/detail'] = lambda request: (
            200,
            {'hypervisors': [] if 'marker' in request.query else found},
        )
        self.assertEqual(
            [
                Hypervisor(
                    'a',
                    'a.example.org',
                    '192.0.2.1',
                    'QEMU',
                    uuid='id of a',
                    version=8002002,
                ),
                Hypervisor(
                    'b', 'b.example.org', None, 'ironic', uuid='id of b'
                ),
            ],
            self.client.hypervisors(),
        )

    def test_aggregates(self) -> None:
        raw = {
            'id': 1,
            'name': 'fast',
            'hosts': ['a', 'b'],
            'metadata': {'ssd': 'a\r\nb'},
            'availability_zone': 'az1',
        }
        self.answer('GET /os-aggregates', 200, {'aggregates': [raw]})
        self.assertEqual(
            [Aggregate(1, 'fast', ('a', 'b'), {'ssd': 'a b'}, 'az1')],
            self.client.aggregates(),
        )


class TestActing(ClientTest):
    def test_live_migrate(self) -> None:
        self.answer(ACTION, 202)
        self.client.live_migrate('s')
        self.assertEqual(
            {'os-migrateLive': {'host': None, 'block_migration': 'auto'}},
            self.api.asked[0].json,
        )

    def test_abort(self) -> None:
        asked = 'DELETE /servers/s/migrations/7'
        self.answer(asked, 202)
        self.client.abort('s', 7)
        self.assertEqual([asked], self.api.calls())

    def test_what_was_aborted_is_known_by_that(self) -> None:
        """Nova 33 and 34 call it an error."""
        self.answer('DELETE /servers/s/migrations/7', 202)
        self.api.instead['DELETE /servers/s/migrations/8'] = fault(409)
        self.client.abort('s', 7)
        self.assertRaises(NovaRefused, self.client.abort, 's', 8)
        ended = [
            nova_api.migration(id=n, uuid=f'm{n}', status='error')
            for n in (7, 8)
        ]

        def records(request: Request) -> Answer:
            page = [] if 'marker' in request.query else ended
            return 200, {'migrations': page}

        self.api.instead['GET /os-migrations'] = records
        self.assertEqual(
            [(7, True), (8, False)],
            [(m.migration_id, m.stopped) for m in self.client.migrations(0.0)],
        )

    def test_reset_state(self) -> None:
        self.answer(ACTION, 202)
        self.client.reset_state('s')
        self.assertEqual(
            {'os-resetState': {'state': 'active'}}, self.api.asked[0].json
        )

    def test_tags(self) -> None:
        self.answer(f'PUT {TAG}', 201)
        self.answer(f'DELETE {TAG}', 204)
        self.client.add_tag('s', 'steal:drain:1')
        self.client.remove_tag('s', 'steal:drain:1')
        self.assertEqual([f'PUT {TAG}', f'DELETE {TAG}'], self.api.calls())

    def test_a_tag_that_says_more_of_a_url(self) -> None:
        """A tenant's: none but itself is removed by it."""
        for tag in ('steal:undo:1?x=y', 'steal:undo:1#x', 'steal:undo:%2e'):
            self.api.asked.clear()
            self.api.instead = {'*': (204, b'')}
            self.client.remove_tag('s', tag)
            self.assertEqual(
                [f'DELETE /servers/s/tags/{tag}'], self.api.calls()
            )
            self.assertEqual({}, self.api.asked[0].query)

    def test_a_tag_that_is_gone_is_removed(self) -> None:
        self.api.instead[f'DELETE {TAG}'] = fault(404)
        self.client.remove_tag('s', 'steal:drain:1')
        self.api.instead[f'PUT {TAG}'] = fault(404)
        self.assertRaises(
            ServerGone, self.client.add_tag, 's', 'steal:drain:1'
        )


class TestErrors(ClientTest):
    """Whether it happened: no, perhaps, or there is no such server."""

    def assert_raises(self, kind: type[Exception], *answers) -> None:
        for answer in answers:
            self.api.instead[ACTION] = answer
            error = self.assertRaises(kind, self.client.live_migrate, 's')
            self.assertIs(kind, type(error), answer)

    def test_it_did_not_happen(self) -> None:
        self.assert_raises(NovaRefused, fault(400), fault(405), fault(409))
        # Nor would it at another time.
        self.assert_raises(NovaForbids, fault(403))

    def test_what_it_says_is_escaped(self) -> None:
        """A fault repeats what a tenant wrote."""
        for code in (400, 403, 404, 500):
            self.api.instead[ACTION] = fault(code, HOSTILE)
            error = self.assertRaises(
                StealError, self.client.live_migrate, 's'
            )
            self.assertIn(SHOWN, str(error))

    def test_it_may_have_happened(self) -> None:
        self.assert_raises(
            NovaError,
            fault(500),
            fault(502),
            fault(503),
            fault(408),
            fault(413),
            fault(429),
            (503, b'<html>'),
        )
        self.assert_raises(NovaSilent, hang_up)

    def test_answers_that_make_no_sense(self) -> None:
        """Of a proxy in between, for example: which may have sent it on."""
        self.api.instead['*'] = 200, b'<html>'
        for ask in (
            self.client.hosts,
            self.client.check_version,
            self.client.scheduler_hosts,
            lambda: self.client.copied('s'),
            lambda: self.client.runs('s'),
            lambda: self.client.last_was_abort('s', 0.0),
            lambda: self.client.server('s'),
        ):
            error = self.assertRaises(NovaError, ask)
            self.assertIs(NovaError, type(error))
            self.assertIn("Nova's answer makes no sense", str(error))

    def test_parts_that_make_no_sense(self) -> None:
        self.api.instead = {
            'GET /': (200, {'version': {'id': 'v2.1', 'version': '-1'}}),
            'GET *': (200, {'migrations': [{'id': 7}]}),
        }
        for ask in (
            self.client.check_version,
            lambda: self.client.copied('s'),
            lambda: self.client.runs('s'),
        ):
            error = self.assertRaises(NovaError, ask)
            self.assertIn('makes no sense', str(error))

    def test_gone(self) -> None:
        self.assert_raises(ServerGone, fault(404))

    def test_nobody_listens(self) -> None:
        self.net.clear()
        self.assertRaises(NovaSilent, self.client.live_migrate, 's')

    def test_who_did_not_answer(self) -> None:
        """Nova, or Keystone before it, and what to look at."""
        identity, keystone_url = keystone.Keystone(), 'http://192.0.2.2:5000'
        login = keystone.login(keystone_url)
        for kind, net, changes, words in (
            (
                NovaError,
                {},
                {},
                f'Keystone does not answer: Unable to establish connection to '
                f'{keystone_url}/v3/auth/tokens: ',
            ),
            (NovaError, {}, {}, '. Check [nova] auth_url, [nova] cafile'),
            (
                LoginRefused,
                {keystone_url: identity},
                {'password': 'wrong'},
                'Keystone refuses the user of [nova]: ',
            ),
            (
                NovaError,
                {keystone_url: identity},
                {},
                "Keystone's catalog names none: ",
            ),
            (
                NovaError,
                {keystone_url: identity},
                {'endpoint_override': URL},
                f'Nova does not answer: Unable to establish connection to '
                f'{URL}/servers/s: ',
            ),
            (
                NovaError,
                {keystone_url: identity},
                {'endpoint_override': 'https://192.0.2.1', 'cafile': '/no/ca'},
                'Nova does not answer: ',
            ),
        ):
            self.net.clear()
            self.net.update(net)
            conf = self.written({**login, **changes})
            client = NovaClient(conf, RoleRule())
            error = self.assertRaises(kind, client.server, 's')
            self.assertIn(words, str(error))
            self.assertNotIn('HTTPConnectionPool', str(error))

    def written(self, options: dict[str, str]) -> cfg.ConfigOpts:
        """In a file, for some are registered when they are used."""
        path = self.useFixture(fixtures.TempDir()).path + '/x.conf'
        with open(path, 'w') as file:
            file.write('[nova]\n')
            file.writelines(f'{n} = {v}\n' for n, v in options.items())
        conf = cfg.ConfigOpts()
        load.register(conf)
        conf([f'--config-file={path}'], default_config_dirs=[])
        return conf

    def test_the_options_do_not_fit_together(self) -> None:
        conf = self.conf(auth_type='no-such-plugin')
        error = self.assertRaises(ConfigError, NovaClient, conf, RoleRule())
        self.assertIn('[nova] auth_type', str(error))
        self.assertIn('no-such-plugin', str(error))

    def test_a_wrong_option(self) -> None:
        for options, words in (
            ({'auth_type': None}, '[nova] auth_type is not set'),
            (
                {'auth_section': 'other', 'auth_type': None},
                '[nova] auth_section = other: [other] auth_type is not set',
            ),
            ({'endpoint_override': 'x'}, "[nova] endpoint_override = 'x'"),
            ({'timeout': -1}, '[nova] timeout = -1'),
            ({'timeout': 0}, '[nova] timeout = 0'),
            ({'timeout': 1e308}, 'Give a number from 1 to 3600 (unit: s'),
            ({'tls_ciphers': 'magic'}, '[nova] tls_ciphers = magic: '),
        ):
            if not options.keys() <= KEYSTONEAUTH:
                continue
            conf = self.conf(**options)
            error = self.assertRaises(
                ConfigError, NovaClient, conf, RoleRule()
            )
            self.assertIn(words, str(error))

    def test_a_dollar_in_the_password(self) -> None:
        path = self.useFixture(fixtures.TempDir()).path + '/x.conf'
        with open(path, 'w') as file:
            file.write('[nova]\nauth_url = http://k\npassword = hu$sh\n')
        conf = self.conf(f'--config-file={path}', auth_type='password')
        error = self.assertRaises(ConfigError, NovaClient, conf, RoleRule())
        self.assertIn('Write $$ for a $', str(error))
        self.assertNotIn('sh', str(error))
