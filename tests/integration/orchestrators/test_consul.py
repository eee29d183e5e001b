"""The orchestrator ``consul`` against a real Consul, with the least rights."""

import contextlib
import pathlib
import signal
import tempfile
import threading
import time
import unittest

import requests

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.orchestrators.base import State
from tests.contract.consul import (
    MAINTENANCE,
    RIGHTS,
    ApiContract,
    ConsulContract,
)
from tests.contract.consul_drain import DrainContract
from tests.integration import daemons
from tests.integration.consul import Datacenter

_ROOT = pathlib.Path(__file__).parents[3]
_RULES = (_ROOT / 'etc/consul/steal-migrator.hcl').read_text()
#: What differs between two runs, whoever does it.
_EACH_TIME = {'Notes', 'CreateIndex', 'ModifyIndex'}


def setUpModule():
    """One datacenter for all of them."""
    memory = '/dev/shm' if pathlib.Path('/dev/shm').is_dir() else None
    directory = unittest.enterModuleContext(
        tempfile.TemporaryDirectory(dir=memory)
    )
    ConsulTest.dc = unittest.enterModuleContext(
        Datacenter(pathlib.Path(directory), ['web-1', 'web-2'])
    )
    for node in ConsulTest.dc.nodes:
        ConsulTest.dc.register(node, 'shop')


class ConsulTest(ConsulContract, daemons.TestCase):
    """Two nodes that offer the same; the first is the server that moves."""

    dc: Datacenter

    def setUp(self):
        super().setUp()
        for log in self.dc.logs:
            self.keep(log)
        self.files = self.directory()
        self.server = self.server_of('web-1')
        for node in self.dc.nodes:
            self.addCleanup(self.dc.maint, node, '-disable')

    # -- how the tests have their way --------------------------------------

    def address(self, node):
        return self.dc.address(node)

    def options(self):
        return {
            'address': f'https://{{address}}:{self.dc.ports["https"]}',
            'networks': [self.dc.network],
            'catalog': self.dc.server,
            'cafile': str(self.dc.cafile),
            'timeout': 2,
            'settle': 0.3,
        }

    def token(self, rights):
        if rights == RIGHTS:
            return self.dc.token(_RULES)
        return self.dc.token(
            ''.join(
                f'{resource}_prefix "" {{ policy = "{right}" }}\n'
                for resource, right in rights.items()
            )
        )

    def ask(self, method, path, token, node=''):
        url = self.dc.agent(node) if node else self.dc.server
        headers = {'X-Consul-Token': token}
        answer = requests.request(
            method, f'{url}{path}', headers=headers, timeout=10
        )
        return answer.status_code, answer.headers, answer.text

    def maintain(self, node, reason):
        on = ('-enable', '-reason', reason) if reason else ('-disable',)
        self.dc.maint(node, *on)

    def shown(self):
        return self.dc.maintenance()

    def wait(self, predicate, what):
        return daemons.until(what, predicate)

    def until(self, verb, *args, state=State.DONE, failing=()):
        def ended():
            answer = verb(*args)
            return answer if answer.state is not State.WAITING else None

        answer = daemons.until('an answer', ended, failing=failing)
        self.assertIs(state, answer.state, answer)
        return answer

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


class TestContract(ApiContract, DrainContract, ConsulTest):
    pass


class TestOut(ConsulTest):
    def test_nobody_is_sent_there(self):
        consul = self.consul()
        self.assert_in('web-1', 'web-2')
        first = consul.drain(self.server, 'web-1')
        self.assertIs(State.WAITING, first.state)
        self.drain(consul)
        self.assert_in('web-2')
        self.reattach(consul)
        self.assert_in('web-1', 'web-2')

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
    def test_it_writes_some_nodes_only(self):
        self.dc.maint('web-2', '-enable', '-reason', 'disk')
        rules = _RULES.replace('write', 'read')
        token = self.dc.token(
            f'{rules} node_prefix "web-1" {{ policy = "write" }}'
        )
        consul = self.consul(token_file=self.token_file(token))
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
