import datetime
import ipaddress
import itertools
import os
import pathlib
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import fixtures
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from oslotest import base

from steal_scheduler.orchestrators.webhook import signed_post
from steal_scheduler.orchestrators.webhook.signed_post import Receiver, Reply
from tests.unit.orchestrators.webhook.receiver import StandIn

#: Seconds after which a request that should have ended has not.
_HANGS = 30


class TestSign(base.BaseTestCase):
    def test_as_the_specification_has_it(self) -> None:
        """As signed by the library standardwebhooks 1.1.0 of Python."""
        path = self.useFixture(fixtures.TempDir()).join('key')
        pathlib.Path(path).write_text(
            'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaRxN7\n'
        )
        self.assertEqual(
            {
                'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
                'webhook-timestamp': '1614265330',
                'webhook-signature': (
                    'v1,3O3qk5Hm5uwdxm+3d2pPE3IBt74VFB19WCXuQHhH5lA='
                ),
            },
            signed_post.sign(
                signed_post.read_keys(path),
                'msg_p5jXN8AQM9LWM0D4loKWxJek',
                1614265330,
                b'{"test": 2432232314}',
            ),
        )


class TestKeys(base.BaseTestCase):
    def keys(self, text: str) -> list[bytes]:
        path = self.useFixture(fixtures.TempDir()).join('key')
        pathlib.Path(path).write_text(text)
        return signed_post.read_keys(path)

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
            error = self.assertRaises(ValueError, self.keys, text)
            self.assertIn(word, str(error))
            for secret in ('QUJD', 'hush'):
                self.assertNotIn(secret, str(error))


class PostTest(base.BaseTestCase):
    def stand_in(self, *args: Any) -> StandIn:
        found = StandIn(*args).__enter__()
        self.addCleanup(found.__exit__, None, None, None)
        return found

    def receiver(self, url: str, **options: Any) -> Receiver:
        options.setdefault('timeout', _HANGS)
        return Receiver(urllib.parse.urlsplit(url), **options)


class TestPost(PostTest):
    def setUp(self) -> None:
        super().setUp()
        self.other = self.stand_in()

    def test_the_answer(self) -> None:
        self.other.status, self.other.said = 418, 'short and stout'
        receiver = self.receiver(self.other.url)
        self.assertEqual(
            Reply(418, 'short and stout'), receiver.post(b'{}', {'A': 'b'})
        )
        ((path, headers, body),) = self.other.sent
        self.assertEqual(
            ('/steal?by=us', 'b', b'{}'), (path, headers['A'], body)
        )

    def test_without_a_path(self) -> None:
        bare = f'http://127.0.0.1:{self.other.port}'
        self.receiver(bare).post(b'', {})
        self.receiver(f'{bare}?a=b').post(b'', {})
        self.assertEqual(['/', '/?a=b'], [sent[0] for sent in self.other.sent])

    def test_nothing_of_the_environment(self) -> None:
        """No proxy sees it."""
        for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy'):
            self.useFixture(
                fixtures.EnvironmentVariable(name, 'http://127.0.0.1:1')
            )
        self.assertEqual(
            200, self.receiver(self.other.url).post(b'', {}).status
        )

    def test_too_much(self) -> None:
        self.other.said = b'x' * 1024 * 1024
        receiver = self.receiver(self.other.url)
        self.assertEqual(1024 * 1024, len(receiver.post(b'', {}).text))
        self.other.said += b'x'
        self.assertRaises(ValueError, receiver.post, b'', {})


class TestTime(PostTest):
    """The end is that of the whole exchange."""

    def assert_ends(self, instead: Callable[[Any], None]) -> None:
        other = self.stand_in()
        other.instead = instead
        receiver = self.receiver(other.url, timeout=0.4)
        begun = time.monotonic()
        self.assertRaises(TimeoutError, receiver.post, b'', {})
        self.assertLess(time.monotonic() - begun, _HANGS)
        self.assertEqual(1, len(other.sent))

    def test_silence(self) -> None:
        self.assert_ends(lambda request: request.connection.recv(1))

    def test_headers_that_trickle(self) -> None:
        self.assert_ends(trickle(b'HTTP/1.1 200 OK\r\n', b'A: b\r\n'))

    def test_a_body_that_trickles(self) -> None:
        head = b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n'
        self.assert_ends(trickle(head, b'.'))

    def test_a_body_without_an_end(self) -> None:
        """Its beginning is no answer, whatever its status says."""
        self.assert_ends(trickle(b'HTTP/1.1 200 OK\r\n\r\n', b'.'))

    def test_a_handshake_that_hangs(self) -> None:
        with socket.create_server(('127.0.0.1', 0)) as silent:
            port = silent.getsockname()[1]
            receiver = self.receiver(f'https://127.0.0.1:{port}', timeout=0.4)
            self.assertRaises(TimeoutError, receiver.post, b'', {})

    def test_no_time_is_left(self) -> None:
        receiver = self.receiver(self.stand_in().url, timeout=0)
        self.assertRaises(TimeoutError, receiver.post, b'', {})


def trickle(head: bytes, drop: bytes) -> Callable[[Any], None]:
    """Answer so, drop by drop, until whoever asked hangs up."""

    def instead(request: Any) -> None:
        request.wfile.write(head)
        never = threading.Event()
        for _ in range(20 * _HANGS):
            request.wfile.write(drop)
            never.wait(0.05)

    return instead


class TestTls(PostTest):
    def setUp(self) -> None:
        super().setUp()
        directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.ca = Authority(directory, 'ca')
        self.others = Authority(directory, 'other-ca')

    def listen(self, certificate: str, clients: str = '') -> str:
        """With this certificate; clients need one of that authority."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        return self.stand_in(context).url

    def test_trusted(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'))
        receiver = self.receiver(url, cafile=self.ca.path)
        self.assertEqual(200, receiver.post(b'', {}).status)

    def test_not_trusted(self) -> None:
        for certificate, cafile in (
            (self.ca.issue('127.0.0.1'), None),
            (self.ca.issue('127.0.0.1'), self.others.path),
            (self.ca.issue('127.0.0.2'), self.ca.path),
            (self.ca.issue('127.0.0.1', days=-1), self.ca.path),
        ):
            receiver = self.receiver(self.listen(certificate), cafile=cafile)
            error = self.assertRaises(
                ssl.SSLCertVerificationError, receiver.post, b'', {}
            )
            self.assertIn('certificate verify failed', str(error))

    def test_the_authority_is_read_again(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'))
        receiver = self.receiver(url, cafile=self.others.path)
        self.assertRaises(ssl.SSLError, receiver.post, b'', {})
        os.replace(self.ca.path, self.others.path)
        self.assertEqual(200, receiver.post(b'', {}).status)

    def test_who_we_are(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'), self.others.path)
        mine = self.others.issue('127.0.0.9')
        receiver = self.receiver(url, cafile=self.ca.path, certfile=mine)
        self.assertEqual(200, receiver.post(b'', {}).status)
        nobody = self.receiver(url, cafile=self.ca.path)
        self.assertRaises(OSError, nobody.post, b'', {})


class Authority:
    """Issues certificates, each in a file with its key."""

    def __init__(self, directory: pathlib.Path, name: str) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.path = str(directory / f'{name}.pem')
        own = self._sign(
            self._key,
            self._name,
            1,
            x509.BasicConstraints(ca=True, path_length=None),
        )
        pathlib.Path(self.path).write_bytes(own)

    def issue(self, address: str, days: int = 1) -> str:
        """For a server of this address; the path of the file."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(address))]
        )
        found = self._directory / f'{next(_numbers)}.pem'
        found.write_bytes(
            self._sign(key, x509.Name([]), days, names)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return str(found)

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        days: int,
        extension: x509.ExtensionType,
    ) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        end = now + datetime.timedelta(days=days)
        return (
            x509.CertificateBuilder()
            .issuer_name(self._name)
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, end) - datetime.timedelta(days=1))
            .not_valid_after(end)
            .add_extension(
                extension,
                critical=isinstance(extension, x509.BasicConstraints)
                or not subject.rdns,
            )
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


_numbers = itertools.count()
