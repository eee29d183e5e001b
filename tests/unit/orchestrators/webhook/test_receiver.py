"""The example of doc/source/configuration/webhook.rst, and our webhook."""

import http.server
import importlib.util
import pathlib
import threading
import time
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.webhook.plugin import Webhook
from tests.standins.webhook import SECRET
from tests.unit.make import server
from tests.unit.orchestrators.webhook import rig

EXAMPLE = (
    pathlib.Path(__file__).parents[4]
    / 'doc/source/configuration/webhook_receiver.py'
)
ID = '5c3f1d0a-1111-4222-8333-444455556666'
OTHER = '5c3f1d0a-1111-4222-8333-444455557777'


class TestReceiver(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.out = pathlib.Path(self.directory, 'out')
        self.out.mkdir()
        self.example = self.load()
        self.port = self.listen()

    def load(self) -> Any:
        spec = importlib.util.spec_from_file_location('example', EXAMPLE)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.OUT = self.out
        module.KEY_FILE = pathlib.Path(self.directory, 'key')
        module.APPLY = ['true']
        return module

    def listen(self) -> int:
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
        return listening.server_port

    def webhook(self, **options: Any) -> Webhook:
        options.setdefault('url', f'http://127.0.0.1:{self.port}/')
        options.setdefault('lists_detached', True)
        conf = rig.options(self.directory, **options)
        return Webhook(conf, 'webhook')

    def marks(self) -> set[str]:
        return {path.name for path in self.out.iterdir()}

    def test_out_and_back(self) -> None:
        webhook = self.webhook()
        for _ in range(2):
            self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
            self.assertEqual({ID}, self.marks())
            self.assertEqual({ID}, webhook.detached())
        for _ in range(2):
            self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
            self.assertEqual(set(), self.marks())
            self.assertEqual(frozenset(), webhook.detached())

    def test_others_are_left_alone(self) -> None:
        (self.out / ID).write_text('for its new disk, Ann\n')
        webhook = self.webhook()
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        self.assertEqual(frozenset(), webhook.detached())
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
        self.assertEqual({ID}, self.marks())

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

    def test_a_late_drain(self) -> None:
        """It was under way while its move was undone."""
        webhook = self.webhook()
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
        self.example.put_back[ID] = int(time.time()) + 60
        error = self.assertRaises(
            OrchestratorError, webhook.drain, server(ID), 'node'
        )
        self.assertIn('put back meanwhile', str(error))
        self.assertEqual(set(), self.marks())
        self.assertEqual(DONE, webhook.drain(server(OTHER), 'node'))
        # The way back is never refused by age.
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))

    def test_signatures(self) -> None:
        webhook = self.webhook()
        self.example.KEY_FILE = pathlib.Path(self.directory, 'theirs')
        good = 'whsec_' + 'QUJD' * 8
        self.example.KEY_FILE.write_text(f'{good}\n')
        refused = Answer(State.REFUSED, 'status 401: key or clock is wrong')
        self.assertEqual(refused, webhook.drain(server(ID), 'node'))
        # While a key is exchanged either side may know both.
        self.example.KEY_FILE.write_text(f'{good}\n{SECRET}\n')
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        self.example.TOLERANCE = -1
        self.assertEqual(refused, webhook.reattach(server(ID), 'node'))

    def test_an_id_is_no_path(self) -> None:
        for bad in ('../key', '/etc/passwd', ''):
            answer = self.webhook().drain(server(bad), 'node')
            self.assertIs(State.REFUSED, answer.state)
            self.assertIn('status 400', answer.detail)
        self.assertEqual(set(), self.marks())
