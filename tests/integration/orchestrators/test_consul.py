"""The orchestrator ``consul`` against a real Consul, with the least rights."""

import contextlib
import pathlib
import re
import signal
import tempfile
import threading
import time
import uuid

from steal_scheduler.conf import orchestrators
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import State
from steal_scheduler.orchestrators.consul.plugin import Consul
from tests.integration import daemons
from tests.integration.consul import MAINTENANCE, Datacenter
from tests.unit.make import server
from tests.unit.signals.options import configuration

_ROOT = pathlib.Path(__file__).parents[3]
_RULES = (_ROOT / 'etc/consul/steal-migrator.hcl').read_text()
#: What differs between two runs, whoever does it.
_EACH_TIME = {'Notes', 'CreateIndex', 'ModifyIndex'}


class ConsulTest(daemons.TestCase):
    """Two nodes that offer the same; the first is the server that moves."""

    dc: Datacenter

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        memory = '/dev/shm' if pathlib.Path('/dev/shm').is_dir() else None
        directory = cls.enterClassContext(
            tempfile.TemporaryDirectory(dir=memory)
        )
        cls.dc = cls.enterClassContext(
            Datacenter(pathlib.Path(directory), ['web-1', 'web-2'])
        )
        for node in cls.dc.nodes:
            cls.dc.register(node, 'shop')

    def setUp(self):
        super().setUp()
        for log in self.dc.logs:
            self.keep(log)
        self.files = self.directory()
        self.server = self.server_of('web-1')
        for node in self.dc.nodes:
            self.addCleanup(self.dc.maint, node, '-disable')

    # -- what the tests say ------------------------------------------------

    def server_of(self, node, **other):
        values = {
            'name': node,
            'project_id': 'p',
            'addresses': (self.dc.address(node),),
        }
        return server(str(uuid.uuid4()), **(values | other))

    def token_file(self, token):
        path = self.files / f'token-{uuid.uuid4()}'
        path.write_text(f'{token}\n')
        return str(path)

    def consul(self, rules=_RULES, **options):
        values = {
            'projects': ['p'],
            'address': f'https://{{address}}:{self.dc.ports["https"]}',
            'networks': ['127.77.0.0/24'],
            'catalog': self.dc.server,
            'cafile': str(self.dc.cafile),
            'timeout': 2,
            'settle': 0.3,
        }
        if 'token_file' not in options:
            values['token_file'] = self.token_file(self.dc.token(rules))
        return Consul(
            configuration(
                'consul',
                [*orchestrators.OPTS, *Consul.OPTS],
                **(values | options),
            ),
            'consul',
        )

    def until(self, verb, *args, state=State.DONE, failing=()):
        def ended():
            answer = verb(*args)
            return answer if answer.state is not State.WAITING else None

        answer = daemons.until('an answer', ended, failing=failing)
        self.assertIs(state, answer.state, answer)
        return answer

    def drain(self, consul):
        self.until(consul.drain, self.server, 'web-1')

    def reattach(self, consul, **how):
        self.until(consul.reattach, self.server, 'web-1', **how)

    def down(self, node, how=signal.SIGKILL):
        """Until the test ends, or starts it itself."""
        self.dc.stop(node, how)
        stack = contextlib.ExitStack()
        stack.callback(self._up, node)
        self.addCleanup(stack.close)
        return stack.close

    def _up(self, node):
        self.dc.start(node)
        daemons.until(
            f'{node} is known to the cluster',
            lambda: self.dc.call('GET', f'health/node/{node}'),
            failing=(OSError,),
        )

    def assert_in(self, *nodes):
        self.assertEqual(set(nodes), self.dc.healthy('shop'))
        self.assertEqual(set(nodes), self.dc.named('shop'))

    def assert_untouched(self):
        self.assertEqual({}, self.dc.maintenance())
        for node in self.dc.nodes:
            self.assertIsNone(self.check(node))

    def check(self, node='web-1'):
        """What the agent itself says."""
        return self.dc.call('GET', 'agent/checks', node).get(MAINTENANCE)

    def view(self):
        """All that depends on maintenance, but for who says why and when."""
        return [
            _plain(self.dc.call('GET', path, node))
            for path, node in (
                ('agent/checks', 'web-1'),
                ('health/node/web-1', ''),
                ('health/service/shop', ''),
                ('health/service/shop?passing', ''),
            )
        ]


def _plain(said):
    if isinstance(said, dict):
        return {k: _plain(v) for k, v in said.items() if k not in _EACH_TIME}
    if isinstance(said, list):
        return [_plain(each) for each in said]
    return said


class TestOut(ConsulTest):
    def test_out_and_back(self):
        consul = self.consul()
        self.assert_in('web-1', 'web-2')
        first = consul.drain(self.server, 'web-1')
        self.assertIs(State.WAITING, first.state)
        self.drain(consul)
        self.assert_in('web-2')
        self.assertEqual({self.server.server_id}, consul.detached())
        self.assertIn(self.server.server_id, self.check()['Notes'])
        self.reattach(consul)
        self.assert_in('web-1', 'web-2')
        self.assert_untouched()
        self.assertEqual(frozenset(), consul.detached())
        # There is nothing more to put back.
        answer = consul.reattach(self.server, 'web-1')
        self.assertIs(State.DONE, answer.state)

    def test_it_is_what_consul_maint_does(self):
        before = self.view()
        self.dc.maint('web-1', '-enable', '-reason', 'by hand')
        daemons.until('it is out', lambda: len(self.dc.healthy('shop')) == 1)
        by_hand = self.view()
        self.dc.maint('web-1', '-disable')
        daemons.until('it is in', lambda: len(self.dc.healthy('shop')) == 2)
        self.assertEqual(before, self.view())
        consul = self.consul()
        self.drain(consul)
        self.assertEqual(by_hand, self.view())
        self.assertNotEqual(before, by_hand)
        self.reattach(consul)
        self.assertEqual(before, self.view())

    def test_settled_by_the_time_it_says(self):
        consul = self.consul(settle=2)
        begun = time.monotonic()
        self.drain(consul)
        self.assertGreaterEqual(time.monotonic() - begun, 2)

    def test_maintenance_of_others_is_left_alone(self):
        self.dc.maint('web-1', '-enable', '-reason', 'disk')
        consul = self.consul()
        self.drain(consul)
        self.assertEqual('disk', self.check()['Notes'])
        self.assertEqual(frozenset(), consul.detached())
        self.reattach(consul)
        self.assertEqual('disk', self.check()['Notes'])
        self.assert_in('web-2')

    def test_somebody_ends_it_meanwhile(self):
        consul = self.consul()
        self.drain(consul)
        self.dc.maint('web-1', '-disable')
        answer = self.until(
            consul.drain, self.server, 'web-1', state=State.REFUSED
        )
        self.assertIn('somebody has ended', answer.detail)
        self.reattach(consul)
        self.assert_untouched()
        # It is not held against the next move.
        self.drain(consul)

    def test_another_process_goes_on(self):
        """Killed right after its request, wherever that was."""
        self.consul().drain(self.server, 'web-1')
        reason = self.check()['Notes']
        self.drain(self.consul())
        self.assertEqual(reason, self.check()['Notes'])
        self.reattach(self.consul())
        self.assert_untouched()

    def test_two_at_once(self):
        """Both believe to have the lock."""
        both = [self.consul(), self.consul()]
        answers = []

        def drain(consul):
            self.drain(consul)
            answers.append(consul)

        threads = [threading.Thread(target=drain, args=(c,)) for c in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(2, len(answers))
        self.reattach(both[0])
        # The other does not take it out once more.
        self.until(both[1].drain, self.server, 'web-1', state=State.REFUSED)
        self.reattach(both[1])
        self.assert_untouched()


class TestOutages(ConsulTest):
    def test_no_agent_before_the_drain(self):
        self.down('web-1')
        for stands in ('refuse', State.REFUSED), ('proceed', State.DONE):
            consul = self.consul(unreachable=stands[0])
            answer = consul.drain(self.server, 'web-1')
            self.assertIs(stands[1], answer.state)
            answer = consul.reattach(self.server, 'web-1')
            self.assertIs(State.DONE, answer.state, answer)

    def test_an_agent_that_hangs(self):
        self.dc.pause('web-1')
        self.addCleanup(self.dc.resume, 'web-1')
        consul = self.consul(timeout=0.5)
        begun = time.monotonic()
        answer = consul.drain(self.server, 'web-1')
        self.assertLess(time.monotonic() - begun, 20)
        self.assertIs(State.REFUSED, answer.state)

    def test_the_agent_dies_while_it_is_out(self):
        consul = self.consul()
        self.drain(consul)
        up = self.down('web-1')
        again = consul.drain(self.server, 'web-1')
        self.assertIs(State.REFUSED, again.state)
        for each in consul, self.consul():
            self.assertRaises(
                OrchestratorError, each.reattach, self.server, 'web-1'
            )
        up()
        # Consul has it on its disk.
        self.assertIn(self.server.server_id, self.check()['Notes'])
        self.reattach(self.consul(), failing=(OrchestratorError,))
        self.assert_untouched()
        daemons.until('it is in', lambda: len(self.dc.healthy('shop')) == 2)

    def test_no_leader(self):
        consul = self.consul(catalog=self.dc.agent('web-2'))
        up = self.down('server')
        self.assertRaises(
            OrchestratorError, consul.drain, self.server, 'web-1'
        )
        up()
        self.until(
            lambda: consul.drain(self.server, 'web-1'),
            failing=(OrchestratorError,),
        )
        up = self.down('server')
        self.assertRaises(
            OrchestratorError, consul.reattach, self.server, 'web-1'
        )
        self.assertRaises(OrchestratorError, consul.detached)
        up()
        self.reattach(consul, failing=(OrchestratorError,))
        self.assert_untouched()
        daemons.until('it is in', lambda: len(self.dc.healthy('shop')) == 2)

    def test_deleted(self):
        consul = self.consul()
        self.drain(consul)
        self.down('web-1')
        gone = self.server_of('web-1', host=None, status='DELETED')
        self.assertIs(State.DONE, consul.reattach(gone, '').state)

    def test_the_agent_is_restarted(self):
        """It leaves the cluster then, and joins it in maintenance."""
        consul = self.consul()
        self.drain(consul)
        up = self.down('web-1', signal.SIGINT)
        self.assertRaises(
            OrchestratorError, consul.reattach, self.server, 'web-1'
        )
        up()
        self.assertIn(self.server.server_id, self.check()['Notes'])
        self.reattach(consul, failing=(OrchestratorError,))
        self.assert_untouched()

    def test_the_node_leaves(self):
        self.drain(self.consul())
        self.down('web-1', signal.SIGINT)
        # An agent that leaves may register once more on its way out.
        self.dc.call('PUT', 'catalog/deregister', json={'Node': 'web-1'})
        self.reattach(self.consul())


class TestRights(ConsulTest):
    def assert_refused(self, consul, text, node='web-1'):
        answer = consul.drain(self.server, node)
        self.assertIs(State.REFUSED, answer.state, answer)
        self.assertIn(text, answer.detail)
        self.assertIs(
            State.DONE, self.consul().reattach(self.server, node).state
        )
        self.assert_untouched()

    def test_none_too_many(self):
        node, agent, _ = re.findall(r'(?m)^\w+ "" {[^}]*}', _RULES)
        self.assert_refused(self.consul(agent), 'node:read')
        self.assert_refused(self.consul(node), "lacks permission 'agent:read'")
        self.assert_refused(
            self.consul(node.replace('write', 'read') + agent),
            "lacks permission 'node:write'",
        )

    def test_it_writes_some_nodes_only(self):
        self.dc.maint('web-2', '-enable', '-reason', 'disk')
        rules = _RULES.replace('write', 'read')
        consul = self.consul(
            f'{rules} node_prefix "web-1" {{ policy = "write" }}'
        )
        self.drain(consul)
        self.reattach(consul)
        self.assertEqual({'web-2': 'disk'}, self.dc.maintenance())
        other = self.server_of('web-2')
        self.until(consul.drain, other, 'web-2')
        self.dc.maint('web-2', '-disable')
        answer = consul.drain(other, 'web-2')
        self.assertIs(State.REFUSED, answer.state)
        self.assertIn("lacks permission 'node:write'", answer.detail)

    def test_a_token_for_one_server_alone(self):
        self.files.joinpath(self.server.server_id).write_text(
            self.dc.token(
                'node "web-1" { policy = "write" }'
                'agent "web-1" { policy = "read" }'
                'service_prefix "" { policy = "read" }'
            )
        )
        self.files.joinpath('catalog').write_text(
            self.dc.token(
                'node_prefix "" { policy = "read" }'
                'service_prefix "" { policy = "read" }'
            )
        )
        consul = self.consul(
            projects=[],
            token_file=f'{self.files}/{{id}}',
            insecure=True,
            cafile=None,
        )
        self.drain(consul)
        self.assertEqual({self.server.server_id}, consul.detached())
        self.reattach(consul)
        self.assert_untouched()

    def test_a_token_that_nobody_knows(self):
        secret = str(uuid.uuid4())
        consul = self.consul(token_file=self.token_file(secret))
        for verb in consul.drain, consul.reattach:
            try:
                said = verb(self.server, 'web-1')
                self.assertIs(State.REFUSED, said.state)
            except OrchestratorError as error:
                said = error
            self.assertIn('ACL not found', str(said))
            self.assertNotIn(secret, str(said))

    def test_no_token(self):
        consul = self.consul(token_file=None)
        self.assert_refused(consul, 'answered 403')

    def test_the_token_loses_its_rights_while_it_is_out(self):
        """Not to see it must not look as if it were not there."""
        self.drain(self.consul())
        for rules in 'agent_prefix "" { policy = "read" }', '':
            weak = self.consul(rules)
            self.assertRaises(
                OrchestratorError, weak.reattach, self.server, 'web-1'
            )
            self.assertRaises(OrchestratorError, weak.detached)
        self.reattach(self.consul())

    def test_a_node_that_is_another_server(self):
        """Its metadata claim it; the token stays here."""
        self.server = self.server_of('web-2')
        self.assert_refused(self.consul(), 'node web-1 is another one')

    def test_an_agent_that_is_of_another_node(self):
        port = self.dc.ports['https']
        wrong = f'https://{self.dc.address("web-2")}:{port}'
        self.assert_refused(
            self.consul(address=wrong),
            "not the agent of web-1, but of 'web-2'",
        )

    def test_no_node(self):
        self.assert_refused(self.consul(), 'has no node web-9', 'web-9')


class TestTLS(ConsulTest):
    def test_a_ca_that_did_not_sign_it(self):
        consul = self.consul(cafile=None)
        self.assertRaises(
            OrchestratorError, consul.drain, self.server, 'web-1'
        )
        self.assert_untouched()

    def test_the_name_in_the_certificate(self):
        consul = self.consul(tls_server_name='client.dc1.consul')
        self.drain(consul)
        self.reattach(consul)
        wrong = self.consul(tls_server_name='{node}.node.dc1.consul')
        error = self.assertRaises(
            OrchestratorError, wrong.drain, self.server, 'web-1'
        )
        self.assertIn('TLS failed', str(error))
        self.assertIn('web-1.node.dc1.consul', str(error))
        self.assert_untouched()

    def test_insecure(self):
        port = self.dc.ports['http']
        consul = self.consul(
            address=f'http://{{address}}:{port}', insecure=True, cafile=None
        )
        self.drain(consul)
        self.reattach(consul)
