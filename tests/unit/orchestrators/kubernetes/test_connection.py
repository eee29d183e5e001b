import importlib.util
import pathlib
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.kubernetes.connection import Connection
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.standins.kubernetes_objects import kubeconfig
from tests.unit.signals.options import configuration

INSECURE = 'insecure-skip-tls-verify: true'


class ConnectionTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'kubeconfig'

    def connection(self, text: str | None = None, **more: Any) -> Connection:
        """:param text: of the kubeconfig file; None: as it is"""
        if text is not None:
            self.path.write_text(text)
        options = {'kubeconfig': str(self.path), **more}
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return Connection(conf.prod, 'prod')

    def wrong(self, text: str | None = None, **more: Any) -> str:
        said = str(
            self.assertRaises(ConfigError, self.connection, text, **more)
        )
        self.assertIn('[prod]', said)
        self.assertNotIn('s3cr3t', said)
        return said

    def api_trouble(self, connection: Connection) -> str:
        said = str(self.assertRaises(OrchestratorError, connection.api))
        self.assertIn('[prod] kubeconfig = ', said)
        self.assertNotIn('s3cr3t', said)
        return said


class TestConfiguration(ConnectionTest):
    def test_it_is_not_set(self) -> None:
        said = self.wrong(kubeconfig=None)
        self.assertIn('[prod] kubeconfig is not set', said)

    def test_the_library_is_missing(self) -> None:
        with mock.patch.object(importlib.util, 'find_spec', lambda n: None):
            said = self.wrong(kubeconfig='/a')
        self.assertIn("pip install 'steal-scheduler[kubernetes]'", said)

    def test_what_is_no_kubeconfig(self) -> None:
        said = self.wrong(kubeconfig='/nowhere')
        self.assertIn("kubeconfig = '/nowhere'", said)
        for text in (
            '',
            's3cr3t',
            '[',
            'contexts: []',
            '{contexts: 1}',
            '{contexts: [s3cr3t]}',
            '{contexts: [{name: a}], current-context: a}',
            '{contexts: [{name: a, context: s3cr3t}], current-context: a}',
            kubeconfig('https://a', 'tokenFile: 3'),
            kubeconfig('https://a', 'token: s3cr3t').replace(
                'user: u', 'user: x'
            ),
        ):
            said = self.wrong(text)
            self.assertIn(f'kubeconfig = {str(self.path)!r}', said, text)

    def test_context(self) -> None:
        text = kubeconfig('https://a', 'token: s3cr3t')
        self.connection(text)
        self.connection(text, context='one')
        said = self.wrong(text, context='two')
        self.assertIn("context 'two' is none of one", said)

    def test_token_file(self) -> None:
        text = kubeconfig('https://a', 'tokenFile: token')
        self.assertIn('No such file', self.wrong(text))
        for token in ('', ' \n', 's3cr3t s3cr3t', 's3cr3t\ns3cr3t', 's3cr3té'):
            (self.directory / 'token').write_text(token)
            self.assertIn('holds no token', self.wrong(text))


class TestConnect(ConnectionTest):
    def sent(self, connection: Connection) -> str:
        """What a request says of who sends it."""
        settings = connection.api().configuration
        return str(settings.auth_settings()['BearerToken']['value'])

    def test_the_token_file_is_read_again(self) -> None:
        file = self.directory / 'token'
        file.write_text('one\n')
        connection = self.connection(
            # Which kubectl does not look at then.
            kubeconfig('https://a', 'tokenFile: token, token: s3cr3t')
        )
        for token in ('one', 'two'):
            file.write_text(f'{token}\n')
            self.assertEqual(f'Bearer {token}', self.sent(connection))
        file.write_text('')
        self.assertIn('holds no token', self.api_trouble(connection))
        file.unlink()
        self.assertIn('No such file', self.api_trouble(connection))
        file.write_text('three')
        self.assertEqual('Bearer three', self.sent(connection))

    def test_nothing_is_asked_twice(self) -> None:
        text = kubeconfig('https://a', 'token: s3cr3t')
        settings = self.connection(text).api().configuration
        self.assertEqual('https://a', settings.host)
        self.assertIs(False, settings.retries)
        self.assertIs(True, settings.verify_ssl)

    def test_in_clear_text(self) -> None:
        server = 'http://u:s3cr3t@a'
        text = kubeconfig(server, 'token: s3cr3t')
        said = self.api_trouble(self.connection(text))
        self.assertIn('http://a would carry the token in clear text', said)
        self.connection(kubeconfig(server, 'token: s3cr3t', INSECURE)).api()

    def test_nobody_vouches_for_it(self) -> None:
        text = kubeconfig('https://a', 'token: s3cr3t', INSECURE)
        settings = self.connection(text).api().configuration
        self.assertIs(False, settings.verify_ssl)
        # Any text would be true to the library.
        for word in ('"false"', '"true"', '1'):
            other = text.replace('verify: true', f'verify: {word}')
            said = self.api_trouble(self.connection(other))
            self.assertIn('is neither true nor false', said)

    def test_it_is_gone(self) -> None:
        connection = self.connection(kubeconfig('https://a', 'token: s3cr3t'))
        self.path.unlink()
        self.assertIn(str(self.path), self.api_trouble(connection))
        self.path.write_text('s3cr3t')
        self.assertIn('is no kubeconfig', self.api_trouble(connection))


class TestTrouble(ConnectionTest):
    def failed(self, **about: Any) -> str:
        connection = self.connection(kubeconfig('https://a', 'token: s3cr3t'))
        connection.api()
        error = OSError('it broke')
        for name, value in about.items():
            setattr(error, name, value)
        return str(connection.failed('list nodes', error))

    def test_it_names_all(self) -> None:
        self.assertEqual(
            '[prod] https://a did not list nodes: it broke.', self.failed()
        )
        self.assertEqual(
            '[prod] https://a did not list nodes: 503 etcd is down.',
            self.failed(status=503, body=b'{"message": "etcd is\\ndown."}'),
        )

    def test_cures(self) -> None:
        self.assertIn('Renew the token', self.failed(status=401))
        self.assertIn('steal-migrator-rbac.yaml', self.failed(status=403))

    def test_answers_that_are_none(self) -> None:
        for body in (b'<html>', b'[]', '"x"', '', None):
            self.assertIn('502 it broke', self.failed(status=502, body=body))
