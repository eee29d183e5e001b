from collections.abc import Callable
from typing import Any

import fixtures

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import DONE, Answer, State
from steal_scheduler.orchestrators.consul import plugin as module
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.standins.app import hang_up
from tests.standins.transport import mounted
from tests.unit.make import server
from tests.unit.orchestrators.consul.rig import (
    ADDRESS,
    ME,
    OTHER,
    ConsulTestCase,
)

_OTHERS = 'disk'


class ConsulTest(ConsulTestCase):
    def ask(self, verb: Callable[..., Answer]) -> State:
        return verb(self.server, 'web-1').state

    def drain(self, consul: Consul) -> None:
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertIsNotNone(self.node.reason)

    def fails(self, verb: Callable[..., Answer]) -> str:
        error = self.assertRaises(
            OrchestratorError, verb, self.server, 'web-1'
        )
        return str(error)

    def puts(self) -> int:
        return [asked.method for asked in self.agent.asked].count('PUT')


class TestDrain(ConsulTest):
    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        clock = type('Clock', (), {'monotonic': lambda: self.now})
        clock.time = staticmethod(lambda: 0.0)
        self.useFixture(fixtures.MonkeyPatch(f'{module.__name__}.time', clock))

    def test_the_catalog_lags(self) -> None:
        consul = self.consul()
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
        consul = self.consul(settle=10)
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
        self.drain(self.consul())
        consul = self.consul(settle=10)
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertEqual(1, self.puts())

    def test_it_was_in_meanwhile(self) -> None:
        """The clock that has run is of another maintenance."""
        consul = self.consul(settle=10)
        self.ask(consul.drain)
        self.now += 10
        self.node.reason = _OTHERS
        self.cluster.sync()
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_the_catalog_loses_it(self) -> None:
        consul = self.consul(settle=10)
        self.ask(consul.drain)
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.node.shown = None
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.cluster.sync()
        self.assertIs(State.WAITING, self.ask(consul.drain))
        self.now += 10
        self.assertIs(State.DONE, self.ask(consul.drain))

    def test_the_catalog_still_has_another_one(self) -> None:
        self.cluster.syncs = False
        self.node.shown = _OTHERS
        consul = self.consul()
        for _ in range(2):
            self.assertIs(State.WAITING, self.ask(consul.drain))

    def test_others_end_theirs(self) -> None:
        consul = self.consul()
        self.node.reason = _OTHERS
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.node.reason = None
        self.cluster.sync()
        self.assertIs(State.DONE, self.ask(consul.drain))
        self.assertIn(ME, str(self.node.reason))

    def test_somebody_is_faster(self) -> None:
        consul = self.consul()

        def take(enable: bool) -> None:
            self.node.reason = _OTHERS

        self.agent.before_it_obeys = take
        self.drain(consul)
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertEqual(_OTHERS, self.node.reason)

    def test_an_agent_that_does_not_obey(self) -> None:
        self.cluster.obeys = False
        self.assertIn('and is ', self.fails(self.consul().drain))

    def test_no_catalog_no_drain(self) -> None:
        self.catalog.instead['*'] = hang_up
        self.fails(self.consul().drain)
        self.assertEqual([], self.agent.asked)

    def test_no_agent(self) -> None:
        self.agent.instead['*'] = hang_up
        refuse = self.consul()
        self.assertIs(State.REFUSED, self.ask(refuse.drain))
        proceed = self.consul(unreachable='proceed')
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.assertIs(State.DONE, self.ask(proceed.drain))
        self.assertIn(f'Server web-1 ({ME}) counts as drained', log.output)
        for consul in refuse, proceed:
            self.assertIs(State.DONE, self.ask(consul.reattach))

    def test_an_agent_in_trouble_is_not_a_missing_one(self) -> None:
        self.agent.instead['* /v1/agent/self'] = 500, b'no cluster leader'
        consul = self.consul(unreachable='proceed')
        self.assertIn('no cluster leader', self.fails(consul.drain))


class TestReattach(ConsulTest):
    def test_the_catalog_lags(self) -> None:
        consul = self.consul()
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
        self.ask(self.consul().drain)
        self.assertIs(State.DONE, self.ask(self.consul().reattach))
        self.assertIsNone(self.node.reason)

    def test_killed_and_the_agent_is_in_trouble(self) -> None:
        """Nobody knows of it but the agent."""
        self.cluster.syncs = False
        self.ask(self.consul().drain)
        self.agent.instead['PUT *'] = 500, b''
        consul = self.consul()
        self.fails(consul.reattach)
        self.agent.instead.clear()
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.node.reason)

    def test_and_the_next_move(self) -> None:
        consul = self.consul()
        for _ in range(2):
            self.drain(consul)
            self.assertIs(State.DONE, self.ask(consul.reattach))

    def test_the_agent_dies_before_the_catalog_knew(self) -> None:
        consul = self.consul()
        self.cluster.syncs = False
        self.ask(consul.drain)
        self.agent.instead['*'] = hang_up
        self.fails(consul.reattach)
        self.agent.instead.clear()
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.node.reason)

    def test_no_catalog(self) -> None:
        """Nobody vouches for the agent: it waits, and is ended later."""
        for again in (False, True):
            consul = self.consul()
            self.drain(consul)
            self.agent.asked.clear()
            self.catalog.instead['*'] = hang_up
            consul = self.consul() if again else consul
            said = self.fails(consul.reattach)
            self.assertIn('nothing is sent to an agent until', said)
            self.assertEqual([], self.agent.asked)
            self.catalog.instead.clear()
            self.assertIs(State.DONE, self.ask(consul.reattach))
            self.assertIsNone(self.node.reason)

    def test_the_catalog_dies_in_the_middle(self) -> None:
        for path in ('catalog/nodes', 'health/state/critical'):
            consul = self.consul()
            self.drain(consul)
            self.agent.asked.clear()
            self.catalog.instead[f'* /v1/{path}'] = hang_up
            self.fails(consul.reattach)
            self.assertEqual([], self.agent.asked)
            self.catalog.instead.clear()
            self.assertIs(State.DONE, self.ask(consul.reattach))
            self.assertIsNone(self.node.reason)

    def test_an_agent_that_does_not_obey(self) -> None:
        consul = self.consul()
        self.drain(consul)
        self.cluster.obeys = False
        self.assertIn('and is ', self.fails(consul.reattach))

    def test_it_was_renamed_meanwhile(self) -> None:
        """By its tenant, to the name of another node."""
        self.drain(self.consul())
        self.cluster.add_node('db-1', address=OTHER)
        self.assertEqual(DONE, self.consul().reattach(self.server, 'db-1'))
        self.assertIsNone(self.node.reason)

    def test_its_address_changed_meanwhile(self) -> None:
        """In the catalog, or in Nova: it waits until both agree."""
        before = self.server
        for node, address in ((OTHER, ADDRESS), (ADDRESS, OTHER)):
            consul = self.consul()
            self.ask(consul.drain)
            self.agent.asked.clear()
            self.node.address = node
            self.server = server(ME, name='web-1', addresses=(address,))
            for each in (consul, self.consul()):
                said = self.fails(each.reattach)
                self.assertIn('node web-1 is another one', said)
            self.assertEqual([], self.agent.asked)
            self.node.address, self.server = ADDRESS, before
            self.assertIs(State.DONE, self.ask(consul.reattach))
            self.assertIsNone(self.node.reason)

    def test_its_address_is_gone(self) -> None:
        self.drain(self.consul())
        self.server = server(ME)
        self.assertIn(
            'addresses of the server',
            self.fails(self.consul().reattach),
        )

    def test_ours_for_another_server(self) -> None:
        self.drain(self.consul())
        before = self.node.reason
        other = server('x', addresses=(ADDRESS,))
        consul = self.consul()
        self.assertEqual(DONE, consul.reattach(other, 'web-1'))
        self.assertEqual(before, self.node.reason)

    def test_deleted(self) -> None:
        consul = self.consul()
        self.drain(consul)
        asked = len(self.agent.asked)
        for gone in {'host': None}, {'status': 'DELETED'}:
            answer = consul.reattach(server(ME, **gone), '')
            self.assertEqual(DONE, answer)
        self.assertEqual(asked, len(self.agent.asked))

    def test_shelved_is_not_deleted(self) -> None:
        """Its agent will start in maintenance."""
        self.drain(self.consul())
        self.agent.instead['*'] = hang_up
        self.server = server(
            ME,
            host=None,
            status='SHELVED_OFFLOADED',
            addresses=self.server.addresses,
        )
        self.fails(self.consul().reattach)

    def test_the_node_has_left(self) -> None:
        """As when an agent is restarted: it comes back in maintenance."""
        consul = self.consul()
        self.drain(consul)
        self.node.joined, self.node.shown = False, None
        self.agent.instead['*'] = hang_up
        self.fails(consul.reattach)
        # Who did not put it there finds nothing.
        self.assertIs(State.DONE, self.ask(self.consul().reattach))
        self.agent.instead.clear()
        self.node.joined = True
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.node.reason)


class TestStrangers(ConsulTest):
    """Whoever moves is asked about; most of them are no node of ours."""

    def asked(self, stranger: Any, node: str, **options: Any) -> list[Any]:
        consul = self.consul(**options)
        self.assertEqual(DONE, consul.reattach(stranger, node))
        return self.agent.asked

    def test_of_another_project(self) -> None:
        stranger = server('x', project_id='x', addresses=(ADDRESS,))
        self.assertEqual([], self.asked(stranger, 'web-1', projects=['p']))

    def test_one_that_is_no_node(self) -> None:
        stranger = server('x', addresses=(ADDRESS,))
        self.assertEqual([], self.asked(stranger, 'web-9'))

    def test_one_that_has_the_name_of_a_node(self) -> None:
        stranger = server('x', addresses=(OTHER,))
        self.assertEqual([], self.asked(stranger, 'web-1'))

    def test_names_that_would_ask_for_more(self) -> None:
        stranger = server('x', addresses=(ADDRESS,))
        for node in '', '../x', 'x" or Node != "', 'web-1?a', 'a b', '.':
            consul = self.consul()
            self.assertEqual(DONE, consul.reattach(stranger, node))
            self.assertNotIn('GET /v1/catalog/nodes', self.catalog.calls())
            answer = self.consul().drain(stranger, node)
            self.assertIs(State.REFUSED, answer.state)
            self.assertEqual([], self.agent.asked)

    def test_no_drain_of_another_ones_node(self) -> None:
        thief = server('x', addresses=(OTHER,))
        answer = self.consul().drain(thief, 'web-1')
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn('node web-1 is another one', answer.detail)
        self.assertEqual([], self.agent.asked)

    def test_one_of_ours_whose_project_is_so_no_more(self) -> None:
        self.drain(self.consul())
        consul = self.consul(projects=['p'])
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.node.reason)

    def test_no_catalog_and_not_ours(self) -> None:
        self.catalog.instead['*'] = hang_up
        self.fails(self.consul(projects=['p']).reattach)
        self.assertEqual([], self.agent.asked)


class TestForged(ConsulTest):
    """Who owns an agent writes into its maintenance what he likes."""

    def setUp(self) -> None:
        super().setUp()
        self.reason = f'steal-scheduler: server {ME} moves, since 1'
        self.evil = self.cluster.add_node(
            'evil', address=OTHER, reason=self.reason, shown=self.reason
        )
        self.enterContext(
            mounted(
                {
                    f'http://{OTHER}:8500': self.cluster.agents['evil'],
                    'http://evil.example.org:8500': self.cluster.agents[
                        'evil'
                    ],
                }
            )
        )

    def test_it_holds_up_nobody(self) -> None:
        for name in ('evil', 'a b', '../x', 'x" or Node != "'):
            self.evil.name = name
            consul = self.consul()
            self.drain(consul)
            self.assertIs(State.DONE, self.ask(consul.reattach))
            self.assertIsNone(self.node.reason)
        self.assertEqual(self.reason, self.evil.reason)

    def test_it_gets_no_token(self) -> None:
        consul = self.consul(address='http://{node}.example.org:8500')
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertEqual([], self.cluster.agents['evil'].asked)

    def test_it_says_that_it_is_the_server(self) -> None:
        """By its id, which any agent may choose."""
        self.evil.node_id = ME
        consul = self.consul()
        self.drain(consul)
        self.assertIs(State.DONE, self.ask(consul.reattach))
        self.assertIsNone(self.node.reason)
        self.assertEqual([], self.cluster.agents['evil'].asked)

    def test_it_is_reported(self) -> None:
        self.cluster.add_node('b', address='192.0.2.8', reason=self.reason)
        self.cluster.add_node('a b', reason=self.reason)
        gone = 'steal-scheduler: server gone moves, since 1'
        self.cluster.add_node('c', reason=gone)
        self.drain(self.consul())
        known = {ME: self.server}
        found = {m.where: m for m in self.consul().marks(known)}
        self.assertEqual('', found['node web-1'].doubt)
        self.assertEqual('', found['node c'].doubt)
        for name, address in (('evil', OTHER), ('b', '192.0.2.8')):
            self.assertEqual(
                f'node {name} is another one: the catalog has it at '
                f'{address}, Nova has the server at {ADDRESS}',
                found[f'node {name}'].doubt,
            )
        self.assertIn('no plain host name', found['node a b'].doubt)
        self.assertEqual(5, len(found))

    def test_whose_address_nova_does_not_tell(self) -> None:
        """Or tells what is none: that costs this server, and no other."""
        for addresses in ((), ('fixed',)):
            known = {ME: server(ME, addresses=addresses)}
            found = self.consul().marks(known)
            self.assertIn('addresses of the server', found[0].doubt)


class TestDetached(ConsulTest):
    def test_ours_alone(self) -> None:
        for name, reason in (
            ('a', 'disk'),
            ('b', 'steal-scheduler: server x moves, since 1'),
            ('c', 'other: server y moves, since 1'),
        ):
            self.cluster.add_node(name, shown=reason)
        self.assertEqual({'x'}, self.consul().detached())

    def test_no_answer(self) -> None:
        self.catalog.instead['*'] = hang_up
        consul = self.consul()
        self.assertRaises(OrchestratorError, consul.detached)
