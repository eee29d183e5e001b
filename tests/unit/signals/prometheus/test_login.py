"""Against a Prometheus that wants to know who asks, and a Keystone."""

import logging
import threading

import fixtures
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.standins import keystone, prometheus
from tests.standins.transport import mounted, served
from tests.unit.make import KEYSTONEAUTH
from tests.unit.options import configuration

SECRETS = (keystone.PASSWORD, 'mistyped')
KEYSTONE = 'http://192.0.2.1:5000'
PROMETHEUS = 'http://192.0.2.2:9090'


class Case(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger(level=logging.DEBUG, nuke_handlers=False)
        )
        self.identity = keystone.Keystone()
        self.prometheus = prometheus.Prometheus()
        self.prometheus.answers = {'up': prometheus.vector(({}, 1, 7.5))}
        self.net = {KEYSTONE: self.identity, PROMETHEUS: self.prometheus}
        self.enterContext(mounted(self.net))

    def _conf(self, *lines, section='prometheus', **options):
        """A file's worth of options, since sections are read from one."""
        text = '\n'.join(
            [
                f'[{section}]',
                *(f'{k} = {v}' for k, v in options.items() if v),
                *lines,
            ]
        )
        path = self.create_tempfiles([('steal', text)], '.conf')[0]
        conf = configuration(
            'prometheus', PrometheusSource.OPTS, url=PROMETHEUS
        )
        conf.set_default('timeout', 5, group='prometheus')
        conf(['--config-file', path])
        return conf

    def _keystone(self, *lines, **options):
        return self._conf(*lines, **(keystone.login(KEYSTONE) | options))

    def _client(self, conf):
        client = PrometheusClient(conf)
        client.begin()
        return client

    def _ask(self, client):
        (series,) = client.ask('servers.used', 'up')
        self.assertEqual([7.5, '1'], series['value'])

    def _header(self, *lines, **options):
        """What Prometheus is told."""
        self._ask(self._client(self._conf(*lines, **options)))
        return self.prometheus.asked[-1].headers.get('authorization')

    def _assert_silent(self, *said):
        for text in (self.logs.output, *map(str, said)):
            for secret in (*SECRETS, *self.identity.tokens):
                self.assertNotIn(secret, text)


class AskTest(Case):
    """As Aetos asks for it."""

    def setUp(self):
        super().setUp()
        #: Tokens that were shown, in their order.
        self.shown = []
        #: Tokens that Keystone knows, and that are not taken.
        self.refused = set()
        self.prometheus.guard = self._guard

    def _guard(self, headers):
        token = headers.get('x-auth-token')
        self.shown.append(token)
        known = token in self.identity.tokens
        return known and token not in self.refused

    def test_with_a_token(self):
        client = self._client(self._keystone())
        for _ in range(2):
            self._ask(client)
        # One log-in is enough.
        self.assertEqual(1, len(self.identity.tokens))
        self.assertEqual([*self.identity.tokens] * 2, self.shown)
        self._assert_silent()

    def test_by_get(self):
        self._ask(self._client(self._keystone()))
        (asked,) = self.prometheus.asked
        self.assertEqual('GET /api/v1/query', str(asked))
        self.assertEqual({'query': 'up', 'timeout': '5s'}, asked.query)
        self.assertEqual(b'', asked.body)
        self.assertNotIn('authorization', asked.headers)

    def test_a_token_that_is_refused_is_renewed(self):
        client = self._client(self._keystone())
        self._ask(client)
        self.refused = {*self.identity.tokens}
        self._ask(client)
        one, again, other = self.shown
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)
        self.assertEqual(3, len(self.prometheus.asked))

    def test_it_is_renewed_once(self):
        self.prometheus.guard = lambda headers: False
        client = self._client(self._keystone())
        error = self.assertRaises(SignalError, self._ask, client)
        for word in (
            'servers.used: answered 401',
            '[prometheus]',
            'Keystone',
        ):
            self.assertIn(word, str(error))
        self.assertEqual(2, len(self.prometheus.asked))
        self._assert_silent(error)

    def test_no_query_in_an_error(self):
        client = self._client(self._keystone())
        del self.net[PROMETHEUS]
        error = self.assertRaises(SignalError, self._ask, client)
        self.assertIn('/api/v1/query', str(error))
        self.assertNotIn('query=', str(error))

    def test_who_cannot_log_in_again(self):
        self.prometheus.guard = lambda headers: False
        for options, cure in (
            ({}, 'auth_type = http_basic'),
            (
                {'auth_type': 'http_basic', 'username': 'u', 'password': 'p'},
                'username and password of [prometheus]',
            ),
        ):
            self.prometheus.asked.clear()
            client = self._client(self._conf(**options))
            error = self.assertRaises(SignalError, self._ask, client)
            self.assertIn(cure, str(error))
            self.assertEqual(1, len(self.prometheus.asked))


class BasicTest(Case):
    def test_by_password(self):
        basic = {'auth_type': 'http_basic'}
        self.assertEqual(
            'Basic w6Q6w7Y=', self._header(username='ä', password='ö', **basic)
        )

    def test_nobody(self):
        self.assertIsNone(self._header())
        self.assertIsNone(self._header(auth_type='none'))

    def test_netrc_says_nothing(self):
        path = self.create_tempfiles(
            [('netrc', 'default login me password hush')]
        )[0]
        self.useFixture(fixtures.EnvironmentVariable('NETRC', path))
        self.assertIsNone(self._header())
        self.assertEqual(
            'Basic dTpw',
            self._header(auth_type='http_basic', username='u', password='p'),
        )

    def test_incomplete(self):
        for options in ({'username': 'u'}, {'password': 'hush'}, {}):
            conf = self._conf(auth_type='http_basic', **options)
            error = self.assertRaises(ConfigError, PrometheusClient, conf)
            self.assertIn('[prometheus] auth_type = http_basic', str(error))
            self.assertNotIn('hush', str(error))


class TokenFileTest(Case):
    def test_it_is_read_anew(self):
        path = self.useFixture(fixtures.TempDir()).join('token')
        client = self._client(self._conf(token_file=path))
        self.assertIn('cannot be read', self._refused(client, path))
        for token in ('one', 'two'):
            with open(path, 'w') as file:
                file.write(token + '\n')
            self._ask(client)
            headers = self.prometheus.asked[-1].headers
            self.assertEqual(f'Bearer {token}', headers['authorization'])
        for text in (b'', b'hush\nhush', b'hush\xff', 'hüsh'.encode()):
            with open(path, 'wb') as file:
                file.write(text)
            self.assertNotIn('hush', self._refused(client, path))

    def _refused(self, client, path):
        error = str(self.assertRaises(SignalError, self._ask, client))
        self.assertIn(f'[prometheus] token_file = {path!r} ', error)
        return error

    def test_a_token_that_is_refused(self):
        path = self.create_tempfiles([('token', 'hush')])[0]
        self.prometheus.guard = lambda headers: False
        client = self._client(self._conf(token_file=path))
        error = str(self.assertRaises(SignalError, self._ask, client))
        self.assertIn('token_file', error)
        self.assertNotIn('hush', error)

    def test_not_beside_a_log_in(self):
        conf = self._keystone(token_file='/t')
        error = self.assertRaises(ConfigError, PrometheusClient, conf)
        self.assertIn('token_file = /t and [prometheus] auth_type', str(error))


class KeystoneTest(Case):
    def _refused(self, *words, **values):
        client = self._client(self._keystone(**values))
        error = self.assertRaises(SignalError, self._ask, client)
        for word in ('[prometheus] auth_url: ', *words):
            self.assertIn(word, str(error))
        self._assert_silent(error)

    def _served(self):
        return f'{self.enterContext(served(self.identity)).url}/v3'

    def test_the_user_of_nova(self):
        conf = self._keystone(section='nova')
        load.register(conf)
        conf.set_override('auth_section', 'nova', group='prometheus')
        self._ask(self._client(conf))
        self.assertEqual(1, len(self.identity.tokens))

    def test_a_section_of_its_own(self):
        conf = self._keystone(section='aetos')
        conf.set_override('auth_section', 'aetos', group='prometheus')
        client = self._client(conf)
        self._ask(client)
        self.assertEqual(1, len(self.identity.tokens))
        self.assertIn('user of [aetos] in', client.cure_of_silence('x'))
        self.prometheus.guard = lambda headers: False
        error = self.assertRaises(SignalError, self._ask, client)
        self.assertIn('Check the user of [aetos]', str(error))

    def test_wrong_password(self):
        self._refused(
            'refuses',
            'project and domains of [prometheus]',
            password='mistyped',
        )

    def test_refused_while_a_token_is_renewed(self):
        self.prometheus.guard = lambda headers: False
        conf = self._keystone()
        client = self._client(conf)
        self.identity.instead['*'] = lambda asked: (
            (401, {}) if self.identity.tokens else None
        )
        error = self.assertRaises(SignalError, self._ask, client)
        self.assertIn('Keystone refuses the user', str(error))
        self._assert_silent(error)

    def test_keystone_fails(self):
        self.identity.instead['*'] = 500, {}
        self._refused('does not answer', 'auth_url')

    def test_nobody_listens(self):
        del self.net[KEYSTONE]
        self._refused('does not answer', KEYSTONE)

    def test_keystone_hangs(self):
        over = threading.Event()
        self.addCleanup(over.set)
        self.identity.before = lambda asked: over.wait(30)
        self._refused('does not answer', timeout=1, auth_url=self._served())

    def test_tls_is_verified(self):
        url = self._served().replace('http:', 'https:')
        self._refused('SSL', '[prometheus] cafile', auth_url=url)
        self._refused(
            '/nowhere/ca.pem',
            auth_url=url,
            cafile='/nowhere/ca.pem',
        )

    def test_wrong_options(self):
        for values, *words in (
            ({'auth_type': 'magic'}, '[prometheus] auth_type', 'magic'),
            ({'auth_url': None}, '[prometheus] auth_type', 'auth_url'),
            (
                {'auth_section': 'aetos'},
                'auth_section = aetos: [aetos] auth_type is not set',
            ),
            (
                {'tls_ciphers': 'magic'},
                '[prometheus] tls_ciphers = magic: ',
            ),
        ):
            if not values.keys() <= KEYSTONEAUTH:
                continue
            error = self.assertRaises(
                ConfigError, PrometheusClient, self._keystone(**values)
            )
            for word in words:
                self.assertIn(word, str(error))

    def test_a_dollar_in_the_password(self):
        conf = self._keystone(password='secret$half')
        error = self.assertRaises(ConfigError, PrometheusClient, conf)
        self.assertIn('Write $$ for a $', str(error))
        self.assertNotIn('half', str(error))
