import fixtures
import requests
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals import login
from tests.unit.signals.options import configuration


def options(**values):
    return configuration('prometheus', login.OPTS, **values).prometheus


class CheckTest(base.BaseTestCase):
    def test_good(self):
        for values in (
            {},
            {'username': 'u', 'password': 'hush'},
            {'token_file': '/t'},
            {'auth_section': 'nova'},
        ):
            login.check(options(**values))

    def test_contradictions(self):
        for words, values in (
            (
                'username = u and token_file = /t ',
                {'username': 'u', 'token_file': '/t'},
            ),
            (
                'token_file = /t and auth_section = nova ',
                {'token_file': '/t', 'auth_section': 'nova'},
            ),
            (
                'username = u and auth_section = nova ',
                {'username': 'u', 'password': 'hush', 'auth_section': 'nova'},
            ),
            ('username is not set', {'password': 'hush'}),
        ):
            error = self.assertRaises(
                ConfigError, login.check, options(**values)
            )
            self.assertIn(f'[prometheus] {words}', str(error))
            self.assertNotIn('hush', str(error))


class CureTest(base.BaseTestCase):
    def test_it_names_what_is_set(self):
        self.assertIn('token_file', login.cure(options()))
        self.assertIn('[nova]', login.cure(options(auth_section='nova')))


class AuthTest(base.BaseTestCase):
    def _sent(self, values):
        request = requests.Request('POST', 'http://a', auth=login.auth(values))
        return request.prepare().headers.get('Authorization')

    def test_nobody(self):
        self.assertIsNone(self._sent(options()))

    def test_basic(self):
        self.assertEqual(
            'Basic w6Q6w7Y=', self._sent(options(username='ä', password='ö'))
        )
        self.assertEqual('Basic dTo=', self._sent(options(username='u')))

    def test_token_is_read_anew(self):
        path = self.useFixture(fixtures.TempDir()).join('token')
        values = options(token_file=path)
        self.assertIn('cannot be read', self._refused(values))
        for token in ('one', 'two'):
            with open(path, 'w') as file:
                file.write(token + '\n')
            self.assertEqual(f'Bearer {token}', self._sent(values))
        for text in (b'', b'hush\nhush', b'hush\xff', 'hüsh'.encode()):
            with open(path, 'wb') as file:
                file.write(text)
            self.assertNotIn('hush', self._refused(values))

    def _refused(self, values):
        error = str(self.assertRaises(SignalError, login.auth, values))
        self.assertIn(f'token_file = {values.token_file} ', error)
        return error
