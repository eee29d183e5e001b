"""Views and notifications over a real RabbitMQ, and through its restart.

``python -m tests.integration.test_broadcast TRANSPORT_URL`` is a worker of
nova-scheduler, as far as views are concerned: our listener on Nova's own
transport. It prints when each view was taken.
"""

# NOTE: before oslo.messaging, which would import eventlet. All modules here
# are imported to find the tests, and some embed a Nova, which forbids that.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import nova.conf
import oslo_messaging
from nova import config, rpc

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.messaging.acknowledgement import Receiver
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.messaging.view import Sender
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.scheduler import listener
from tests.integration import daemons
from tests.integration.broker import BrokerTestCase
from tests.unit import make

ROOT = pathlib.Path(__file__).parents[2]
MOVE = make.move('a-server', steal_before=0.3)


class BrokerTest(BrokerTestCase):
    options = (
        '[oslo_messaging_notifications]\ndriver = messagingv2\n'
        '[oslo_messaging_rabbit]\n'
        'rabbit_retry_interval = 1\nrabbit_interval_max = 1\n'
    )

    def _worker(self, name):
        directory = self.directory()
        heard, errors = directory / f'{name}.out', directory / f'{name}.err'
        self.keep(errors)
        with heard.open('wb') as out, errors.open('wb') as err:
            process = subprocess.Popen(
                [sys.executable, '-m', __name__, self.rabbitmq.url],
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return heard

    def _every_worker_hears(self, workers, sender):
        sent = set()

        def heard():
            sent.add(str(_send(sender)))
            got = (set(each.read_text().split()) for each in workers)
            return sent.intersection(*got)

        daemons.until('all workers have a view', heard)

    def test_every_worker_hears_and_hears_again(self):
        heard = [self._worker(f'worker-{n}') for n in (1, 2)]
        sender, notifier = Sender(self.conf), Notifier(self.conf)
        self._every_worker_hears(heard, sender)
        self.rabbitmq.daemon.stop()
        try:
            # A lost broker holds nobody.
            begun = time.monotonic()
            self.assertIsNone(_send(sender))
            notifier.send(MOVE.stage, MOVE)
            self.assertLess(time.monotonic() - begun, 60)
        finally:
            self.rabbitmq.daemon.start()
        self._every_worker_hears(heard, sender)

    def test_the_migrator_hears_who_took_the_view(self):
        self._worker('worker')
        sender, receiver = Sender(self.conf), Receiver(self.conf)
        self.rabbitmq.daemon.stop()
        try:
            begun = time.monotonic()
            receiver.start()
            self.assertEqual({}, receiver.heard(time.time()))
            self.assertLess(time.monotonic() - begun, 5)
        finally:
            self.rabbitmq.daemon.start()

        def heard():
            _send(sender)
            return receiver.heard(time.time())

        # A worker of a nova-scheduler whose nova.conf enables nothing.
        (told,) = daemons.until('it is heard', heard).values()
        self.assertEqual(socket.gethostname(), told.host)
        self.assertEqual((), told.classes)
        self.assertEqual(1000, told.max_placement_results)
        begun = time.monotonic()
        receiver.stop()
        self.assertLess(time.monotonic() - begun, 30)

    def test_others_are_told(self):
        told = []
        self._listen('notifications', told.append)
        notifier = Notifier(self.conf)
        notifier.send(MOVE.stage, MOVE)
        daemons.until('the notification came', lambda: told)
        self.assertEqual('steal_scheduler.move.drain', told[0][0])
        self.assertEqual('a-server', told[0][1]['server_id'])
        self.assertIs(True, told[0][1]['dry_run'])

    def _listen(self, topic, tell):
        class Endpoint:
            def info(self, ctxt, publisher, event_type, payload, metadata):
                tell((event_type, payload))

        ears = oslo_messaging.get_notification_listener(
            oslo_messaging.get_notification_transport(self.conf),
            [oslo_messaging.Target(topic=topic)],
            [Endpoint()],
        )
        ears.start()
        self.addCleanup(ears.wait)
        self.addCleanup(ears.stop)


def _send(sender):
    """Send a view; when it was taken, if it could be sent."""
    now = round(time.time(), 3)
    hosts = {'host': HostView(Tier.COLD, cores=16)}
    view = View(taken_at=now, hosts=hosts, roles={}, movers={})
    return now if sender.send(view) else None


def listen(url):
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(
            f'[DEFAULT]\ntransport_url = {url}\n'
            '[oslo_messaging_rabbit]\n'
            'rabbit_retry_interval = 1\nrabbit_interval_max = 1\n'
        )
        file.flush()
        config.parse_args(['probe', '--config-file', file.name])
    rpc.init(nova.conf.CONF)
    printed = 0.0

    def ended():
        nonlocal printed
        latest = listener.latest()
        if latest and latest.view.taken_at != printed:
            printed = latest.view.taken_at
            print(printed, flush=True)
        return False

    wait_for(ended, 600, 'the test to end this process')


if __name__ == '__main__':
    listen(*sys.argv[1:])
