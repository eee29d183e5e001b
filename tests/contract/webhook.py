"""What a receiver of our webhook does: a stand-in, and the example we give.

Each test here runs twice in the unit tests: against ``tests/standins``, and
against the receiver that doc/source/configuration/webhook.rst shows, which
runs as it stands there.
"""

import time
from typing import Any, Protocol

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.proposal import Notice
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.webhook.plugin import Webhook
from tests.unit.make import NOW, server
from tests.unit.orchestrators.webhook import rig

ID = '5c3f1d0a-1111-4222-8333-444455556666'
OTHER = '5c3f1d0a-1111-4222-8333-444455557777'


class Case(Protocol):
    """What a test case adds: the receiver, and what it knows."""

    url: str
    #: Where our key is.
    directory: str

    def out(self) -> set[str]:
        """Ids of the servers that are out, whoever wanted it."""

    def take_out(self, server_id: str) -> None:
        """As somebody does by hand."""

    def put_back_at(self, server_id: str, at: int) -> None:
        """Let it remember a reattach, by the sender's clock."""

    def drained_at(self, server_id: str, leadership: int, at: int) -> None:
        """Let it remember a drain of this leader, by the sender's clock."""

    def object_to(self, server_id: str) -> None:
        """Let its owner say no to a notice."""

    def trust(self, *keys: str) -> None:
        """Let it have these keys."""

    def tolerate(self, seconds: int) -> None:
        """By how much a message's clock may be off."""


class ReceiverContract:
    """Mixed into a test case that is a `Case`."""

    def webhook(self: Any, **options: Any) -> Webhook:
        options = {'url': self.url, 'lists_detached': True, **options}
        return Webhook(rig.options(self.directory, **options), 'webhook')

    def test_out_and_back(self: Any) -> None:
        webhook = self.webhook()
        for _ in range(2):
            self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
            self.assertEqual({ID}, self.out())
            self.assertEqual({ID}, webhook.detached())
        for _ in range(2):
            self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
            self.assertEqual(set(), self.out())
            self.assertEqual(frozenset(), webhook.detached())

    def test_a_notice_drains_nothing(self: Any) -> None:
        webhook = self.webhook(takes_notices=True)
        notice = Notice(ID, 'a', NOW, NOW + 60, 'it waits')
        for _ in range(2):
            said = webhook.notice(server(ID), 'node', notice)
            self.assertEqual(DONE, said)
        self.object_to(ID)
        said = webhook.notice(server(ID), 'node', notice)
        self.assertIs(State.REFUSED, said.state)
        self.assertEqual(set(), self.out())

    def test_others_are_left_alone(self: Any) -> None:
        self.take_out(ID)
        webhook = self.webhook()
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        self.assertEqual(frozenset(), webhook.detached())
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
        self.assertEqual({ID}, self.out())

    def test_a_late_drain(self: Any) -> None:
        """It was under way while its move was undone."""
        webhook = self.webhook()
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
        self.put_back_at(ID, int(time.time()) + 60)
        error = self.assertRaises(
            OrchestratorError, webhook.drain, server(ID), 'node'
        )
        self.assertIn('put back meanwhile', str(error))
        self.assertEqual(set(), self.out())
        self.assertEqual(DONE, webhook.drain(server(OTHER), 'node'))
        # A way back is not refused for one that came before it.
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))

    def test_a_late_reattach(self: Any) -> None:
        """It was under way while a move of the server began."""
        webhook = self.webhook()
        webhook.leadership = 7
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        self.drained_at(ID, 7, int(time.time()) + 60)
        error = self.assertRaises(
            OrchestratorError, webhook.reattach, server(ID), 'node'
        )
        self.assertIn('drained meanwhile', str(error))
        self.assertEqual({ID}, self.out())
        # The next leader may have another clock.
        webhook.leadership = 8
        self.assertEqual(DONE, webhook.reattach(server(ID), 'node'))
        self.assertEqual(set(), self.out())

    def test_the_leader_before(self: Any) -> None:
        """It stood still, and goes on when another one leads."""
        webhook = self.webhook()
        webhook.leadership = 8
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        webhook.leadership = 7
        for ask in (webhook.reattach, webhook.drain):
            error = self.assertRaises(
                OrchestratorError, ask, server(ID), 'node'
            )
            self.assertIn('another migrator leads', str(error))
        self.assertEqual({ID}, self.out())

    def test_signatures(self: Any) -> None:
        webhook = self.webhook()
        good = 'whsec_' + 'QUJD' * 8
        self.trust(good)
        refused = Answer(State.REFUSED, 'status 401: key or clock is wrong')
        self.assertEqual(refused, webhook.drain(server(ID), 'node'))
        # While a key is exchanged either side may know both.
        self.trust(good, rig.SECRET)
        self.assertEqual(DONE, webhook.drain(server(ID), 'node'))
        self.tolerate(-1)
        self.assertEqual(refused, webhook.reattach(server(ID), 'node'))

    def test_an_id_is_no_path(self: Any) -> None:
        for bad in ('../key', '/etc/passwd', ''):
            answer = self.webhook().drain(server(bad), 'node')
            self.assertIs(State.REFUSED, answer.state)
            self.assertIn('status 400', answer.detail)
        self.assertEqual(set(), self.out())
