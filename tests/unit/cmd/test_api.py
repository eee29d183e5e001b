"""The program itself, as a process: it listens, answers and ends."""

import os
import pathlib
import re
import signal
import subprocess
import sys

import fixtures
import requests
from oslotest import base

from steal_scheduler.api import app
from steal_scheduler.cmd import api
from steal_scheduler.exception import StealError
from tests.shared import PATIENCE

ROOT = pathlib.Path(__file__).parents[3]
#: Nobody listens at the port of Keystone.
CONFIGURATION = """
[DEFAULT]
transport_url = fake:/
[api]
listen_port = 0
listen_prt = 1
[keystone_authtoken]
www_authenticate_uri = http://127.0.0.1:1/v3
auth_url = http://127.0.0.1:1/v3
auth_type = password
username = steal-api
password = x
http_request_max_retries = 0
"""


class TestProgram(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        workdir = self.useFixture(fixtures.TempDir()).path
        self.path = pathlib.Path(workdir, 'steal-api.conf')
        self.path.write_text(CONFIGURATION)

    def start(self) -> 'subprocess.Popen[str]':
        process = subprocess.Popen(
            [
                *(sys.executable, '-W', 'ignore', '-m'),
                *('steal_scheduler.cmd.api', f'--config-file={self.path}'),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, 'PYTHONPATH': str(ROOT)},
        )
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.addCleanup(process.stdout.close)
        return process

    def test_it_listens_and_ends(self) -> None:
        process = self.start()
        assert process.stdout is not None
        said = ''
        for line in process.stdout:
            said += line
            if 'listens on' in line:
                break
        self.assertIn('Did you mean listen_port?', said)
        port = said.rpartition('port ')[2].strip(' .\n')
        url = f'http://127.0.0.1:{port}'
        found = requests.get(f'{url}/', timeout=PATIENCE)
        self.assertEqual('v1', found.json()['versions'][0]['id'])
        self.assertNotIn('server', found.headers)
        # Nobody knows who asks, and that is said as all is.
        for headers, status in (
            ({}, 401),
            ({'X-Auth-Token': 'x'}, 503),
        ):
            found = requests.get(
                f'{url}/v1/summary', headers=headers, timeout=PATIENCE
            )
            self.assertEqual(status, found.status_code, found.text)
            self.assertEqual(status, found.json()['error']['code'])
        process.send_signal(signal.SIGTERM)
        self.assertEqual(0, process.wait(PATIENCE))

    def test_a_wrong_option_ends_it(self) -> None:
        self.path.write_text(CONFIGURATION.replace('port = 0', 'port = -1'))
        process = self.start()
        said, _ = process.communicate(timeout=PATIENCE)
        self.assertEqual(os.EX_CONFIG, process.returncode)
        self.assertIn('steal-api: [api] listen_port = -1', said)

    def test_a_port_that_another_has(self) -> None:
        conf = api.load([f'--config-file={self.path}'])
        first = api.listen(conf)
        self.addCleanup(first.close)
        conf.set_override('listen_port', first.effective_port, group='api')
        error = self.assertRaises(StealError, api.listen, conf)
        self.assertIn('[api] listen_host', str(error))

    def test_for_any_wsgi_server(self) -> None:
        """The module has the application, and no command line."""
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c'),
                'from steal_scheduler.cmd.wsgi import application\n'
                'import webob\n'
                'answer = webob.Request.blank("/v1").get_response(application)'
                '\nprint(answer.status_int, answer.json["version"]["id"])\n',
            ],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                'PYTHONPATH': str(ROOT),
                'STEAL_API_CONFIG_FILE': str(self.path),
            },
        )
        last = done.stdout.splitlines()[-1:]
        self.assertEqual(['200 v1'], last, done.stderr)

    def test_who_only_looks_finds_a_thread(self) -> None:
        """However many wait for the migrator; also as it is documented."""
        page = (ROOT / 'doc/source/install/api.rst').read_text()
        documented = re.findall(r' --threads (\d+) ', page)
        self.assertEqual(2, len(documented))
        for threads in (api._THREADS, *map(int, documented)):
            self.assertGreaterEqual(threads, 2 * app._MOST_ASKS)
