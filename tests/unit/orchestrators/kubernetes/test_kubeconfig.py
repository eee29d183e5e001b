import base64
import os
import pathlib
import shutil
from typing import Any

import fixtures
import yaml
from kubernetes import client
from oslotest import base

from steal_scheduler.edge.secret_file import UnusableFile
from steal_scheduler.orchestrators.kubernetes import kubeconfig


class TestKubeconfig(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def write(self, cluster: Any, user: Any) -> None:
        path = self.directory / 'config'
        contexts = [
            {'name': 'one', 'context': {'cluster': 'c', 'user': 'u'}},
            {'name': 'two', 'context': {'cluster': 'gone', 'user': 'u'}},
        ]
        said = {
            'clusters': [
                {'name': 'c', 'cluster': {'server': 'https://a', **cluster}}
            ],
            'users': [{'name': 'u', 'user': user}],
            'contexts': contexts,
            'current-context': 'one',
        }
        path.write_text(yaml.safe_dump(said))

    def settings(self, context: str | None = None) -> Any:
        settings = client.Configuration()
        path = str(self.directory / 'config')
        kubeconfig.read(path, context)
        directory = self.useFixture(fixtures.TempDir()).path
        kubeconfig.load(settings, path, context, directory)
        return settings

    def test_what_stands_in_it(self) -> None:
        def data(text: str) -> str:
            return base64.b64encode(text.encode()).decode()

        self.write(
            {'certificate-authority-data': data('ca')},
            {
                'client-certificate-data': data('cert'),
                'client-key-data': data('key'),
            },
        )
        found = self.settings()
        self.assertEqual('https://a', found.host)
        for path, text in (
            (found.ssl_ca_cert, 'ca'),
            (found.cert_file, 'cert'),
            (found.key_file, 'key'),
        ):
            self.assertEqual(text, pathlib.Path(path).read_text())
        # Somebody tidies up; it is read again.
        shutil.rmtree(os.path.dirname(found.key_file))
        text = pathlib.Path(self.settings().ssl_ca_cert).read_text()
        self.assertEqual('ca', text)

    def test_files_beside_it(self) -> None:
        (self.directory / 'ca').write_text('ca')
        (self.directory / 'token').write_text('s3cr3t')
        self.write({'certificate-authority': 'ca'}, {'tokenFile': 'token'})
        found = self.settings()
        self.assertEqual(str(self.directory / 'ca'), found.ssl_ca_cert)
        self.assertIn('Bearer s3cr3t', str(found.auth_settings()))

    def test_a_program_that_logs_in(self) -> None:
        script = self.directory / 'login'
        credential = (
            '{"apiVersion": "client.authentication.k8s.io/v1", '
            '"kind": "ExecCredential", "status": {"token": "s3cr3t"}}'
        )
        script.write_text(f"#!/bin/sh\ntouch ran\necho '{credential}'\n")
        script.chmod(0o755)
        self.write(
            {},
            {
                'exec': {
                    'apiVersion': 'client.authentication.k8s.io/v1',
                    'command': './login',
                }
            },
        )
        # Not before it is needed.
        self.assertFalse((self.directory / 'ran').exists())
        found = self.settings()
        self.assertIn('Bearer s3cr3t', str(found.auth_settings()))

    def test_what_leads_nowhere(self) -> None:
        for cluster, user, context in (
            ({}, {}, None),
            ({}, {'token': 's3cr3t'}, 'two'),
            ({'certificate-authority': 'nowhere'}, {}, None),
            ({'certificate-authority-data': 's3cr3t!'}, {}, None),
            ({'certificate-authority-data': 3}, {}, None),
            ({}, {'exec': {'command': '/nowhere'}}, None),
            ({}, {'exec': {'apiVersion': 'x/v1', 'command': 'false'}}, None),
            ({}, {'tokenFile': 3}, None),
        ):
            self.write(cluster, user)
            error = self.assertRaises(
                (UnusableFile, OSError), self.settings, context
            )
            self.assertNotIn('s3cr3t', str(error))
