"""Against a Keystone, and a Prometheus that wants its tokens."""

import logging
import threading

import fixtures
from oslotest import base

from steal_scheduler.conf import nova
from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals import connection, login
from steal_scheduler.signals.keystone import Keystone
from steal_scheduler.signals.query import PrometheusApi
from tests.unit.signals import identity, stand_in
from tests.unit.signals.options import configuration

SECRETS = (identity.PASSWORD, 'mistyped')


class Case(base.BaseTestCase):
    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger(level=logging.DEBUG, nuke_handlers=False)
        )
        self.identity = self.enterContext(identity.Identity())
        self.prometheus = self.enterContext(stand_in.StandIn())
        self.prometheus.answers = {'up': stand_in.vector(({}, 1, 7.5))}

    def _conf(self, section='aetos', url=None, lines=(), **user):
        """A file's worth of options, since sections are read from one."""
        options = {
            'auth_type': 'password',
            'auth_url': self.identity.url,
            'username': identity.USER,
            'password': identity.PASSWORD,
            'project_name': identity.PROJECT,
            'user_domain_id': 'default',
            'project_domain_id': 'default',
            **user,
        }
        text = '\n'.join(
            [
                f'[{section}]',
                *(f'{k} = {v}' for k, v in options.items() if v),
                *lines,
            ]
        )
        path = self.create_tempfiles([('steal', text)], '.conf')[0]
        conf = configuration(
            'prometheus',
            [*connection.OPTS, *login.OPTS],
            url=url or self.prometheus.url,
            auth_section='aetos',
            timeout=5,
        )
        conf(['--config-file', path])
        return conf

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
        token = headers.get('X-Auth-Token')
        self.shown.append(token)
        known = token in self.identity.tokens
        return known and token not in self.refused

    def _ask(self, api):
        (sample,) = api.ask('used_query', 'up')
        self.assertEqual(1.0, sample.value)

    def test_with_a_token(self):
        api = PrometheusApi(self._conf())
        for _ in range(2):
            self._ask(api)
        # One log-in is enough.
        self.assertEqual(1, len(self.identity.tokens))
        self.assertEqual([*self.identity.tokens] * 2, self.shown)
        self._assert_silent()

    def test_by_get(self):
        self._ask(PrometheusApi(self._conf()))
        ((path, headers, form),) = self.prometheus.requests
        self.assertEqual('/api/v1/query', path)
        self.assertEqual({'query': 'up', 'timeout': '5s'}, form)
        self.assertIsNone(headers['Content-Length'])
        self.assertIsNone(headers['Authorization'])

    def test_a_token_that_is_refused_is_renewed(self):
        api = PrometheusApi(self._conf())
        self._ask(api)
        self.refused = {*self.identity.tokens}
        self._ask(api)
        one, again, other = self.shown
        self.assertEqual(one, again)
        self.assertNotEqual(one, other)
        self.assertEqual(3, api.queries['used_query'])

    def test_it_is_renewed_once(self):
        self.prometheus.guard = lambda headers: False
        api = PrometheusApi(self._conf())
        error = self.assertRaises(SignalError, self._ask, api)
        for word in ('used_query: answered 401', '[aetos]', 'Keystone'):
            self.assertIn(word, str(error))
        self.assertEqual(2, len(self.prometheus.requests))
        self._assert_silent(error)

    def test_no_query_in_an_error(self):
        api = PrometheusApi(self._conf(url='http://127.0.0.1:1'))
        error = self.assertRaises(SignalError, self._ask, api)
        self.assertIn('/api/v1/query', str(error))
        self.assertNotIn('query=', str(error))

    def test_nobody_else_renews(self):
        self.prometheus.guard = lambda headers: False
        conf = self._conf()
        conf.set_override('auth_section', None, group='prometheus')
        api = PrometheusApi(conf)
        error = self.assertRaises(SignalError, self._ask, api)
        self.assertIn('username and password', str(error))
        self.assertEqual(1, len(self.prometheus.requests))


class LoginTest(Case):
    def _refused(self, *words, **values):
        keystone = Keystone(self._conf(**values))
        error = self.assertRaises(SignalError, keystone.auth)
        for word in ('[prometheus] auth_section = aetos: ', *words):
            self.assertIn(word, str(error))
        self._assert_silent(error)

    def test_the_user_of_nova(self):
        conf = self._conf(section='nova')
        nova.register(conf)
        conf.set_override('auth_section', 'nova', group='prometheus')
        Keystone(conf).auth()
        self.assertEqual(1, len(self.identity.tokens))

    def test_wrong_password(self):
        self._refused('refuses', 'project of [aetos]', password='mistyped')

    def test_keystone_fails(self):
        self.identity.fault = 500
        self._refused('does not answer', 'auth_url')

    def test_nobody_listens(self):
        self.identity.stop()
        self._refused('does not answer', self.identity.url)

    def test_keystone_hangs(self):
        over = threading.Event()
        self.addCleanup(over.set)
        self.identity.before = lambda: over.wait(30)
        conf = self._conf()
        conf.set_override('timeout', 1, group='prometheus')
        error = self.assertRaises(SignalError, Keystone(conf).auth)
        self.assertIn('does not answer', str(error))

    def test_tls_is_verified(self):
        url = self.identity.url.replace('http:', 'https:')
        self._refused('SSL', 'cafile of [aetos]', auth_url=url)
        self._refused(
            '/nowhere/ca.pem',
            auth_url=url,
            cafile='/nowhere/ca.pem',
        )

    def test_wrong_options(self):
        for values, *words in (
            ({'section': 'other'}, '[aetos] auth_type is not set'),
            ({'auth_type': None}, '[aetos] auth_type is not set'),
            ({'auth_type': 'magic'}, 'magic'),
            ({'auth_url': None}, 'auth_url'),
            ({'insecure': 'perhaps'}, 'insecure'),
        ):
            error = self.assertRaises(
                ConfigError, Keystone, self._conf(**values)
            )
            for word in ('[prometheus] auth_section = aetos', *words):
                self.assertIn(word, str(error))

    def test_not_the_section_itself(self):
        conf = self._conf()
        conf.set_override('auth_section', 'prometheus', group='prometheus')
        error = self.assertRaises(ConfigError, Keystone, conf)
        self.assertIn('auth_section = prometheus', str(error))
        self.assertIn('nova', str(error))
