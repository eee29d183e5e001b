import collections
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import fixtures
import oslo_messaging
from oslo_messaging._drivers import base as drivers
from oslo_messaging._drivers import impl_fake
from oslo_messaging.rpc import server
from oslotest import base

from steal_scheduler.exception import (
    ConfigError,
    NoLeader,
    RequestRefused,
    StealError,
)
from steal_scheduler.messaging import leader_rpc
from steal_scheduler.messaging.leader_rpc import LeaderClient, LeaderServer
from tests.shared import PATIENCE
from tests.unit import bus

WHO = {'user_name': 'alice', 'roles': ['admin']}
REQUEST: dict[str, Any] = {
    'method': 'pause',
    'args': {},
    'who': WHO,
    # However long the tests before take, which have read this module as well.
    'until': time.time() + 86400,
}


class Desk:
    """Answers what it is asked, and remembers it."""

    def __init__(self, name: str = 'c1') -> None:
        self.name = name
        self.asked: list[Any] = []
        self.leads = True
        #: What a request that is to hang waits for.
        self.go_on = threading.Event()
        self.hangs = threading.Semaphore(0)

    def answer(
        self, method: str, args: Mapping[str, Any], who: Mapping[str, Any]
    ) -> dict[str, Any]:
        self.asked.append((method, args, who))
        if method == 'hang':
            self.hangs.release()
            self.go_on.wait(PATIENCE)
        elif method == 'large':
            return {'servers': ['x' * 50] * 10_000}
        elif method == 'refuse':
            raise RequestRefused('conflict', 'it is locked')
        elif method == 'fail':
            raise StealError('Nova did not answer')
        elif method == 'stumble':
            raise ZeroDivisionError
        elif method == 'nan':
            return {'steal': float('nan')}
        return {'leader': self.name}


class TestLeaderRpc(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = bus.configuration()
        self.addCleanup(impl_fake.FakeExchangeManager.cleanup)
        self.patch(leader_rpc, '_LOOK_SECONDS', 0.01)
        self.patch(leader_rpc, '_TRY_SECONDS', 0.01)
        self.log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        self.client = LeaderClient(self.conf)
        self.desk = Desk()

    def serve(self, desk: Desk) -> LeaderServer:
        found = LeaderServer(self.conf, lambda: desk.leads, desk.answer)
        found.start()
        self.addCleanup(found.stop)
        self.addCleanup(desk.go_on.set)
        return found

    def call(self, method: str = 'summary', **args: Any) -> dict[str, Any]:
        return self.client.call(WHO, method, args)

    def test_it_answers(self) -> None:
        self.serve(self.desk)
        self.assertEqual({'leader': 'c1'}, self.call(zone='az1'))
        self.assertEqual([('summary', {'zone': 'az1'}, WHO)], self.desk.asked)
        self.assertEqual(10_000, len(self.call('large')['servers']))

    def test_it_says_no(self) -> None:
        self.serve(self.desk)
        for method, reason, text in (
            ('refuse', 'conflict', 'it is locked'),
            ('fail', 'failed', 'Nova did not answer'),
            ('stumble', 'failed', 'It failed: see the log'),
            ('nan', 'failed', 'It failed: see the log'),
        ):
            error = self.assertRaises(RequestRefused, self.call, method)
            self.assertEqual(reason, error.reason)
            self.assertIn(text, str(error))
        self.assertIn('ZeroDivisionError', self.log.output)
        # And goes on.
        self.assertEqual({'leader': 'c1'}, self.call())

    def test_what_is_no_request(self) -> None:
        endpoint = leader_rpc.Endpoint(lambda: True, self.desk.answer)
        for change in (
            {'method': None},
            {'method': []},
            {'args': None},
            {'args': 'zone'},
            {'who': 'alice'},
            {'until': 'tomorrow'},
            {'until': None},
        ):
            found = endpoint.call({}, REQUEST | change)
            self.assertEqual('invalid', found['refused']['reason'])
        for request in (None, 'x', [], {}, 1):
            found = endpoint.call({}, request)
            self.assertEqual('invalid', found['refused']['reason'])
        self.assertEqual([], self.desk.asked)
        self.assertEqual(
            {'leader': 'c1'}, endpoint.call({}, REQUEST)['answer']
        )

    def test_what_comes_late_is_not_done(self) -> None:
        """It has lain in the broker, and nobody waits for it any more."""
        endpoint = leader_rpc.Endpoint(lambda: True, self.desk.answer)
        for until in (time.time() - 1, float('nan')):
            found = endpoint.call({}, REQUEST | {'until': until})
            self.assertEqual('busy', found['refused']['reason'])
        self.assertEqual([], self.desk.asked)

    def test_nobody_listens(self) -> None:
        """The broker gives it back, and nobody waits for a time-out."""

        def deliver(
            driver: object, target: Any, *args: object, **kwargs: Any
        ) -> None:
            self.assertTrue(kwargs['transport_options'].at_least_once)
            raise oslo_messaging.MessageUndeliverable(
                'NO_ROUTE', target.exchange, target.topic, None
            )

        self.patch(impl_fake.FakeDriver, 'send', deliver)
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('No steal-migrator leads now', str(error))

    def test_no_answer_in_time(self) -> None:
        self.patch(leader_rpc, 'TIMEOUT', 0.1)
        self.client = LeaderClient(self.conf)
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('did not answer in time', str(error))

    def test_a_broker_that_hangs(self) -> None:
        self.addCleanup(self.desk.go_on.set)

        def hang(*args: object, **kwargs: object) -> None:
            self.desk.go_on.wait(PATIENCE)

        self.patch(impl_fake.FakeDriver, 'send', hang)
        self.patch(leader_rpc, 'TIMEOUT', 0.1)
        self.patch(leader_rpc, 'SIGN_TIMEOUT', 0)
        self.patch(leader_rpc, 'MOST_CALLS', 2)
        self.client = LeaderClient(self.conf)
        said = [str(self.assertRaises(NoLeader, self.call)) for _ in range(3)]
        self.assertEqual(
            ['did not answer'] * 2 + ['try again later'],
            [
                s
                for each in said
                for s in ('did not answer', 'try again later')
                if s in each
            ],
        )

    def test_a_broker_that_is_down(self) -> None:
        def refuse(*args: object, **kwargs: object) -> None:
            raise oslo_messaging.MessageDeliveryFailure('no\nbroker.')

        self.patch(impl_fake.FakeDriver, 'send', refuse)
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('no broker. Check [DEFAULT] transport_url', str(error))

    def test_the_last_one_who_listened_is_gone(self) -> None:
        """RabbitMQ deletes the exchange with its last queue."""

        def refuse(*args: object, **kwargs: object) -> None:
            raise oslo_messaging.MessageDeliveryFailure(
                'Unable to connect after 1 tries: Basic.publish: (404) '
                "NOT_FOUND - no exchange 'steal_scheduler_leader' in vhost"
            )

        self.patch(impl_fake.FakeDriver, 'send', refuse)
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('No steal-migrator leads now', str(error))

    def test_another_version_of_it(self) -> None:
        older = oslo_messaging.get_rpc_server(
            oslo_messaging.get_rpc_transport(self.conf),
            leader_rpc.target('c1'),
            [
                collections.namedtuple('Older', 'target')(
                    oslo_messaging.Target(version='0.1')
                )
            ],
            executor='threading',
        )
        older.start()
        self.addCleanup(older.wait)
        self.addCleanup(older.stop)
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('Upgrade it as well', str(error))

    def test_only_who_leads_answers(self) -> None:
        first, second = Desk('c1'), Desk('c2')
        second.leads = False
        self.serve(first)
        self.serve(second)
        for _ in range(4):
            self.assertEqual('c1', self.call()['leader'])
        first.leads, second.leads = False, True
        for _ in range(4):
            self.assertEqual('c2', self.call()['leader'])
        self.assertEqual(4, len(first.asked))

    def test_one_that_has_ceased_to_lead(self) -> None:
        """Its server has not stopped yet."""
        self.patch(leader_rpc, '_LOOK_SECONDS', PATIENCE)
        self.serve(self.desk)
        self.call()
        self.desk.leads = False
        error = self.assertRaises(NoLeader, self.call)
        self.assertIn('No steal-migrator leads now', str(error))
        self.assertEqual(1, len(self.desk.asked))

    def test_one_that_hangs_costs_itself(self) -> None:
        self.serve(self.desk)
        waits = threading.Thread(target=self.call, args=('hang',))
        waits.start()
        self.assertTrue(self.desk.hangs.acquire(timeout=PATIENCE))
        self.assertEqual({'leader': 'c1'}, self.call())
        self.desk.go_on.set()
        waits.join(PATIENCE)
        self.assertFalse(waits.is_alive())

    def test_a_broker_that_is_down_at_first(self) -> None:
        self.patch(leader_rpc, '_RETRY_SECONDS', 0.01)
        refused = threading.Semaphore(0)
        start = server.RPCServer.start

        def refuse(*args: object, **kwargs: object) -> None:
            refused.release()
            raise oslo_messaging.MessageDeliveryFailure('no broker')

        self.patch(server.RPCServer, 'start', refuse)
        self.serve(self.desk)
        for _ in range(3):
            self.assertTrue(refused.acquire(timeout=PATIENCE))
        self.patch(server.RPCServer, 'start', start)
        self.assertEqual({'leader': 'c1'}, self.call())
        self.assertEqual(1, self.log.output.count('Requests not heard yet'))

    def test_a_broker_that_is_down_at_the_end(self) -> None:
        """Who has led with it listens when he leads again."""
        stopped = threading.Event()
        adapter = drivers.PollStyleListenerAdapter
        cleanup = adapter.cleanup

        def breaks(self: Any) -> None:
            cleanup(self)
            if not stopped.is_set():
                stopped.set()
                raise OSError('Broken pipe')

        self.patch(adapter, 'cleanup', breaks)
        self.serve(self.desk)
        self.call()
        self.desk.leads = False
        self.assertTrue(stopped.wait(PATIENCE))
        self.desk.leads = True
        self.assertEqual({'leader': 'c1'}, self.call())

    def test_an_url_that_cannot_be_used(self) -> None:
        self.conf.set_override('transport_url', 'rabit://u:hush@h/')
        for make in (
            lambda: LeaderClient(self.conf),
            lambda: LeaderServer(self.conf, lambda: True, self.desk.answer),
        ):
            error = self.assertRaises(ConfigError, make)
            self.assertNotIn('hush', str(error))
