"""Exporters that a real Prometheus scrapes, and the source that reads it."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import Signals
from tests.integration import base, daemons, exporters
from tests.integration.prometheus import Prometheus, source

WINDOW = 6

E = TypeVar('E', bound=exporters.Exporter)


class TestCase(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.prometheus = Prometheus(self.directory())
        self.keep(self.prometheus.daemon.log)
        self.one = exporters.Server('uuid-1', 'instance-1', 2, 1.5, 0.4)
        self.two = exporters.Server('uuid-2', 'instance-2', 4, 0.8, 0.0)
        # Two hypervisors may use the same domain name.
        self.far = exporters.Server('uuid-3', 'instance-1', 1, 0.2, 0.7)
        self.homes = [
            (self.one, 'cmp-1'),
            (self.two, 'cmp-1'),
            (self.far, 'cmp-2.example'),
        ]

    def serve(self, exporter: E, **labels: str) -> E:
        self.enterContext(exporter)
        self.prometheus.scrape(exporter.port, **labels)
        return exporter

    def preset(self, **content: Any) -> str:
        """Write a preset file; return its path."""
        path = self.directory() / 'preset.yaml'
        # JSON is YAML too.
        path.write_text(json.dumps(content))
        return str(path)

    def start(self, **options: Any) -> Signals:
        """Start it; return the first reading."""
        self.enterContext(self.prometheus)
        # What is older than the window would mean a broken test.
        self.reader = source(
            url=self.prometheus.url,
            **{'window': WINDOW, 'max_age': WINDOW, **options},
        )
        return self.read_until('anything', lambda signals: True)

    def start_full(self, **options: Any) -> Signals:
        """Start it; return a reading with a full window."""
        self.start(**options)
        full = time.monotonic() + WINDOW + 1
        return self.read_until(
            'a full window', lambda signals: time.monotonic() > full
        )

    def read_until(
        self,
        what: str,
        condition: Callable[[Signals], Any],
        within: float = 30,
    ) -> Signals:
        """Return the first reading that is so."""

        def attempt() -> Signals | None:
            signals = self.reader.read(time.time())
            return signals if condition(signals) else None

        found = daemons.until(what, attempt, within, failing=(SignalError,))
        assert found is not None
        return found

    def queries(self) -> int:
        """Return what a reading costs."""
        before = self.reader.queries.total()
        self.reader.read(time.time())
        return self.reader.queries.total() - before

    def steal_exporters(self) -> tuple[exporters.Steal, exporters.Steal]:
        near = exporters.Steal(16, [self.one, self.two])
        far = exporters.Steal(8, [self.far])
        return (
            self.serve(near, instance='cmp-1:9178'),
            self.serve(far, instance='cmp-2.example:9178'),
        )

    def nodes(self, ahead: float = 0.0, **labels: str) -> None:
        """node_exporter on both hypervisors."""
        for cores, name in ((16, 'cmp-1'), (8, 'cmp-2.example')):
            node = exporters.Node(cores, 9.0, None, ahead)
            self.serve(node, instance=f'{name}:9100', **labels)

    def close(
        self, expected: float, measured: float | None, what: object = None
    ) -> None:
        """Assert that it is that, but for the jitter of scrapes."""
        self.assertIsNotNone(measured, what)
        self.assertAlmostEqual(
            expected, measured, delta=0.1 * abs(expected) + 1e-6, msg=what
        )

    def assert_measured(
        self,
        signals: Signals,
        homes: list[tuple[exporters.Server, str]],
    ) -> None:
        self.assertEqual(
            {server.server_id for server, _ in homes}, set(signals.servers)
        )
        for server, host in homes:
            signal = signals.servers[server.server_id]
            self.assertEqual(host, signal.host)
            self.close(server.used, signal.used, server)
            self.close(server.waited, signal.waited, server)

    def assert_hypervisors(self, signals: Signals) -> None:
        self.assert_measured(signals, self.homes)
        self.assertEqual(
            {'cmp-1': 16, 'cmp-2.example': 8},
            {host.host: host.cores for host in signals.hosts.values()},
        )
