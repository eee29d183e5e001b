import importlib.util
import pathlib
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.kubernetes import client
from steal_scheduler.orchestrators.kubernetes.client import KubernetesClient
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.standins.app import StandIn
from tests.standins.kubernetes_objects import kubeconfig
from tests.standins.transport import mounted, served
from tests.unit.options import configuration

_URL = 'http://192.0.2.1:6443'
INSECURE = 'insecure-skip-tls-verify: true'


class ClientTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        self.path = self.directory / 'kubeconfig'

    def client(self, text: str | None = None, **more: Any) -> KubernetesClient:
        """:param text: of the kubeconfig file; None: as it is"""
        if text is not None:
            self.path.write_text(text)
        options = {'kubeconfig': str(self.path), **more}
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return KubernetesClient(conf.prod, 'prod')

    def wrong(self, text: str | None = None, **more: Any) -> str:
        said = str(self.assertRaises(ConfigError, self.client, text, **more))
        self.assertIn('[prod]', said)
        self.assertNotIn('s3cr3t', said)
        return said

    def trouble(self, client: KubernetesClient) -> str:
        said = str(self.assertRaises(OrchestratorError, client.begin))
        self.assertIn('[prod] kubeconfig = ', said)
        self.assertNotIn('s3cr3t', said)
        return said


class TestConfiguration(ClientTest):
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
        self.client(text)
        self.client(text, context='one')
        said = self.wrong(text, context='two')
        self.assertIn("context 'two' is none of one", said)

    def test_token_file(self) -> None:
        text = kubeconfig('https://a', 'tokenFile: token')
        self.assertIn('No such file', self.wrong(text))
        for token in ('', ' \n', 's3cr3t s3cr3t', 's3cr3t\ns3cr3t', 's3cr3té'):
            (self.directory / 'token').write_text(token)
            self.assertIn('does not hold one line', self.wrong(text))


class TestConnect(ClientTest):
    def settings(self, client: KubernetesClient) -> Any:
        client.begin()
        return client.api.configuration

    def sent(self, client: KubernetesClient) -> str:
        """What a request says of who sends it."""
        settings = self.settings(client).auth_settings()
        return str(settings['BearerToken']['value'])

    def test_the_token_file_is_read_again(self) -> None:
        self.useFixture(fixtures.MonkeyPatch(f'{client.__name__}.FRESH', 0))
        file = self.directory / 'token'
        file.write_text('one\n')
        ours = self.client(
            # Which kubectl does not look at then.
            kubeconfig('https://a', 'tokenFile: token, token: s3cr3t')
        )
        for token in ('one', 'two'):
            file.write_text(f'{token}\n')
            self.assertEqual(f'Bearer {token}', self.sent(ours))
        file.write_text('')
        self.assertIn('does not hold one line', self.trouble(ours))
        file.unlink()
        self.assertIn('No such file', self.trouble(ours))
        file.write_text('three')
        self.assertEqual('Bearer three', self.sent(ours))

    def test_nothing_is_asked_twice(self) -> None:
        text = kubeconfig('https://a', 'token: s3cr3t')
        settings = self.settings(self.client(text))
        self.assertEqual('https://a', settings.host)
        self.assertIs(False, settings.retries)
        self.assertIs(True, settings.verify_ssl)

    def test_in_clear_text(self) -> None:
        server = 'http://u:s3cr3t@a'
        text = kubeconfig(server, 'token: s3cr3t')
        said = self.trouble(self.client(text))
        self.assertIn('http://a would carry the token in clear text', said)
        self.client(kubeconfig(server, 'token: s3cr3t', INSECURE)).begin()

    def test_nobody_vouches_for_it(self) -> None:
        text = kubeconfig('https://a', 'token: s3cr3t', INSECURE)
        settings = self.settings(self.client(text))
        self.assertIs(False, settings.verify_ssl)
        # Any text would be true to the library.
        for word in ('"false"', '"true"', '1'):
            other = text.replace('verify: true', f'verify: {word}')
            said = self.trouble(self.client(other))
            self.assertIn('is neither true nor false', said)

    def test_it_is_gone(self) -> None:
        ours = self.client(kubeconfig('https://a', 'token: s3cr3t'))
        self.path.unlink()
        self.assertIn(str(self.path), self.trouble(ours))
        self.path.write_text('s3cr3t')
        self.assertIn('is no kubeconfig', self.trouble(ours))


class TestTrouble(ClientTest):
    def failed(self, status: int, said: Any) -> str:
        place = StandIn()
        place.instead['*'] = status, said
        text = kubeconfig(_URL, 'token: s3cr3t', INSECURE)
        ours = self.client(text)
        with mounted({_URL: place}):
            ours.begin()
            error = self.assertRaises(OrchestratorError, ours.node, 'n0')
        return str(error)

    def test_it_names_all(self) -> None:
        self.assertEqual(
            f'[prod] {_URL} did not read node n0: 503 etcd is down.',
            self.failed(503, b'{"message": "etcd is\\ndown."}'),
        )

    def test_cures(self) -> None:
        self.assertIn('Renew the token', self.failed(401, {}))
        self.assertIn('steal-migrator-rbac.yaml', self.failed(403, {}))

    def test_answers_that_are_none(self) -> None:
        for body in (b'<html>', b'[]', b'"x"', b''):
            self.assertIn('502 ', self.failed(502, body))

    def test_files_are_read_again_after_a_refusal(self) -> None:
        place = StandIn()
        place.instead['*'] = 401, {}
        ours = self.client(kubeconfig(_URL, 'token: one', INSECURE))
        with mounted({_URL: place}):
            for token in ('one', 'two'):
                self.path.write_text(
                    kubeconfig(_URL, f'token: {token}', INSECURE)
                )
                ours.begin()
                self.assertRaises(OrchestratorError, ours.node, 'n0')
        self.assertEqual(
            ['Bearer one', 'Bearer two'],
            [asked.headers['authorization'] for asked in place.asked],
        )

    def test_nobody_vouches_for_it(self) -> None:
        """And the file may be put right."""
        place = self.enterContext(served(StandIn()))
        url = place.url.replace('http:', 'https:')
        ours = self.client(kubeconfig(url, 'token: s3cr3t'))
        ours.begin()
        self.assertRaises(OrchestratorError, ours.node, 'n0')
        broken = ours.api
        ours.begin()
        self.assertIsNot(broken, ours.api)
