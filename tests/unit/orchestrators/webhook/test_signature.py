import os
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.edge.secret_file import UnusableFile
from steal_scheduler.orchestrators.webhook import signature


class TestSign(base.BaseTestCase):
    def test_as_the_specification_has_it(self) -> None:
        """As signed by the library standardwebhooks 1.1.0 of Python."""
        path = self.useFixture(fixtures.TempDir()).join('key')
        pathlib.Path(path).write_text(
            'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaRxN7\n'
        )
        os.chmod(path, 0o600)
        self.assertEqual(
            {
                'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
                'webhook-timestamp': '1614265330',
                'webhook-signature': (
                    'v1,3O3qk5Hm5uwdxm+3d2pPE3IBt74VFB19WCXuQHhH5lA='
                ),
            },
            signature.sign(
                signature.read_keys(path),
                'msg_p5jXN8AQM9LWM0D4loKWxJek',
                1614265330,
                b'{"test": 2432232314}',
            ),
        )


class TestKeys(base.BaseTestCase):
    def keys(self, text: str) -> list[bytes]:
        path = self.useFixture(fixtures.TempDir()).join('key')
        pathlib.Path(path).write_text(text)
        os.chmod(path, 0o600)
        return signature.read_keys(path)

    def test_good(self) -> None:
        for text, keys in (
            (f'whsec_{"QUJD" * 8}', [b'ABC' * 8]),
            (f'\nwhsec_{"QUJD" * 8}\r\n\n', [b'ABC' * 8]),
            # 25 bytes, with and without padding.
            (f'whsec_{"QUJD" * 8}QQ==', [b'ABC' * 8 + b'A']),
            (f'whsec_{"QUJD" * 8}QQ', [b'ABC' * 8 + b'A']),
            (
                f'whsec_{"QUJD" * 8}\nwhsec_{"REVG" * 20}',
                [b'ABC' * 8, b'DEF' * 20],
            ),
        ):
            self.assertEqual(keys, self.keys(text))

    def test_bad(self) -> None:
        good = f'whsec_{"QUJD" * 8}'
        for text, word in (
            ('', 'empty'),
            (' \n', 'empty'),
            ('QUJD' * 8, 'whsec_'),
            (f'whsec_{"QUJD" * 7}', '24 to 64 bytes'),
            (f'whsec_{"QUJD" * 22}', '24 to 64 bytes'),
            (f'{good}Q', 'base64'),
            (f'{good}QU-D', 'base64'),
            (f'{good}\N{SNOWMAN}', 'base64'),
            (f'{good}\nhush', 'base64'),
        ):
            error = self.assertRaises(UnusableFile, self.keys, text)
            self.assertIn(word, str(error))
            for secret in ('QUJD', 'hush'):
                self.assertNotIn(secret, str(error))
