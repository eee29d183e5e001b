"""The operator's desk: a migrator that runs, steal-api, and ``openstack``.

The migrator and steal-api are threads of this process and share its message
bus; steal-api has its own web server, and asks the cloud's Keystone whose
tokens it is sent. The ``openstack`` command is the stock one, in a process of
its own: it logs in, and finds steal-api in the catalog.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import json
import shlex
import subprocess
import threading
from collections.abc import Mapping
from typing import Any
from unittest import mock

import waitress

from steal_scheduler.api import app
from steal_scheduler.conf import api as options
from steal_scheduler.demo import catalog, users
from steal_scheduler.demo.deadline import wait_for
from tests.functional import daemon
from tests.shared import PATIENCE

_CONF = """
[DEFAULT]
transport_url = {bus}
[keystone_authtoken]
auth_type = password
auth_url = {url}/identity/v3
www_authenticate_uri = {url}/identity/v3
username = {user.name}
password = {user.password}
project_name = {user.project}
user_domain_id = default
project_domain_id = default
"""


class DeskTestCase(loop.LoopTestCase):
    """Each test has steal-api, and a migrator that runs from ``lead`` on."""

    #: The URL of the message bus.
    bus = 'fake:/'

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def serve(self) -> None:
        """Let steal-api answer, and stand in the catalog."""
        path = self.directory / 'steal-api.conf'
        url = self.scene.cloud.url
        path.write_text(_CONF.format(url=url, user=users.ADMIN, bus=self.bus))
        conf = options.load([f'--config-file={path}'], 'steal-api')
        server = waitress.create_server(
            app.build(conf), host='127.0.0.1', port=0
        )
        thread = threading.Thread(target=server.run, name='steal-api')
        thread.start()
        # In this order: without its socket it ends.
        self.addCleanup(thread.join)
        self.addCleanup(server.close)
        ours = f'http://127.0.0.1:{server.effective_port}'
        known = catalog.catalog

        def with_ours(url: str) -> list[dict[str, Any]]:
            found = known(url)
            [identity] = [each for each in found if each['id'] == 'identity']
            endpoints = [{**e, 'url': ours} for e in identity['endpoints']]
            steal = {'id': 'steal', 'type': 'steal', 'name': 'steal'}
            return [*found, {**steal, 'endpoints': endpoints}]

        patch = mock.patch.object(catalog, 'catalog', with_ours)
        patch.start()
        self.addCleanup(patch.stop)

    def lead(self, **sections: Mapping[str, Any]) -> loop.Loop:
        """A migrator that runs by itself, once it answers."""
        self.enterContext(self.scene.measured())
        found = self.loop(**sections)
        thread = threading.Thread(target=found.migrator.run, name='migrator')
        thread.start()

        def stop() -> None:
            found.migrator.stop()
            thread.join()

        self.addCleanup(stop)

        def answers() -> bool:
            done = self.run_it('summary')
            # Nobody leads yet, or has judged anything.
            waits = done.returncode, 'migrator' in done.stderr
            self.assertIn(waits, ((0, False), (1, True), (2, True)), done)
            return done.returncode == 0

        wait_for(answers, PATIENCE, 'somebody to lead')
        return found

    def run_it(
        self, command: str, user: users.User = users.ADMIN
    ) -> subprocess.CompletedProcess[str]:
        """Run ``openstack steal COMMAND``."""
        return daemon.run(
            'openstack',
            f'--os-auth-url={self.scene.cloud.url}/identity/v3',
            f'--os-username={user.name}',
            f'--os-password={user.password}',
            f'--os-project-name={user.project}',
            '--os-user-domain-id=default',
            '--os-project-domain-id=default',
            'steal',
            *shlex.split(command),
        )

    def steal(self, command: str, status: int = 0, **more: Any) -> str:
        """What it prints; of one that is refused, what it says."""
        done = self.run_it(command, **more)
        self.assertEqual(
            status, done.returncode, f'{command}\n{done.stdout}{done.stderr}'
        )
        self.assertNotIn('Traceback', done.stderr)
        return done.stdout or done.stderr

    def rows(self, command: str, status: int = 0, **more: Any) -> Any:
        """The same, for a program."""
        return json.loads(self.steal(f'{command} -f json', status, **more))
