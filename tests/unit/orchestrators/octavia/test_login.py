"""Who we are to Octavia, and where it is."""

import logging

import fixtures
import testtools

from steal_scheduler.conf import load
from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.octavia.plugin import Octavia
from tests.standins.keystone import PASSWORD
from tests.unit.make import KEYSTONEAUTH
from tests.unit.orchestrators.octavia.rig import OCTAVIA, OctaviaTestCase


class TestSession(OctaviaTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('keystoneauth', level=logging.DEBUG)
        )

    def assert_drains(self, octavia: Octavia) -> None:
        answer = octavia.drain(self.server(), 'node')
        self.assertIn('set to 0', answer.detail)

    def test_nothing_is_asked_at_the_start(self) -> None:
        self.octavia()
        self.assertEqual(([], []), (self.keystone.tokens, self.api.asked))

    def test_one_log_in_is_enough(self) -> None:
        octavia = self.octavia()
        self.assert_drains(octavia)
        octavia.detached()
        self.assertEqual(1, len(self.keystone.tokens))

    def test_a_token_that_is_taken_back(self) -> None:
        octavia = self.octavia()
        octavia.detached()
        self.keystone.tokens.clear()
        self.assert_drains(octavia)

    def test_the_user_of_nova(self) -> None:
        """The default: in Nova's region, but not at Nova's endpoint."""
        conf = self.conf(
            section='nova',
            user={'endpoint_override': 'http://192.0.2.9:1'},
        )
        load.register(conf)
        conf.clear_override('auth_section', 'lb')
        self.assert_drains(Octavia(conf, 'lb'))
        conf.set_override('region_name', 'elsewhere', 'nova')
        error = self.assertRaises(
            OrchestratorError, Octavia(conf, 'lb').detached
        )
        self.assertIn('Keystone lists no Octavia', str(error))

    def test_every_form_of_the_endpoint(self) -> None:
        for tail in ('', '/', '/v2', '/v2.0', '/v2.0/'):
            self.keystone.catalog['load-balancer'] = OCTAVIA + tail
            self.octavia().detached()
        self.assertEqual(
            {'GET /v2/lbaas/pools'},
            {asked for asked in self.api.calls() if 'members' not in asked},
        )

    def test_it_is_not_in_the_catalog(self) -> None:
        error = '[lb] auth_section = keystone: Keystone lists no Octavia: '
        del self.keystone.catalog['load-balancer']
        self.assert_fails(error)

    def test_another_region(self) -> None:
        self.assert_fails(
            'Keystone lists no Octavia', user={'region_name': 'elsewhere'}
        )

    def test_a_wrong_password(self) -> None:
        self.assert_fails(
            '[lb] auth_section = keystone: Keystone refuses the user of '
            '[keystone]',
            user={'password': 'mistyped'},
        )

    def test_keystone_is_down(self) -> None:
        self.assert_fails(
            'Octavia did not answer', user={'auth_url': 'http://192.0.2.9:1'}
        )

    def assert_fails(self, text: str, **values) -> None:
        octavia = self.octavia(**values)
        error = self.assertRaises(
            OrchestratorError, octavia.drain, self.server(), 'node'
        )
        self.assertIn(text, str(error))
        self.assert_silent(str(error))

    def assert_silent(self, said: str) -> None:
        for text in (self.logs.output, said):
            for secret in (
                PASSWORD,
                'mistyped',
                *self.keystone.tokens,
            ):
                self.assertNotIn(secret, text)

    def test_secrets_stay_out_of_the_log(self) -> None:
        self.assert_drains(self.octavia())
        self.assertIn('/v2/lbaas/pools', self.logs.output)
        self.assert_silent('')

    def test_tls_is_verified(self) -> None:
        """Unless cafile or insecure of the section say otherwise."""
        for values, expected in (
            ({}, True),
            ({'cafile': '/etc/ssl/own.pem'}, '/etc/ssl/own.pem'),
        ):
            octavia = self.octavia(user=values)
            self.assertEqual(expected, octavia._client._session.verify)

    def test_no_section(self) -> None:
        for section, words in (
            ('elsewhere', 'auth_type is not set'),
            ('lb', 'it is the section of these options'),
        ):
            error = self.assertRaises(
                ConfigError, self.octavia, auth_section=section
            )
            self.assertIn(f'[lb] auth_section = {section}', str(error))
            self.assertIn(words, str(error))

    def test_an_auth_type_that_there_is_not(self) -> None:
        error = self.assertRaises(
            ConfigError, self.octavia, user={'auth_type': 'guess'}
        )
        self.assertIn(
            '[lb] auth_section = keystone: [keystone] auth_type', str(error)
        )

    @testtools.skipUnless('tls_ciphers' in KEYSTONEAUTH, 'no such option')
    def test_ciphers_that_there_are_not(self) -> None:
        error = self.assertRaises(
            ConfigError, self.octavia, user={'tls_ciphers': 'magic'}
        )
        self.assertIn('[keystone] tls_ciphers = magic', str(error))

    def test_a_dollar_in_the_password(self) -> None:
        error = self.assertRaises(
            ConfigError, self.octavia, user={'password': 'secret$half'}
        )
        self.assertIn('Write $$ for a $', str(error))
        self.assertNotIn('half', str(error))
