"""What we rely on in Consul: its stand-in and a real one must both do it.

Each test here runs twice: in the unit tests with ``tests/standins``, and in
the integration tests with a real server and two real agents. First what the
API answers, then what our plug-in makes of it.
"""

import json
import pathlib
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from steal_scheduler.conf import orchestrators
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import Answer, State
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.unit.make import server
from tests.unit.options import configuration

MAINTENANCE = '_node_maintenance'
#: Of every node, agent and service; as etc/consul/steal-migrator.hcl has it.
RIGHTS = {'node': 'write', 'agent': 'read', 'service': 'read'}
#: Asked for with a filter, as we do.
_ONLY = 'filter=' + urllib.parse.quote(f'CheckID == "{MAINTENANCE}"')

Rights = Mapping[str, str]


class Case(Protocol):
    """What a test case adds: two nodes, web-1 and web-2, with ACLs."""

    #: A directory for the test's files.
    files: pathlib.Path

    def address(self, node: str) -> str:
        """That of the server that it runs on."""

    def options(self) -> dict[str, Any]:
        """How the plug-in reaches them; without a token."""

    def token(self, rights: Rights) -> str:
        """A new one, with these rights and no others."""

    def ask(
        self, method: str, path: str, token: str, node: str = ''
    ) -> tuple[int, Mapping[str, str], str]:
        """Status, headers and body of an answer.

        :param node: whose agent is asked; the server, if it is not given
        """

    def maintain(self, node: str, reason: str | None) -> None:
        """As somebody else does with ``consul maint``; None: out of it."""

    def check(self, node: str = ...) -> dict[str, Any] | None:
        """The check of the maintenance, as the agent has it."""

    def shown(self) -> dict[str, str]:
        """Why the catalog has nodes in maintenance, by their names."""

    def wait(self, predicate: Callable[[], Any], what: str) -> Any:
        """What it returns once it is true; agents sync meanwhile."""


class ConsulContract:
    """What the tests say. Mixed into a test case that is a `Case`."""

    def server_of(self: Any, node: str, **other: Any) -> Server:
        values = {
            'name': node,
            'project_id': 'p',
            'addresses': (self.address(node),),
        }
        return server(str(uuid.uuid4()), **(values | other))

    def token_file(self: Any, token: str) -> str:
        path = self.files / f'token-{uuid.uuid4()}'
        path.write_text(f'{token}\n')
        return str(path)

    def consul(self: Any, rights: Rights = RIGHTS, **options: Any) -> Consul:
        values = {'projects': ['p'], **self.options(), **options}
        if 'token_file' not in values:
            values['token_file'] = self.token_file(self.token(rights))
        opts = [*orchestrators.OPTS, *Consul.OPTS]
        return Consul(configuration('consul', opts, **values), 'consul')

    def settled(
        self: Any, verb: Callable[..., Answer], state: State = State.DONE
    ) -> str:
        """Ask until it does not wait; its detail."""

        def ended() -> Answer | None:
            answer = verb(self.server, 'web-1')
            return answer if answer.state is not State.WAITING else None

        answer = self.wait(ended, 'an answer')
        self.assertIs(state, answer.state, answer)
        return answer.detail

    def drain(self, consul: Consul) -> None:
        self.settled(consul.drain)

    def reattach(self, consul: Consul) -> None:
        self.settled(consul.reattach)

    def assert_untouched(self: Any) -> None:
        self.assertEqual({}, self.shown())
        for node in ('web-1', 'web-2'):
            self.assertIsNone(self.check(node))


class ApiContract(ConsulContract):
    """What is answered, to whom."""

    def put(self: Any, token: str, **query: str) -> tuple[int, str]:
        path = '/v1/agent/maintenance?' + urllib.parse.urlencode(query)
        status, _, said = self.ask('PUT', path, token, 'web-1')
        return status, said

    def get(self: Any, path: str, token: str, node: str = '') -> Any:
        status, _, said = self.ask('GET', path, token, node)
        self.assertEqual(200, status, said)
        return json.loads(said)

    def test_maintenance(self: Any) -> None:
        token = self.token(RIGHTS)
        self.assertIsNone(self.check())
        for reason in ('one', 'two'):
            found = self.put(token, enable='true', reason=reason)
            self.assertEqual((200, ''), found)
            # The second changes nothing.
            check = self.check()
            self.assertEqual(
                ('web-1', MAINTENANCE, 'critical', 'one'),
                tuple(
                    check[k] for k in ('Node', 'CheckID', 'Status', 'Notes')
                ),
            )
            self.wait(lambda: self.shown() == {'web-1': 'one'}, 'it is shown')
        for _ in range(2):
            self.assertEqual((200, ''), self.put(token, enable='false'))
            self.assertIsNone(self.check())
        self.wait(lambda: self.shown() == {}, 'it is shown no more')

    def test_no_reason(self: Any) -> None:
        self.put(self.token(RIGHTS), enable='true')
        self.assertIn('but no reason was provided', self.check()['Notes'])

    def test_neither_on_nor_off(self: Any) -> None:
        status, said = self.put(self.token(RIGHTS), reason='x')
        self.assertEqual((400, 'Missing value for enable'), (status, said))
        self.assertIsNone(self.check())

    def test_who_an_agent_is(self: Any) -> None:
        token = self.token(RIGHTS)
        config = self.get('/v1/agent/self', token, 'web-1')['Config']
        only = urllib.parse.quote('Node == "web-1"')
        path = f'/v1/catalog/nodes?filter={only}&consistent='
        (node,) = self.get(path, token)
        self.assertEqual(
            (config['NodeName'], config['NodeID'], self.address('web-1')),
            (node['Node'], node['ID'], node['Address']),
        )
        self.assertIsInstance(node['TaggedAddresses'], dict)
        self.assertEqual([], self.get(path.replace('web-1', 'web-9'), token))

    def test_checks_of_a_node(self: Any) -> None:
        token = self.token(RIGHTS)
        alive = urllib.parse.quote(' or CheckID == "serfHealth"')
        path = f'/v1/health/node/web-1?{_ONLY}{alive}&consistent='

        def ids() -> set[str]:
            return {check['CheckID'] for check in self.get(path, token)}

        self.assertEqual({'serfHealth'}, ids())
        self.put(token, enable='true', reason='x')
        both = {'serfHealth', MAINTENANCE}
        self.wait(lambda: both == ids(), 'it is shown')
        self.assertEqual([], self.get(path.replace('web-1', 'web-9'), token))

    def test_what_a_token_may_not(self: Any) -> None:
        read = {**RIGHTS, 'node': 'read'}
        status, said = self.put(self.token(read), enable='true', reason='x')
        self.assertEqual(403, status)
        self.assertRegex(
            said,
            "^Permission denied: token with AccessorID '[^']*' lacks "
            'permission \'node:write\' on "web-1"$',
        )
        self.assertIsNone(self.check())
        token = self.token({'node': 'write'})
        status, _, said = self.ask('GET', '/v1/agent/self', token, 'web-1')
        self.assertEqual(403, status)
        self.assertRegex(said, 'lacks permission \'agent:read\' on "web-1"$')

    def test_a_token_that_nobody_has(self: Any) -> None:
        for node in ('', 'web-1'):
            path = '/v1/agent/self'
            status, _, said = self.ask('GET', path, str(uuid.uuid4()), node)
            self.assertEqual(403, status)
            self.assertIn('ACL not found', said)

    def test_what_is_hidden(self: Any) -> None:
        """It is said, but not to whom it is not hidden."""
        self.maintain('web-1', 'disk')
        self.wait(lambda: self.shown() == {'web-1': 'disk'}, 'it is shown')
        for rights, hidden in ((RIGHTS, None), ({'agent': 'read'}, 'true')):
            token = self.token(rights)
            for path, node in (
                ('/v1/catalog/nodes', ''),
                ('/v1/health/node/web-1', ''),
                ('/v1/health/state/critical', ''),
                ('/v1/agent/checks', 'web-1'),
            ):
                _, headers, said = self.ask('GET', path, token, node)
                self.assertEqual(bool(hidden), not json.loads(said), path)
                name = 'X-Consul-Results-Filtered-By-ACLs'
                self.assertEqual(hidden, headers.get(name), path)

    def test_without_a_token(self: Any) -> None:
        status, said = self.put('', enable='true', reason='x')
        self.assertEqual(403, status)
        self.assertEqual(
            "Permission denied: anonymous token lacks permission 'node:write'"
            ' on "web-1". The anonymous token is used implicitly when a '
            'request does not specify a token.',
            said,
        )

    def test_another_verb(self: Any) -> None:
        path = '/v1/agent/maintenance?enable=true'
        status, _, _ = self.ask('GET', path, self.token(RIGHTS), 'web-1')
        self.assertEqual(405, status)
        self.assertIsNone(self.check())
