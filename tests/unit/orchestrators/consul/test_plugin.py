from collections.abc import Callable
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.consul import plugin as module
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.unit.make import server
from tests.unit.orchestrators.consul.stand_in import Cluster

_ID = '11111111-1111-4111-8111-111111111111'
_OTHERS = 'disk'


class ConsulTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster = self.enterContext(Cluster())
        self.server = server(_ID, name='web-1', addresses=('127.0.0.1',))

    def ask(self, verb: Callable[..., Answer]) -> State:
        return verb(self.server, 'web-1').state

    def drain(self, consul: Consul) -> None:
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertIsNotNone(self.cluster.reason)

    def fails(self, verb: Callable[..., Answer]) -> str:
        error = self.assertRaises(
            OrchestratorError, verb, self.server, 'web-1'
        )
        return str(error)

    def puts(self) -> int:
        return [verb for verb, _ in self.cluster.agent.asked].count('PUT')


class TestDrain(ConsulTest):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        clock = type('Clock', (), {'monotonic': lambda: self.now})
        clock.time = staticmethod(lambda: 0.0)
        self.useFixture(fixtures.MonkeyPatch(f'{module.__name__}.time', clock))

    def test_the_catalog_lags(self) -> None:
        consul = self.cluster.consul()
        self.cluster.syncs = False
        for _ in range(3):
            self.assertEqual(
                Answer(
                    State.WAITING,
                    'the catalog does not show the maintenance yet',
                ),
                consul.drain(self.server, 'web-1'),
            )
        self.assertEqual(1, self.puts())
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_it_settles_from_when_the_cluster_saw_it(self) -> None:
        consul = self.cluster.consul(settle=10)
        self.cluster.syncs = False
        self.ask(consul.drain)
        self.now += 60
        self.cluster.sync()
        self.assertEqual(
            Answer(State.WAITING, 'caches settle for 10.0 s more'),
            consul.drain(self.server, 'web-1'),
        )
        self.now += 9.9
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 0.1
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_another_process_lets_it_settle_once_more(self) -> None:
        self.drain(self.cluster.consul())
        consul = self.cluster.consul(settle=10)
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertEqual(1, self.puts())

    def test_it_was_in_meanwhile(self) -> None:
        """The clock that has run is of another maintenance."""
        consul = self.cluster.consul(settle=10)
        self.ask(consul.drain)
        self.now += 10
        self.cluster.reason = _OTHERS
        self.cluster.sync()
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_the_catalog_loses_it(self) -> None:
        consul = self.cluster.consul(settle=10)
        self.ask(consul.drain)
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.cluster.shown.clear()
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.cluster.sync()
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_the_catalog_still_has_another_one(self) -> None:
        self.cluster.syncs = False
        self.cluster.shown['web-1'] = _OTHERS
        consul = self.cluster.consul()
        for _ in range(2):
            self.assertIs(State.WAITING, self.ask(consul.drain))

    def test_others_end_theirs(self) -> None:
        consul = self.cluster.consul()
        self.cluster.reason = _OTHERS
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.cluster.reason = None
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertIn(_ID, str(self.cluster.reason))

    def test_somebody_is_faster(self) -> None:
        consul = self.cluster.consul()

        def take(enable: bool) -> None:
            self.cluster.reason = _OTHERS

        self.cluster.before = take
        self.drain(consul)
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertEqual(_OTHERS, self.cluster.reason)

    def test_somebody_ends_it(self) -> None:
        consul = self.cluster.consul()
        self.drain(consul)
        self.cluster.reason = None
        self.cluster.sync()
        self.assertEqual(
            Answer(State.REFUSED, 'somebody has ended the maintenance'),
            consul.drain(self.server, 'web-1'),
        )
        self.assertIsNone(self.cluster.reason)

    def test_an_agent_that_does_not_obey(self) -> None:
        self.cluster.obeys = False
        self.assertIn('and it is', self.fails(self.cluster.consul().drain))

    def test_no_catalog_no_drain(self) -> None:
        self.cluster.catalog.down = True
        self.fails(self.cluster.consul().drain)
        self.assertEqual([], self.cluster.agent.asked)

    def test_no_agent(self) -> None:
        self.cluster.agent.down = True
        refuse = self.cluster.consul()
        self.assertIs(State.REFUSED, self.ask(refuse.drain))
        proceed = self.cluster.consul(unreachable='proceed')
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.assertIs(State.DONE, self.ask(proceed.drain))
        self.assertIn(f'Server web-1 ({_ID}) counts as drained', log.output)
        for consul in refuse, proceed:
            self.assertIs(State.DONE, self.ask(consul.reattach))

    def test_an_agent_in_trouble_is_not_a_missing_one(self) -> None:
        agent = self.cluster.agent
        agent.instead['/v1/agent/self'] = lambda handler: agent.send(
            handler, 500, b'no cluster leader'
        )
        consul = self.cluster.consul(unreachable='proceed')
        self.assertIn('no cluster leader', self.fails(consul.drain))


class TestReattach(ConsulTest):
    def test_the_catalog_lags(self) -> None:
        consul = self.cluster.consul()
        self.drain(consul)
        self.cluster.syncs = False
        self.assertEqual(
            Answer(
                State.WAITING,
                'the catalog still shows the maintenance of web-1',
            ),
            consul.reattach(self.server, 'web-1'),
        )
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertEqual(2, self.puts())

    def test_killed_before_the_catalog_knew(self) -> None:
        self.cluster.syncs = False
        self.ask(self.cluster.consul().drain)
        self.assertIs(State.DONE, self.ask(self.cluster.consul().reattach))
        self.assertIsNone(self.cluster.reason)

    def test_killed_and_the_agent_is_in_trouble(self) -> None:
        """Nobody knows of it but the agent."""
        self.cluster.syncs = False
        self.ask(self.cluster.consul().drain)
        agent = self.cluster.agent
        path = '/v1/agent/maintenance'
        agent.instead[path] = lambda handler: agent.send(handler, 500, b'')
        consul = self.cluster.consul()
        self.fails(consul.reattach)
        del agent.instead[path]
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.cluster.reason)

    def test_and_the_next_move(self) -> None:
        consul = self.cluster.consul()
        for _ in range(2):
            self.drain(consul)
            self.assertIs(State.DONE, self.ask(consul.reattach))

    def test_the_agent_dies_before_the_catalog_knew(self) -> None:
        consul = self.cluster.consul()
        self.cluster.syncs = False
        self.ask(consul.drain)
        self.cluster.agent.down = True
        self.fails(consul.reattach)
        self.cluster.agent.down = False
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.cluster.reason)

    def test_no_catalog(self) -> None:
        """The agent is put right, and then the cluster is waited for."""
        consul = self.cluster.consul()
        self.drain(consul)
        self.cluster.catalog.down = True
        self.fails(consul.reattach)
        self.assertIsNone(self.cluster.reason)
        self.cluster.catalog.down = False
        self.assertIs(State.DONE, self.ask(consul.reattach))

    def test_an_agent_that_does_not_obey(self) -> None:
        consul = self.cluster.consul()
        self.drain(consul)
        self.cluster.obeys = False
        self.assertIn('and it is', self.fails(consul.reattach))

    def test_it_was_renamed_meanwhile(self) -> None:
        """By its tenant, to the name of another node."""
        self.drain(self.cluster.consul())
        other = {'Node': 'db-1', 'ID': 'x', 'Address': '127.0.0.9'}
        self.cluster.nodes.append(other)
        self.assertEqual(
            DONE, self.cluster.consul().reattach(self.server, 'db-1')
        )
        self.assertIsNone(self.cluster.reason)

    def test_its_address_changed_meanwhile(self) -> None:
        consul = self.cluster.consul()
        self.cluster.syncs = False
        self.ask(consul.drain)
        self.cluster.node['Address'] = '127.0.0.9'
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.cluster.reason)

    def test_its_address_is_gone(self) -> None:
        self.drain(self.cluster.consul())
        self.server = server(_ID)
        self.assertIn(
            'addresses of the server',
            self.fails(self.cluster.consul().reattach),
        )

    def test_ours_for_another_server(self) -> None:
        self.drain(self.cluster.consul())
        before = self.cluster.reason
        other = server('x', addresses=('127.0.0.1',))
        consul = self.cluster.consul()
        self.assertEqual(DONE, consul.reattach(other, 'web-1'))
        self.assertEqual(before, self.cluster.reason)

    def test_deleted(self) -> None:
        consul = self.cluster.consul()
        self.drain(consul)
        asked = len(self.cluster.agent.asked)
        for gone in {'host': None}, {'status': 'DELETED'}:
            answer = consul.reattach(server(_ID, **gone), '')
            self.assertEqual(DONE, answer)
        self.assertEqual(asked, len(self.cluster.agent.asked))

    def test_shelved_is_not_deleted(self) -> None:
        """Its agent will start in maintenance."""
        self.drain(self.cluster.consul())
        self.cluster.agent.down = True
        self.server = server(
            _ID,
            host=None,
            status='SHELVED_OFFLOADED',
            addresses=self.server.addresses,
        )
        self.fails(self.cluster.consul().reattach)

    def test_the_node_has_left(self) -> None:
        """As when an agent is restarted: it comes back in maintenance."""
        consul = self.cluster.consul()
        self.drain(consul)
        nodes, self.cluster.nodes = self.cluster.nodes, []
        self.cluster.shown.clear()
        self.cluster.agent.down = True
        self.fails(consul.reattach)
        # Who did not put it there finds nothing.
        self.assertIs(State.DONE, self.ask(self.cluster.consul().reattach))
        self.cluster.agent.down = False
        self.cluster.nodes = nodes
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.cluster.reason)


class TestStrangers(ConsulTest):
    """Whoever moves is asked about; most of them are no node of ours."""

    def asked(self, stranger: Any, node: str, **options: Any) -> list[Any]:
        consul = self.cluster.consul(**options)
        self.assertEqual(DONE, consul.reattach(stranger, node))
        return self.cluster.agent.asked

    def test_of_another_project(self) -> None:
        stranger = server('x', project_id='x', addresses=('127.0.0.1',))
        self.assertEqual([], self.asked(stranger, 'web-1', projects=['p']))

    def test_one_that_is_no_node(self) -> None:
        stranger = server('x', addresses=('127.0.0.1',))
        self.assertEqual([], self.asked(stranger, 'web-9'))

    def test_one_that_has_the_name_of_a_node(self) -> None:
        stranger = server('x', addresses=('127.0.0.9',))
        self.assertEqual([], self.asked(stranger, 'web-1'))

    def test_names_that_would_ask_for_more(self) -> None:
        stranger = server('x', addresses=('127.0.0.1',))
        for node in '', '../x', 'x" or Node != "', 'web-1?a', 'a b', '.':
            consul = self.cluster.consul()
            self.assertEqual(DONE, consul.reattach(stranger, node))
            self.assertNotIn(
                ('GET', '/v1/catalog/nodes'), self.cluster.catalog.asked
            )
            answer = self.cluster.consul().drain(stranger, node)
            self.assertIs(State.REFUSED, answer.state)
            self.assertEqual([], self.cluster.agent.asked)

    def test_no_drain_of_another_ones_node(self) -> None:
        thief = server('x', addresses=('127.0.0.9',))
        answer = self.cluster.consul().drain(thief, 'web-1')
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn('node web-1 is another one', answer.detail)
        self.assertEqual([], self.cluster.agent.asked)

    def test_one_of_ours_whose_project_is_so_no_more(self) -> None:
        self.drain(self.cluster.consul())
        consul = self.cluster.consul(projects=['p'])
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.cluster.reason)

    def test_no_catalog_and_not_ours(self) -> None:
        self.cluster.catalog.down = True
        self.fails(self.cluster.consul(projects=['p']).reattach)
        self.assertEqual([], self.cluster.agent.asked)


class TestDetached(ConsulTest):
    def test_ours_alone(self) -> None:
        self.cluster.shown = {
            'a': 'disk',
            'b': 'steal-scheduler: server x moves, since 1',
            'c': 'other: server y moves, since 1',
        }
        self.assertEqual({'x'}, self.cluster.consul().detached())

    def test_no_answer(self) -> None:
        self.cluster.catalog.down = True
        consul = self.cluster.consul()
        self.assertRaises(OrchestratorError, consul.detached)
