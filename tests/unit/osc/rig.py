"""The stock ``openstack`` command, in this process, against steal-api.

All of it is real but what stands behind steal-api: the leader is a table of
answers, and people are known by their tokens (``tests/unit/api/rig.py``).
"""

import io
import json
import logging
import shlex
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from unittest import mock

import fixtures
from openstackclient import shell
from osc_lib import clientmanager

from steal_scheduler.osc import waiting
from tests.standins.transport import served
from tests.unit.api.rig import ApiTestCase

WEB1, WEB2, SHOP = (f'{n}0d5a1f6-8f1c-4a55-9a0e-6ff6c1a8f5d1' for n in 'abc')


class Ran(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def server(server_id: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        'server_id': server_id,
        'name': name,
        'project_id': 'p',
        'zone': 'tokyo',
        'host': 'tokyo1',
        'role': None,
        'steal': 0.261,
        'load': 0.9,
        'contended': True,
        'state': 'active',
        'moves_next': False,
        'reason': 'locked',
        'detail': 'it is locked',
        'skip_until': None,
        **more,
    }


class ShellTestCase(ApiTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.leader.answers['servers'] = {
            'servers': [
                server(WEB1, 'web'),
                server(WEB2, 'web', steal=0.5),
                server(SHOP, 'shop', steal=None),
            ]
        }
        self.url = self.serve(self.app)
        # Nobody waits for a real step.
        self.useFixture(fixtures.MockPatchObject(waiting, 'INTERVAL', 0.01))
        for name in ('OS_CLOUD', 'OS_STEAL_API_VERSION'):
            self.useFixture(fixtures.EnvironmentVariable(name))
        self.useFixture(
            fixtures.EnvironmentVariable('OS_CLIENT_CONFIG_FILE', '/none')
        )

    def serve(self, app: Any) -> str:
        """Let it answer on loopback; its URL."""
        server = served(app)
        server.__enter__()
        self.addCleanup(server.__exit__, None, None, None)
        return server.url

    def steal(
        self, command: str, who: str = 'admin', url: str | None = None
    ) -> Ran:
        """Run ``openstack steal COMMAND``."""
        login = ['--os-auth-type', 'admin_token', '--os-token', who]
        return self.openstack(
            [*login, '--os-endpoint', url or self.url],
            f'steal {command}',
        )

    def openstack(self, login: list[str], command: str) -> Ran:
        # NOTE: it keeps a client for all there may be in one process.
        vars(clientmanager.ClientManager)['steal']._handle = None
        root = logging.getLogger()
        before = root.handlers[:], root.level
        out = io.TextIOWrapper(io.BytesIO(), 'utf-8', write_through=True)
        err = io.StringIO()
        streams: Mapping[str, Any] = {'stdout': out, 'stderr': err}
        try:
            with mock.patch.multiple(sys, **streams):
                try:
                    status = shell.main([*login, *shlex.split(command)])
                except SystemExit as ended:
                    status = int(ended.code or 0)
        finally:
            # It says what to log for good.
            root.handlers[:], root.level = before
        said = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
        return Ran(status, said, err.getvalue())

    def done(self, command: str, **more: Any) -> Ran:
        """It ends with 0."""
        ran = self.steal(command, **more)
        self.assertEqual(0, ran.status, ran.err)
        return ran

    def answering(
        self, wanted: str, answer: Callable[[], Any]
    ) -> Callable[..., Any]:
        """Instead of the leader's call, one that answers this afresh."""
        answers = type(self.leader).call

        def call(who: Any, method: str, args: Any) -> Any:
            if method == wanted:
                self.leader.answers[method] = answer()
            return answers(self.leader, who, method, args)

        return call

    def rows(self, command: str) -> Any:
        """What it says, for a program."""
        return self.done(f'{command} -f json').json

    def asked(self) -> tuple[str, Any]:
        """What the leader was last asked."""
        _, method, args = self.leader.asked[-1]
        return method, args
