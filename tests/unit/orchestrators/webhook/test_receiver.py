"""The example of doc/source/configuration/webhook.rst, and our webhook."""

import http.server
import importlib.util
import pathlib
import threading
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE
from tests.contract.webhook import ID, ReceiverContract
from tests.unit.make import server

EXAMPLE = (
    pathlib.Path(__file__).parents[4]
    / 'doc/source/configuration/webhook_receiver.py'
)


class TestReceiver(ReceiverContract, base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.marks = pathlib.Path(self.directory, 'out')
        self.marks.mkdir()
        self.example = self.load()
        self.url = self.listen()

    def load(self) -> Any:
        spec = importlib.util.spec_from_file_location('example', EXAMPLE)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.OUT = self.marks
        module.KEY_FILE = pathlib.Path(self.directory, 'key')
        module.APPLY = ['true']
        module.STAY = pathlib.Path(self.directory, 'stay')
        return module

    def listen(self) -> str:
        class Handler(self.example.Handler):
            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        listening = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        self.addCleanup(listening.server_close)
        thread = threading.Thread(
            target=listening.serve_forever, args=(0.01,), daemon=True
        )
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(listening.shutdown)
        return f'http://127.0.0.1:{listening.server_port}/'

    def out(self) -> set[str]:
        return {path.name for path in self.marks.iterdir()}

    def take_out(self, server_id: str) -> None:
        (self.marks / server_id).write_text('for its new disk, Ann\n')

    def put_back_at(self, server_id: str, at: int) -> None:
        self.example.put_back[server_id] = at

    def drained_at(self, server_id: str, leadership: int, at: int) -> None:
        self.example.drained[server_id] = leadership, at

    def object_to(self, server_id: str) -> None:
        self.example.STAY.write_text(f'{server_id}\n')

    def trust(self, *keys: str) -> None:
        self.example.KEY_FILE = pathlib.Path(self.directory, 'theirs')
        self.example.KEY_FILE.write_text('\n'.join(keys))

    def tolerate(self, seconds: int) -> None:
        self.example.TOLERANCE = seconds

    def test_it_can_not_be_applied(self) -> None:
        webhook = self.webhook()
        for program in ('false', '/no/such/program'):
            self.example.APPLY = [program]
            error = self.assertRaises(
                OrchestratorError, webhook.drain, server(ID), 'node'
            )
            self.assertIn('status 503: ', str(error))
            self.assertIn(program, str(error))
        self.example.APPLY = ['true']
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
