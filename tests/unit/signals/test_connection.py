from oslotest import base

from steal_scheduler.exception import ConfigError
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
            {'cafile': '/c'},
            {'insecure': True},
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
            'insecure = True and cafile = /c', insecure=True, cafile='/c'
        )


class VerifyTest(base.BaseTestCase):
    def test_by_default(self):
        self.assertIs(True, connection.verify(options()))

    def test_otherwise(self):
        self.assertEqual('/c', connection.verify(options(cafile='/c')))
        self.assertIs(False, connection.verify(options(insecure=True)))
