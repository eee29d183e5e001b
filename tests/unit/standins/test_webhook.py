"""The stand-in of a receiver does what the example does that we give."""

import base64

import fixtures
from oslotest import base

from tests.contract.webhook import ReceiverContract
from tests.standins.transport import mounted
from tests.standins.webhook import Receiver


class TestReceiver(ReceiverContract, base.BaseTestCase):
    url = 'http://192.0.2.1:8040'

    def setUp(self) -> None:
        super().setUp()
        self.receiver = Receiver()
        self.enterContext(mounted({self.url: self.receiver}))
        self.directory = self.useFixture(fixtures.TempDir()).path

    def out(self) -> set[str]:
        return self.receiver.out | self.receiver.others

    def take_out(self, server_id: str) -> None:
        self.receiver.others.add(server_id)

    def put_back_at(self, server_id: str, at: int) -> None:
        self.receiver.put_back[server_id] = at

    def drained_at(self, server_id: str, leadership: int, at: int) -> None:
        self.receiver.drained[server_id] = leadership, at

    def object_to(self, server_id: str) -> None:
        self.receiver.stay.add(server_id)

    def trust(self, *keys: str) -> None:
        texts = [key.removeprefix('whsec_') for key in keys]
        self.receiver.keys = [base64.b64decode(text) for text in texts]

    def tolerate(self, seconds: int) -> None:
        self.receiver.tolerance = seconds
