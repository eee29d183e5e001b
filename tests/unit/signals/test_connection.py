import fixtures
import requests
from oslotest import base

from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals import connection
from tests.unit.signals.options import configuration


def options(**values):
    conf = configuration('prometheus', connection.OPTS, **values)
    return conf.prometheus


class CheckTest(base.BaseTestCase):
    def _wrong(self, *words, **values):
        error = self.assertRaises(
            ConfigError, connection.check, options(**values)
        )
        for word in ('[prometheus] ', *words):
            self.assertIn(word, str(error))
        self.assertNotIn('hush', str(error))

    def test_good(self):
        for values in (
            {},
            {'url': 'https://prometheus.example/prefix/'},
            {'url': 'http://[::1]:9090'},
            {'url': 'HTTP://Prometheus'},
            {'username': 'u', 'password': 'hush', 'cafile': '/c'},
            {'token_file': '/t', 'insecure': True},
        ):
            connection.check(options(**values))

    def test_wrong_url(self):
        for url in (
            '',
            'prometheus:9090',
            'ftp://a',
            'http://',
            'http://:9090',
            'http://a:99999',
            'http://a:0',
            'http://a:b',
            'http://[::1',
        ):
            self._wrong(f'url = {url!r}', url=url)
        for url in ('http://a/?b=c', 'http://a/#b'):
            self._wrong(f'url = {url} has a query or', url=url)

    def test_credentials_in_the_url(self):
        self._wrong('url = http://a:9090/x ', url='http://me:hush@a:9090/x')
        self._wrong('url = http://[a ', url='http://me:hush@[a')

    def test_contradictions(self):
        self._wrong(
            'username = u and token_file = /t', username='u', token_file='/t'
        )
        self._wrong(
            'insecure = True and cafile = /c', insecure=True, cafile='/c'
        )
        self._wrong('username is not set', password='hush')


class VerifyTest(base.BaseTestCase):
    def test_by_default(self):
        self.assertIs(True, connection.verify(options()))

    def test_otherwise(self):
        self.assertEqual('/c', connection.verify(options(cafile='/c')))
        self.assertIs(False, connection.verify(options(insecure=True)))


class AuthTest(base.BaseTestCase):
    def _sent(self, values):
        request = requests.Request(
            'POST', 'http://a', auth=connection.auth(values)
        )
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
        error = str(self.assertRaises(SignalError, connection.auth, values))
        self.assertIn(f'token_file = {values.token_file} ', error)
        return error
