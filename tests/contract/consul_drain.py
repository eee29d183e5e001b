"""What our plug-in does with a node of Consul; see ``consul.py``."""

import re
import uuid
from typing import Any

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, State
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.contract.consul import RIGHTS, ConsulContract


class DrainContract(ConsulContract):
    """Out and back."""

    def setUp(self: Any) -> None:
        super().setUp()
        self.server = self.server_of('web-1')

    def test_out_and_back(self: Any) -> None:
        consul = self.consul()
        self.drain(consul)
        self.assertEqual({self.server.server_id}, consul.detached())
        self.assertIn(self.server.server_id, self.check()['Notes'])
        self.assertIsNone(self.check('web-2'))
        self.reattach(consul)
        self.assert_untouched()
        self.assertEqual(frozenset(), consul.detached())
        # There is nothing more to put back.
        self.assertEqual(DONE, consul.reattach(self.server, 'web-1'))

    def test_maintenance_of_others_is_left_alone(self: Any) -> None:
        self.maintain('web-1', 'disk')
        consul = self.consul()
        self.drain(consul)
        self.assertEqual('disk', self.check()['Notes'])
        self.assertEqual(frozenset(), consul.detached())
        self.reattach(consul)
        self.assertEqual('disk', self.check()['Notes'])

    def test_somebody_ends_it_meanwhile(self: Any) -> None:
        consul = self.consul()
        self.drain(consul)
        self.maintain('web-1', None)
        detail = self.settled(consul.drain, State.REFUSED)
        self.assertIn('somebody has ended', detail)
        self.reattach(consul)
        self.assert_untouched()
        # It is not held against the next move.
        self.drain(consul)

    def test_another_process_goes_on(self: Any) -> None:
        """Killed right after its request, wherever that was."""
        self.consul().drain(self.server, 'web-1')
        reason = self.check()['Notes']
        self.drain(self.consul())
        self.assertEqual(reason, self.check()['Notes'])
        self.reattach(self.consul())
        self.assert_untouched()

    def assert_refused(
        self: Any, consul: Consul, text: str, node: str = 'web-1'
    ) -> None:
        answer = consul.drain(self.server, node)
        self.assertIs(State.REFUSED, answer.state, answer)
        self.assertIn(text, answer.detail)
        self.assertEqual(DONE, self.consul().reattach(self.server, node))
        self.assert_untouched()

    def test_no_right_is_too_many(self: Any) -> None:
        for less, text in (
            ({'node': None}, 'node:read'),
            ({'agent': None}, "lacks permission 'agent:read'"),
            ({'node': 'read'}, "lacks permission 'node:write'"),
        ):
            rights = {k: v for k, v in (RIGHTS | less).items() if v}
            self.assert_refused(self.consul(rights), text)

    def test_a_token_that_nobody_knows(self: Any) -> None:
        secret = str(uuid.uuid4())
        consul = self.consul(token_file=self.token_file(secret))
        for verb in consul.drain, consul.reattach:
            try:
                said: object = verb(self.server, 'web-1')
                self.assertIs(State.REFUSED, said.state)  # type: ignore[attr-defined]
            except OrchestratorError as error:
                said = error
            self.assertIn('ACL not found', str(said))
            self.assertNotIn(secret, str(said))

    def test_no_token(self: Any) -> None:
        self.assert_refused(self.consul(token_file=None), 'answered 403')

    def test_the_token_loses_its_rights_while_it_is_out(self: Any) -> None:
        """Not to see it must not look as if it were not there."""
        self.drain(self.consul())
        for rights in ({'agent': 'read'}, {}):
            weak = self.consul(rights)
            self.assertRaises(
                OrchestratorError, weak.reattach, self.server, 'web-1'
            )
            self.assertRaises(OrchestratorError, weak.detached)
        self.reattach(self.consul())

    def test_a_node_that_is_another_server(self: Any) -> None:
        """Its metadata claim it; the token stays here."""
        self.server = self.server_of('web-2')
        self.assert_refused(self.consul(), 'node web-1 is another one')

    def test_a_reason_that_somebody_else_wrote(self: Any) -> None:
        """Who owns an agent says that we have it in maintenance for others."""
        server_id = self.server.server_id
        reason = f'steal-scheduler: server {server_id} moves, since 1'
        self.maintain('web-2', reason)
        self.addCleanup(self.maintain, 'web-2', None)
        self.wait(lambda: self.shown() == {'web-2': reason}, 'it is shown')
        consul = self.consul()
        (mark,) = consul.marks({server_id: self.server})
        self.assertEqual(
            (server_id, 'node web-2'), (mark.server_id, mark.where)
        )
        self.assertIn('node web-2 is another one', mark.doubt)
        self.drain(consul)
        self.reattach(consul)
        self.assertIsNone(self.check())
        self.assertEqual(reason, self.check('web-2')['Notes'])

    def test_an_agent_that_is_of_another_node(self: Any) -> None:
        wrong = re.sub(
            '//.*:', f'//{self.address("web-2")}:', self.options()['address']
        )
        self.assert_refused(
            self.consul(address=wrong),
            "not the agent of web-1, but of 'web-2'",
        )

    def test_no_node(self: Any) -> None:
        self.assert_refused(self.consul(), 'has no node web-9', 'web-9')
