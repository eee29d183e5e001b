import base64
import os
import pathlib
import shutil
from typing import Any

import fixtures
import yaml
from kubernetes import client
from oslotest import base

from steal_scheduler.orchestrators.kubernetes.kubeconfig import (
    Kubeconfig,
    Unusable,
)


class TestKubeconfig(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def kubeconfig(
        self, cluster: Any, user: Any, context: str | None = None
    ) -> Kubeconfig:
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
        return Kubeconfig(str(path), context)

    def settings(self, kubeconfig: Kubeconfig) -> Any:
        settings = client.Configuration()
        kubeconfig.put_into(settings)
        return settings

    def test_what_stands_in_it(self) -> None:
        def data(text: str) -> str:
            return base64.b64encode(text.encode()).decode()

        config = self.kubeconfig(
            {'certificate-authority-data': data('ca')},
            {
                'client-certificate-data': data('cert'),
                'client-key-data': data('key'),
            },
        )
        found = self.settings(config)
        self.assertEqual('https://a', found.host)
        for path, text in (
            (found.ssl_ca_cert, 'ca'),
            (found.cert_file, 'cert'),
            (found.key_file, 'key'),
        ):
            self.assertEqual(text, pathlib.Path(path).read_text())
        directory = os.path.dirname(found.key_file)
        self.assertEqual(0o700, os.stat(directory).st_mode & 0o777)
        # Somebody tidies up; it is read again.
        shutil.rmtree(directory)
        config = self.kubeconfig(
            {'certificate-authority-data': data('ca')}, {'token': 't'}
        )
        found = self.settings(config)
        text = pathlib.Path(found.ssl_ca_cert).read_text()
        self.assertEqual('ca', text)
        directory = os.path.dirname(found.ssl_ca_cert)
        del config
        self.assertFalse(os.path.exists(directory))

    def test_files_beside_it(self) -> None:
        (self.directory / 'ca').write_text('ca')
        (self.directory / 'token').write_text('s3cr3t')
        config = self.kubeconfig(
            {'certificate-authority': 'ca'}, {'tokenFile': 'token'}
        )
        found = self.settings(config)
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
        config = self.kubeconfig(
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
        found = self.settings(config)
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
            error = self.assertRaises(
                (Unusable, OSError),
                lambda *args: self.settings(self.kubeconfig(*args)),
                *(cluster, user, context),
            )
            self.assertNotIn('s3cr3t', str(error))
