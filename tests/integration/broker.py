"""Tests of what goes over a real RabbitMQ."""

# NOTE: before oslo.messaging, which would import eventlet. All modules here
# are imported to find the tests, and some embed a Nova, which forbids that.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import pathlib
import tempfile

from oslo_config import cfg

from steal_scheduler.conf import load
from tests.integration import daemons
from tests.integration.rabbitmq import RabbitMQ


class BrokerTestCase(daemons.TestCase):
    """One broker for all tests of a class, and what a migrator is told."""

    #: Of its configuration, besides where the broker is.
    options = ''

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
        load.register(self.conf)
        path = self.directory() / 'migrator.conf'
        path.write_text(
            f'[DEFAULT]\ntransport_url = {self.rabbitmq.url}\n{self.options}'
        )
        self.conf([f'--config-file={path}'], default_config_files=[])
