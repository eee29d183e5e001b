import socket
import threading

import fixtures
import oslo_messaging
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.messaging import view_format
from steal_scheduler.messaging.view import RPC_VERSION, Sender, target
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.unit import bus
from tests.unit.make import NOW

VIEW = View(NOW, {'a': HostView(Tier.COLD, cores=16.0)}, {}, {})


class Listener:
    """A nova-scheduler worker, as far as the message bus goes."""

    target = oslo_messaging.Target(version=RPC_VERSION)

    def __init__(self) -> None:
        self.got = threading.Event()
        self.views: list[object] = []

    def view(self, ctxt: object, view: object) -> None:
        self.views.append(view)
        self.got.set()


class TestSender(base.BaseTestCase):
    def test_every_worker_gets_it(self) -> None:
        conf = bus.configuration()
        transport = oslo_messaging.get_rpc_transport(conf)
        workers = [Listener() for _ in range(2)]
        for n, worker in enumerate(workers):
            server = oslo_messaging.get_rpc_server(
                transport,
                target(f'host{n}'),
                [worker],
                executor='threading',
            )
            server.start()
            self.addCleanup(server.wait)
            self.addCleanup(server.stop)
        self.assertTrue(Sender(conf).send(VIEW))
        for worker in workers:
            self.assertTrue(worker.got.wait(30))
            self.assertEqual(
                [VIEW], [view_format.decode(v) for v in worker.views]
            )

    def test_an_error_in_the_url_does_not_tell_the_password(self) -> None:
        for url in ('rabit://u:hush@h/', 'rabbit://u:hu#sh@h:5672/'):
            conf = bus.configuration()
            conf.set_override('transport_url', url)
            error = self.assertRaises(ConfigError, Sender, conf)
            self.assertIn('transport_url', str(error))
            self.assertNotIn('hu', str(error).replace('such', ''))

    def test_a_broker_that_never_was_there(self) -> None:
        """By the driver that is in use: it is an error of kombu's."""
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        url = f'rabbit://me:s3cret@127.0.0.1:{port}/'
        self.assertFalse(Sender(bus.configuration(url)).send(VIEW))
        self.assertIn('Check [DEFAULT] transport_url', log.output)
        self.assertNotIn('s3cret', log.output)

    def test_a_broker_that_is_down(self) -> None:
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        sender = Sender(bus.configuration())

        def fails(*args: object, **kwargs: object) -> None:
            raise oslo_messaging.MessageDeliveryFailure('no broker')

        client = oslo_messaging.RPCClient
        down = fixtures.MockPatchObject(client, 'prepare', fails)
        cast = fixtures.MockPatchObject(client, 'cast', fails)
        with down, cast:
            self.assertFalse(sender.send(VIEW))
            self.assertFalse(sender.send(VIEW))
        # Said once, and once that it is over.
        self.assertEqual(1, log.output.count('no broker'))
        self.assertIn('Check [DEFAULT] transport_url', log.output)
        self.assertTrue(sender.send(VIEW))
        self.assertTrue(sender.send(VIEW))
        self.assertEqual(1, log.output.count('reaches nova-scheduler again'))
