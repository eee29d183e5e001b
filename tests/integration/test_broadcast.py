"""Views and notifications over a real RabbitMQ, and through its restart."""

# NOTE: before oslo.messaging, which would import eventlet. All modules here
# are imported to find the tests, and some embed a Nova, which forbids that.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import pathlib
import subprocess
import sys
import tempfile
import time

import oslo_messaging
from oslo_config import cfg

from steal_scheduler.conf import opts
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.messaging.view import Sender
from steal_scheduler.model.host_view import HostView, Tier, View
from tests.integration import daemons
from tests.integration.rabbitmq import RabbitMQ
from tests.unit import make

ROOT = pathlib.Path(__file__).parents[2]
MOVE = make.move('a-server', steal_before=0.3)


class BrokerTest(daemons.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.rabbitmq = RabbitMQ(pathlib.Path(directory))
        cls.enterClassContext(cls.rabbitmq)

    def setUp(self):
        super().setUp()
        for daemon in self.rabbitmq.epmd, self.rabbitmq.daemon:
            self.keep(daemon.log)
        self.conf = cfg.ConfigOpts()
        opts.register(self.conf)
        path = self.directory() / 'migrator.conf'
        path.write_text(
            f'[DEFAULT]\ntransport_url = {self.rabbitmq.url}\n'
            '[oslo_messaging_notifications]\ndriver = messagingv2\n'
            '[oslo_messaging_rabbit]\n'
            'rabbit_retry_interval = 1\nrabbit_interval_max = 1\n'
        )
        self.conf([f'--config-file={path}'], default_config_files=[])

    def _worker(self, name):
        directory = self.directory()
        heard, errors = directory / f'{name}.out', directory / f'{name}.err'
        self.keep(errors)
        with heard.open('wb') as out, errors.open('wb') as err:
            process = subprocess.Popen(
                [
                    sys.executable,
                    '-m',
                    'tests.integration.scheduler_probe',
                    self.rabbitmq.url,
                ],
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

        daemons.until('all workers have a view', heard, within=120)

    def test_every_worker_hears_and_hears_again(self):
        heard = [self._worker(f'worker-{n}') for n in (1, 2)]
        sender, notifier = Sender(self.conf), Notifier(self.conf)
        self._every_worker_hears(heard, sender)
        self.rabbitmq.stop()
        try:
            # A lost broker holds nobody.
            begun = time.monotonic()
            self.assertIsNone(_send(sender))
            notifier.stage(MOVE)
            self.assertLess(time.monotonic() - begun, 60)
        finally:
            self.rabbitmq.start()
        self._every_worker_hears(heard, sender)

    def test_others_are_told(self):
        told = []
        self._listen('notifications', told.append)
        notifier = Notifier(self.conf)
        notifier.stage(MOVE)
        daemons.until('the notification came', lambda: told, within=30)
        self.assertEqual('steal_scheduler.move.drain', told[0][0])
        self.assertEqual('a-server', told[0][1]['server_id'])
        self.assertIs(True, told[0][1]['dry_run'])

    def _listen(self, topic, tell):
        class Endpoint:
            def info(self, ctxt, publisher, event_type, payload, metadata):
                tell((event_type, payload))

        listener = oslo_messaging.get_notification_listener(
            oslo_messaging.get_notification_transport(self.conf),
            [oslo_messaging.Target(topic=topic)],
            [Endpoint()],
        )
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)


def _send(sender):
    """Send a view; when it was taken, if it could be sent."""
    now = round(time.time(), 3)
    hosts = {'host': HostView(Tier.COLD, cores=16)}
    view = View(taken_at=now, hosts=hosts, roles={}, movers={})
    return now if sender.send(view) else None
