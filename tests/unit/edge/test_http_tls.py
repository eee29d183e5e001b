"""Whom an exchange trusts, and who it says that we are."""

import datetime
import ipaddress
import itertools
import os
import pathlib
import ssl
from typing import Any

import fixtures
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from oslotest import base

from steal_scheduler.edge.http import ExchangeFailed, Tls, exchange
from tests.standins.app import StandIn
from tests.standins.transport import served

#: Seconds after which a request that should have ended has not.
_HANGS = 30


class TestTls(base.BaseTestCase):
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
        app = StandIn()
        app.instead['*'] = 200, b''
        return self.enterContext(served(app, context)).url

    def ask(self, url: str, **tls: Any) -> int:
        response = exchange(
            'POST', url, Tls(**tls), seconds=_HANGS, most=100, data=b''
        )
        return response.status_code

    def refused(self, url: str, **trusts: Any) -> str:
        error = self.assertRaises(ExchangeFailed, self.ask, url, **trusts)
        self.assertIn('TLS failed', str(error))
        return str(error)

    def test_trusted(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'))
        self.assertEqual(200, self.ask(url, cafile=self.ca.path))

    def test_not_trusted(self) -> None:
        for certificate, cafile in (
            (self.ca.issue('127.0.0.1'), None),
            (self.ca.issue('127.0.0.1'), self.others.path),
            (self.ca.issue('127.0.0.2'), self.ca.path),
            (self.ca.issue('127.0.0.1', days=-1), self.ca.path),
        ):
            url = self.listen(certificate)
            error = self.refused(url, cafile=cafile)
            self.assertIn('certificate verify failed', error)

    def test_insecure(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.2'))
        self.assertEqual(200, self.ask(url, insecure=True))

    def test_another_name_than_the_hosts(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.2'))
        names = {'cafile': self.ca.path, 'server_name': '127.0.0.2'}
        self.assertEqual(200, self.ask(url, **names))
        url = self.listen(self.ca.issue('127.0.0.1'))
        self.refused(url, **names)

    def test_the_authority_is_read_again(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'))
        cafile = self.others.path
        self.refused(url, cafile=cafile)
        os.replace(self.ca.path, cafile)
        self.assertEqual(200, self.ask(url, cafile=cafile))

    def test_who_we_are(self) -> None:
        url = self.listen(self.ca.issue('127.0.0.1'), self.others.path)
        trusts = {'cafile': self.ca.path}
        mine = self.others.issue('127.0.0.9')
        self.assertEqual(200, self.ask(url, certfile=mine, **trusts))
        self.assertRaises(ExchangeFailed, self.ask, url, **trusts)

    def test_a_key_with_a_password(self) -> None:
        """Nobody is asked for it."""
        url = self.listen(self.ca.issue('127.0.0.1'))
        file = pathlib.Path(self.others.path)
        file.write_text('-----BEGIN ENCRYPTED PRIVATE KEY-----\n')
        error = self.refused(url, certfile=str(file), insecure=True)
        self.assertIn('is encrypted', error)


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
