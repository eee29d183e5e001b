"""TLS and a password, as Prometheus' own web configuration has them."""

import subprocess
import time

from steal_scheduler.exception import SignalError
from tests.integration import base, daemons
from tests.integration.prometheus import Prometheus, source


class SecuredTest(base.TestCase):
    #: bcrypt of 'secret'.
    _HASH = '$2b$05$VxE6N90wOfPU09o32ZmzmOLA.zv8xJmK5icMbfFHQEP0PCGsbVmwu'

    def setUp(self):
        super().setUp()
        directory = self.directory()
        self.cert = str(directory / 'cert.pem')
        subprocess.run(
            [
                daemons.program('openssl'),
                'req',
                '-x509',
                '-newkey',
                'ec',
                '-pkeyopt',
                'ec_paramgen_curve:P-256',
                '-nodes',
                '-keyout',
                str(directory / 'key.pem'),
                '-out',
                self.cert,
                '-days',
                '2',
                '-subj',
                '/CN=test',
                '-addext',
                'subjectAltName=IP:127.0.0.1',
            ],
            check=True,
            capture_output=True,
        )
        self.prometheus = Prometheus(
            directory,
            {
                'tls_server_config': {
                    'cert_file': self.cert,
                    'key_file': str(directory / 'key.pem'),
                },
                'basic_auth_users': {'monitor': self._HASH},
            },
            cafile=self.cert,
        )
        self.keep(self.prometheus.daemon.log)
        self.enterContext(self.prometheus)

    def _error(self, **options):
        reader = source(url=self.prometheus.url, **options)
        return str(self.assertRaises(SignalError, reader.read, time.time()))

    def test_certificate_is_verified(self):
        self.assertIn('TLS failed', self._error())

    def test_wrong_password(self):
        error = self._error(
            cafile=self.cert,
            auth_type='http_basic',
            username='monitor',
            password='wrong',
        )
        self.assertIn('401', error)
        self.assertNotIn('wrong', error)

    def test_let_in(self):
        for trust in ({'cafile': self.cert}, {'insecure': True}):
            error = self._error(
                auth_type='http_basic',
                username='monitor',
                password='secret',
                **trust,
            )
            # It is empty, and says so: the query was answered.
            self.assertIn('no series answers', error)
