import os
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.edge.secret_file import (
    UnusableFile,
    read_lines,
    read_token,
)

_SECRET = '33333333-3333-4333-8333-333333333333'


class SecretFileTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.file = pathlib.Path(directory, 'secret')
        self.path = str(self.file)

    def write(self, content: bytes) -> None:
        self.file.write_bytes(content)
        os.chmod(self.path, 0o600)

    def error(self, read) -> str:
        error = str(self.assertRaises(UnusableFile, read, self.path))
        self.assertIn(self.path, error)
        self.assertNotIn(_SECRET, error)
        return error


class TestToken(SecretFileTest):
    def test_it_is_read_each_time(self) -> None:
        for text in (_SECRET, 'new'):
            self.write(f'{text}\n'.encode())
            self.assertEqual(text, read_token(self.path))

    def test_none(self) -> None:
        self.assertIn('cannot be read: No such file', self.error(read_token))
        for content in (
            b'',
            b'a b',
            f'{_SECRET}\nmore'.encode(),
            '\N{SNOWMAN}'.encode(),
            b'\x00',
            b'\xff',
        ):
            self.write(content)
            self.assertIn('one line of printable', self.error(read_token))


class TestLines(SecretFileTest):
    def test_all_of_them(self) -> None:
        self.write(b'\na\r\n\nb\n')
        self.assertEqual(['a', 'b'], read_lines(self.path))

    def test_none(self) -> None:
        self.assertIn('cannot be read', self.error(read_lines))
        self.write(b' \n')
        self.assertIn('the file is empty', self.error(read_lines))

    def test_a_file_of_everybody(self) -> None:
        self.write(_SECRET.encode())
        for mode in (0o604, 0o602):
            os.chmod(self.path, mode)
            self.assertIn('chmod o-rw', self.error(read_lines))
        os.chmod(self.path, 0o640)
        self.assertEqual([_SECRET], read_lines(self.path))
