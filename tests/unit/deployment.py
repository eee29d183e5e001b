"""All that a program of ours needs, in a temporary directory.

Nova and Keystone are stand-ins (see ``nova_api``), and so is the message
bus; everything else is real.
"""

import io
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import fixtures
from oslo_config import cfg

from steal_scheduler.conf import load
from tests.standins import nova_api
from tests.standins.app import Answer, Request
from tests.standins.transport import mounted

NOVA = 'http://192.0.2.1:8774'
PLACEMENT = 'http://192.0.2.3:8778'
CONF = """
[DEFAULT]
transport_url = fake:/
[migrator]
metrics_port = 0
orchestrators = command
lock_url = file://{directory}/lock
tag_keys = key of the tests
[signals]
source = static
[static]
path = {directory}/signals.json
[command]
all_servers = True
path = {directory}/orchestrator
lists_detached = True
[nova]
auth_type = none
endpoint = {placement}
endpoint_override = {nova}
{more}
"""
#: Notes whom it was asked for; has taken out whom the file 'out' names.
ORCHESTRATOR = """#!/bin/sh
cd {directory}
if [ "$1" = detached ]; then cat out; exit 0; fi
echo "$1 $STEAL_SERVER_ID" >> asked
: > out
exit $(cat status)
"""


class Deployment(fixtures.Fixture):
    """Servers x and y on the full host a; b and c are empty."""

    def __init__(self, more: str = '') -> None:
        super().__init__()
        self._more = more

    def _setUp(self) -> None:
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.nova = nova_api.NovaApi()
        net = mounted({NOVA: self.nova, PLACEMENT: self.nova})
        net.__enter__()
        self.addCleanup(net.__exit__, None, None, None)
        self.path = self.write(
            'steal-migrator.conf',
            CONF.format(
                directory=self.directory,
                nova=NOVA,
                placement=PLACEMENT,
                more=self._more,
            ),
        )
        script = ORCHESTRATOR.format(directory=self.directory)
        os.chmod(self.write('orchestrator', script), 0o755)
        for name, text in (('out', ''), ('asked', ''), ('status', '0')):
            self.write(name, text)
        self.write('signals.json', json.dumps(self._signals()))
        self.servers = {s: nova_api.server(s, name=f'name-{s}') for s in 'xy'}
        self._answer()

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.directory, name)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def read(self, name: str) -> str:
        with open(os.path.join(self.directory, name)) as file:
            return file.read()

    def conf(self) -> cfg.ConfigOpts:
        return load.load([f'--config-file={self.path}'], 'a test')

    def removed(self) -> list[str]:
        """Tags that were removed, as paths."""
        return [a for a in self.nova.calls() if a.startswith('DELETE ')]

    def _signals(self) -> dict[str, Any]:
        busy = {'host': 'a', 'used': 3.0, 'waited': 1.0}
        return {
            'taken_at': time.time(),
            'servers': {'x': busy, 'y': busy},
            'hosts': {name: {'cores': 8.0} for name in 'abc'},
        }

    def _answer(self) -> None:
        services = [nova_api.service(name) for name in 'abc']
        version = {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.96'}

        def servers(request: Request) -> Answer:
            found = (
                [] if 'marker' in request.query else [*self.servers.values()]
            )
            return 200, {'servers': found}

        answers = self.nova.instead
        answers['GET /'] = (200, {'version': version})
        answers['GET /servers/detail'] = servers
        # No nova-scheduler.
        answers['GET /os-services'] = lambda request: (
            200,
            {
                'services': services
                if request.query['binary'] == 'nova-compute'
                else []
            },
        )
        for name, server in self.servers.items():
            path = f'/servers/{name}'
            answers[f'GET {path}'] = (200, {'server': server})
            answers[f'PUT {path}/tags/*'] = nova_api.fault(400, 'no tag')
            answers[f'DELETE {path}/*'] = nova_api.fault(404, 'none')
        answers['GET /os-hypervisors/detail'] = lambda request: (
            200,
            {
                'hypervisors': []
                if 'marker' in request.query
                else [nova_api.hypervisor(name) for name in 'abc']
            },
        )
        answers['GET /os-server-groups'] = (200, {'server_groups': []})
        answers['GET /allocation_candidates'] = (
            200,
            {
                'provider_summaries': {
                    f'id of {name}': nova_api.provider() for name in 'abc'
                }
            },
        )
        for name in self.servers:
            path = f'/allocations/{name}'
            answers[f'GET {path}'] = (200, {'allocations': {}})
        answers['GET /os-aggregates'] = (200, {'aggregates': []})
        answers['GET /os-migrations'] = (200, {'migrations': []})
        answers['GET /servers/x/os-instance-actions'] = (
            200,
            {'instanceActions': []},
        )

    def tag(self, server_id: str, tag: str) -> None:
        server = self.servers[server_id]
        server['tags'] = [*server['tags'], tag]
        path = f'/servers/{server_id}'
        self.nova.instead[f'GET {path}'] = (200, {'server': server})
        # Of two patterns the first one counts.
        answers = self.nova.instead
        self.nova.instead = {
            f'DELETE {path}/tags/{tag}': (204, b''),
            **answers,
        }


def run_it(
    main: Callable[[Sequence[str]], int], *argv: str
) -> tuple[int, str, str]:
    """Its exit status, what it prints, and what it complains of."""
    out, err = io.StringIO(), io.StringIO()
    with (
        fixtures.MonkeyPatch('sys.stdout', out),
        fixtures.MonkeyPatch('sys.stderr', err),
    ):
        try:
            status = main(argv)
        except SystemExit as error:
            status = error.code or 0
    return status, out.getvalue(), err.getvalue()
