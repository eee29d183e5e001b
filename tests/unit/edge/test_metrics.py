import socket
import urllib.request

import prometheus_client
from oslotest import base

from steal_scheduler.edge import metrics
from steal_scheduler.exception import ConfigError, StealError


class TestServe(base.BaseTestCase):
    def test_over_http_and_once(self) -> None:
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        registry = prometheus_client.CollectorRegistry()
        prometheus_client.Gauge('leader', '', registry=registry)
        options = {'metrics_host': '127.0.0.1', 'metrics_port': port}
        given = (registry, {'migrator': options}, 'migrator', 'metrics')
        server = metrics.serve(*given)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with urllib.request.urlopen(
            f'http://127.0.0.1:{port}/metrics', timeout=30
        ) as answer:
            self.assertIn(b'leader 0.0', answer.read())
        error = self.assertRaises(StealError, metrics.serve, *given)
        # The program that has it may end.
        self.assertNotIsInstance(error, ConfigError)
        self.assertIn('[migrator] metrics_host = ', str(error))
        self.assertIn(f'metrics_port = {port}', str(error))

    def test_an_address_of_another_host(self) -> None:
        options = {'metrics_host': '192.0.2.1', 'metrics_port': 0}
        self.assertRaises(
            ConfigError,
            metrics.serve,
            prometheus_client.CollectorRegistry(),
            {'migrator': options},
            'migrator',
            'metrics',
        )
