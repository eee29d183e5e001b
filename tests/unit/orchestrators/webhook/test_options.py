import os
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.webhook.options import check_options
from tests.standins.webhook import SECRET
from tests.unit.orchestrators.webhook import rig


class OptsTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def check(self, **options) -> None:
        options.setdefault('url', 'https://receiver.example.org/steal')
        conf = rig.options(self.directory, **options)
        check_options('webhook', conf.webhook)

    def error(self, **options) -> str:
        error = self.assertRaises(ConfigError, self.check, **options)
        return str(error)

    def path(self, text: str, mode: int = 0o600) -> str:
        path = os.path.join(self.directory, 'file')
        pathlib.Path(path).write_text(text)
        os.chmod(path, mode)
        return path


class TestUrl(OptsTest):
    def test_good(self) -> None:
        for url in (
            'https://r.example.org',
            'http://10.0.0.5:8080/steal?key=1',
            'https://[2001:db8::5]/a',
        ):
            self.check(url=url)

    def test_bad(self) -> None:
        for url in (
            None,
            '',
            'r.example.org/hush',
            'ftp://r.example.org/hush',
            'https:///hush',
            'https://r.example.org:0/hush',
            'https://r.example.org:99999/hush',
            'https://me:hush@r.example.org/',
            'https://hush@r.example.org/',
            'https://r.example.org/hush#a',
            'https://r.example.org/hush a',
            'https://r.example.org/hush\N{SNOWMAN}',
            'https://[::1/hush',
        ):
            found = self.error(url=url)
            self.assertIn('[webhook] url is no address', found)
            self.assertNotIn('hush', found)


class TestKey(OptsTest):
    def test_bad(self) -> None:
        for path, words in (
            (None, "signing_key_file = ''"),
            ('/no/such/key', 'No such file'),
            (self.directory, 'directory'),
            (self.path('whsec_hush'), '24 to 64 bytes'),
        ):
            found = self.error(signing_key_file=path)
            self.assertIn('[webhook] signing_key_file = ', found)
            self.assertIn(words, found)
            self.assertNotIn('hush', found)

    def test_anybodys(self) -> None:
        for mode in (0o644, 0o604, 0o602):
            path = self.path(SECRET, mode)
            found = self.error(signing_key_file=path)
            self.assertIn('anybody may read or write', found)
        self.check(signing_key_file=self.path(SECRET, 0o640))


class TestCertificates(OptsTest):
    def test_bad(self) -> None:
        for option in ('cafile', 'certfile'):
            for path in ('/no/such/file', self.path('nonsense')):
                found = self.error(**{option: path})
                self.assertIn(f'{option} = {path!r}', found)

    def test_they_are_not_for_http(self) -> None:
        self.check(url='http://127.0.0.1/', cafile='/no/such/file')
