import importlib.util
import os
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.orchestrators.kubernetes.client import Client
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.unit.signals.options import configuration

KUBECONFIG = """
clusters:
- {name: c, cluster: {server: %s}}
users:
- {name: u, user: {token: s3cr3t}}
contexts:
- {name: one, context: {cluster: c, user: u}}
current-context: %s
"""


class ClientTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def file(self, text: str) -> str:
        path = os.path.join(self.directory, 'file')
        with open(path, 'w') as file:
            file.write(text)
        return path

    def client(self, **options: Any) -> Client:
        conf = configuration('prod', Kubernetes.OPTS, **options)
        return Client(conf.prod, 'prod')

    def wrong(self, **options: Any) -> str:
        said = str(self.assertRaises(ConfigError, self.client, **options))
        self.assertIn('[prod]', said)
        self.assertNotIn('s3cr3t', said)
        return said

    def api_trouble(self, client: Client) -> str:
        said = str(self.assertRaises(OrchestratorError, client.api))
        self.assertIn('[prod]', said)
        self.assertNotIn('s3cr3t', said)
        return said


class TestConfiguration(ClientTest):
    def test_one_way_or_the_other(self) -> None:
        self.assertIn('not none', self.wrong())
        said = self.wrong(server='https://a', kubeconfig='/b')
        self.assertIn('not both', said)

    def test_the_library_is_missing(self) -> None:
        with mock.patch.object(importlib.util, 'find_spec', lambda n: None):
            said = self.wrong(server='https://a')
        self.assertIn("pip install 'steal-scheduler[kubernetes]'", said)

    def test_server(self) -> None:
        path = self.file('s3cr3t')
        for server in ('a:6443', 'ftp://a', 'https://u:s3cr3t@a', 'https://'):
            conf = configuration(
                'prod', Kubernetes.OPTS, server=server, token_file=path
            )
            self.assertRaises(ConfigError, Client, conf.prod, 'prod')
        said = self.wrong(server='http://a', token_file=path)
        self.assertIn('in the open', said)
        self.client(server='http://a', token_file=path, insecure=True)
        self.client(server='https://a:6443/k8s/c-1', token_file=path)

    def test_token_file(self) -> None:
        self.assertIn('token_file', self.wrong(server='https://a'))
        for text in ('', ' \n', 's3cr3t s3cr3t', 's3cr3t\ns3cr3t'):
            path = self.file(text)
            said = self.wrong(server='https://a', token_file=path)
            self.assertIn('holds no token', said)
        said = self.wrong(server='https://a', token_file='/nowhere')
        self.assertIn('No such file', said)

    def test_ca_file(self) -> None:
        token = self.file('s3cr3t')
        for path in ('/nowhere', token):
            said = self.wrong(
                server='https://a', token_file=token, ca_file=path
            )
            self.assertIn(f'ca_file = {path!r}', said)

    def test_kubeconfig(self) -> None:
        said = self.wrong(kubeconfig='/nowhere')
        self.assertIn("kubeconfig = '/nowhere'", said)
        for text in (
            '',
            's3cr3t',
            '[',
            'contexts: []',
            '{contexts: 1}',
            '{contexts: [s3cr3t]}',
        ):
            path = self.file(text)
            said = self.wrong(kubeconfig=path)
            self.assertIn(f'kubeconfig = {path!r}', said, text)

    def test_context(self) -> None:
        path = self.file(KUBECONFIG % ('https://a', 'one'))
        self.client(kubeconfig=path)
        self.client(kubeconfig=path, context='one')
        said = self.wrong(kubeconfig=path, context='two')
        self.assertIn("context 'two' is none of one", said)

    def test_what_belongs_elsewhere(self) -> None:
        path = self.file(KUBECONFIG % ('https://a', 'one'))
        for name in ('token_file', 'ca_file'):
            said = self.wrong(kubeconfig=path, **{name: path})
            self.assertIn('belongs to server', said)
        said = self.wrong(server='https://a', token_file=path, context='x')
        self.assertIn('belongs to kubeconfig', said)


class TestConnection(ClientTest):
    def test_the_token_is_read_again(self) -> None:
        path = self.file('one\n')
        client = self.client(server='https://a', token_file=path)
        for token in ('one', 'two'):
            self.file(token)
            headers = client.api().default_headers
            self.assertEqual(f'Bearer {token}', headers['Authorization'])
        self.file('')
        self.assertIn('holds no token', self.api_trouble(client))

    def test_nothing_is_asked_twice(self) -> None:
        one = self.client(server='https://a', token_file=self.file('one'))
        settings = [one.api().configuration]
        path = self.file(KUBECONFIG % ('https://a', 'one'))
        settings.append(self.client(kubeconfig=path).api().configuration)
        for each in settings:
            self.assertEqual('https://a', each.host)
            self.assertIs(False, each.retries)
            self.assertIs(True, each.verify_ssl)

    def test_kubeconfig_in_the_open(self) -> None:
        path = self.file(KUBECONFIG % ('http://u:s3cr3t@a', 'one'))
        client = self.client(kubeconfig=path)
        said = self.api_trouble(client)
        self.assertIn('http://a would carry the token in the open', said)

    def test_kubeconfig_is_gone(self) -> None:
        path = self.file(KUBECONFIG % ('https://a', 'one'))
        client = self.client(kubeconfig=path)
        os.unlink(path)
        self.assertIn(path, self.api_trouble(client))
        self.file('s3cr3t')
        self.assertIn('is no kubeconfig', self.api_trouble(client))


class TestTrouble(ClientTest):
    def failed(self, **about: Any) -> str:
        client = self.client(
            server='https://a', token_file=self.file('s3cr3t')
        )
        error = OSError('it broke')
        for name, value in about.items():
            setattr(error, name, value)
        return str(client.failed('list nodes', error))

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
