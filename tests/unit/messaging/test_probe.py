import socket
import time
from typing import Any

import fixtures
import oslo_messaging
from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.messaging import acknowledgement, probe, view, view_format
from steal_scheduler.model import scheduler as model
from tests.unit import bus
from tests.unit.messaging.test_acknowledgement import configuration


class Scheduler:
    """A nova-scheduler, as far as questions are concerned."""

    target = view.target()

    def __init__(self, conf: Any, host: str) -> None:
        transport = oslo_messaging.get_rpc_transport(conf)
        self._host = host
        self._client = oslo_messaging.get_rpc_client(
            transport, acknowledgement.target()
        )
        self.took: list[Any] = []
        self.server = oslo_messaging.get_rpc_server(
            transport, view.target(host), [self], executor='threading'
        )

    def view(self, ctxt: Any, view: Any) -> None:
        self.took.append(view)
        said = acknowledgement.encode(
            model.Scheduler(self._host, 0.0, ('StealFilter',), 9)
        )
        self._client.cast({}, 'acknowledge', acknowledgement=said)


class TestProbe(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = configuration()
        # What nobody has fetched would be told to the next test.
        transport = oslo_messaging.get_rpc_transport(self.conf)
        self.addCleanup(transport.cleanup)

    def scheduler(self, host: str) -> Scheduler:
        found = Scheduler(self.conf, host)
        found.server.start()
        self.addCleanup(found.server.wait)
        self.addCleanup(found.server.stop)
        return found

    def patch_seconds(self, echo: float, answer: float) -> None:
        for name, value in (
            ('ECHO_SECONDS', echo),
            ('ANSWER_SECONDS', answer),
        ):
            self.useFixture(fixtures.MonkeyPatch(f'{NAME}.{name}', value))

    def test_nobody_is_asked_for(self) -> None:
        self.assertEqual({}, probe.Probe(self.conf).ask())

    def test_all_answer(self) -> None:
        both = [self.scheduler(name) for name in 'ab']
        heard = probe.Probe(self.conf).ask({'a', 'b'})
        self.assertEqual({'a', 'b'}, heard.keys())
        self.assertEqual(('StealFilter',), heard['a'].classes)
        # What an older one takes for a view of another version.
        for scheduler in both:
            self.assertIn(view_format.QUESTION, scheduler.took)
            for said in scheduler.took:
                self.assertRaises(
                    view_format.ViewError, view_format.decode, said
                )

    def test_one_does_not(self) -> None:
        self.patch_seconds(60, 1)
        self.scheduler('a')
        begun = time.monotonic()
        heard = probe.Probe(self.conf).ask({'a', 'b'})
        self.assertEqual(['a'], [*heard])
        self.assertLess(time.monotonic() - begun, 50)

    def test_a_migrator_takes_no_notice(self) -> None:
        """Neither of what comes back, nor of who has no view."""
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        receiver = acknowledgement.Receiver(self.conf)
        receiver.start()
        self.addCleanup(receiver.stop)
        self.scheduler('a')
        probe.Probe(self.conf).ask({'a'})
        self.assertEqual({}, receiver.heard(time.time()))
        self.assertNotIn('WARNING', log.output)

    def test_a_broker_that_is_closed(self) -> None:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        url = f'rabbit://me:s3cret@127.0.0.1:{port}/'
        self.patch_seconds(60, 1)
        error = self.assertRaises(
            probe.BusError, probe.Probe(bus.configuration(url)).ask
        )
        self.assertIn('[DEFAULT] transport_url: ', str(error))
        self.assertIn('Connection refused', str(error))
        self.assertIn('Write it as in nova.conf', str(error))
        self.assertNotIn('s3cret', str(error))

    def test_a_broker_that_says_nothing(self) -> None:
        self.patch_seconds(1, 1)
        silent = self.enterContext(socket.socket())
        silent.bind(('127.0.0.1', 0))
        silent.listen()
        port = silent.getsockname()[1]
        conf = bus.configuration(f'rabbit://me:s3cret@127.0.0.1:{port}/')
        error = self.assertRaises(probe.BusError, probe.Probe(conf).ask)
        self.assertIn('no answer in 1 s', str(error))

    def test_no_address(self) -> None:
        conf = bus.configuration('rabit://127.0.0.1/')
        self.assertRaises(ConfigError, probe.Probe, conf)


NAME = probe.__name__
