"""Requests to the migrator that leads, over a real RabbitMQ."""

# NOTE: before oslo.messaging, which would import eventlet. All modules here
# are imported to find the tests, and some embed a Nova, which forbids that.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import time

from steal_scheduler.exception import NoLeader
from steal_scheduler.messaging import leader_rpc
from steal_scheduler.messaging.leader_rpc import LeaderClient, LeaderServer
from tests.integration import daemons
from tests.integration.broker import BrokerTestCase


class LeaderRpcTest(BrokerTestCase):
    def setUp(self):
        super().setUp()
        self.client = LeaderClient(self.conf)
        self.leads = False

    def serve(self):
        server = LeaderServer(
            self.conf, lambda: self.leads, lambda *asked: {'of': [*asked]}
        )
        server.start()
        self.addCleanup(server.stop)

    def call(self):
        return self.client.call({}, 'summary', {})

    def nobody_at_once(self):
        begun = time.monotonic()
        error = self.assertRaises(NoLeader, self.call)
        # A time-out is no answer.
        self.assertIn('No steal-migrator leads now', str(error))
        self.assertLess(time.monotonic() - begun, leader_rpc.SIGN_TIMEOUT)

    def until_listens(self, does):
        daemons.until(
            f'somebody listens: {does}',
            lambda: bool(self.rabbitmq.consumers(leader_rpc.TOPIC)) is does,
        )

    def test_whether_one_leads_is_known_at_once(self):
        self.nobody_at_once()
        self.serve()
        for _ in range(2):
            self.leads = True
            self.until_listens(True)
            self.assertEqual({'of': ['summary', {}, {}]}, self.call())
            self.leads = False
            self.until_listens(False)
            for _ in range(3):
                self.nobody_at_once()
