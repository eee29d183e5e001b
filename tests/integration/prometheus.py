"""A real Prometheus that scrapes what the test serves, and its reader."""

import itertools
import json
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

import requests
from keystoneauth1 import loading
from oslo_config import cfg

from steal_scheduler.conf import signals
from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import Signals
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.integration import daemons, exporters

#: Seconds: short, so that it is soon full.
WINDOW = 6

E = TypeVar('E', bound=exporters.Exporter)

_numbers = itertools.count()


def source(max_age: int = 120, **options: Any) -> PrometheusSource:
    """Return what is tested, with these options."""
    conf = cfg.ConfigOpts()
    conf.register_opts(signals.OPTS, group='signals')
    conf.register_opts(PrometheusSource.OPTS, group='prometheus')
    # What keystoneauth asks for is registered when it is needed.
    conf.register_opts(
        [
            *loading.get_auth_common_conf_options(),
            *loading.get_auth_plugin_conf_options('http_basic'),
        ],
        group='prometheus',
    )
    conf([], default_config_files=[])
    conf.set_override('max_age', max_age, group='signals')
    for name, value in options.items():
        conf.set_override(name, value, group='prometheus')
    return PrometheusSource(conf)


class Prometheus:
    """Scrapes every second, and keeps what it knows over a restart."""

    def __init__(
        self,
        directory: pathlib.Path,
        web: dict[str, Any] | None = None,
        cafile: str | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param web: its web configuration: certificates, users
        :param cafile: what vouches for its certificate, if it has one
        """
        self._directory = directory
        port = daemons.free_port()
        self.url = f'http{"s" if cafile else ""}://127.0.0.1:{port}'
        self._cafile = cafile
        self._targets: list[dict[str, Any]] = []
        for name, config in ('web.yml', web or {}), ('prometheus.yml', {}):
            self._write(name, config)
        self.daemon = daemons.Daemon(
            'prometheus',
            [
                daemons.program('prometheus'),
                f'--config.file={directory}/prometheus.yml',
                f'--web.config.file={directory}/web.yml',
                f'--web.listen-address=127.0.0.1:{port}',
                f'--storage.tsdb.path={directory}/data',
            ],
            directory,
            self._ready,
        )

    def scrape(self, port: int, **labels: str) -> None:
        """Add a target; before it is started.

        :param labels: of its own, where its page has none of that name
        """
        self._targets.append(
            {'targets': [f'127.0.0.1:{port}'], 'labels': labels}
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._write(
            'prometheus.yml',
            {
                'global': {'scrape_interval': '1s', 'scrape_timeout': '1s'},
                'scrape_configs': [
                    {
                        'job_name': 'test',
                        'honor_labels': True,
                        'static_configs': self._targets,
                    }
                ],
            },
        )
        self.daemon.start()

    def stop(self) -> None:
        self.daemon.stop()

    def _write(self, name: str, config: dict[str, Any]) -> None:
        # JSON is YAML too.
        (self._directory / name).write_text(json.dumps(config))

    def _ready(self) -> bool:
        # NOTE: with users configured it answers 401, and is up all the same.
        response = requests.get(
            f'{self.url}/-/ready', timeout=5, verify=self._cafile
        )
        return response.status_code in (200, 401)


class PrometheusTestCase(daemons.TestCase):
    """One Prometheus for all tests; what one shows, the next does not see."""

    prometheus: Prometheus
    pages: exporters.Pages

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.prometheus = Prometheus(pathlib.Path(directory))
        cls.pages = cls.enterClassContext(
            exporters.Pages(f'/{number}' for number in range(9))
        )
        for path in cls.pages.paths:
            cls.prometheus.scrape(
                cls.pages.port, __metrics_path__=path, page=path
            )
        cls.enterClassContext(cls.prometheus)

    def setUp(self) -> None:
        super().setUp()
        self.keep(self.prometheus.daemon.log)
        self.addCleanup(self.pages.clear)
        #: That of all series of this test, and of no other one.
        self.mark = {'test': str(next(_numbers))}
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
        self.pages.show(exporter, **self.mark, **labels)
        return exporter

    def preset(self, **content: Any) -> str:
        """Write a preset file; return its path."""
        path = self.directory() / 'preset.yaml'
        # JSON is YAML too.
        path.write_text(json.dumps(content))
        return str(path)

    def source(self, selector: str = '', **options: Any) -> PrometheusSource:
        """Return what is tested; it sees what this test shows."""
        matchers = [
            f'test="{self.mark["test"]}"',
            *([selector] * bool(selector)),
        ]
        return source(
            url=self.prometheus.url,
            selector=', '.join(matchers),
            # What is older than the window would mean a broken test.
            **{'window': WINDOW, 'max_age': WINDOW, **options},
        )

    def start(self, **options: Any) -> Signals:
        """Begin to read; return the first reading."""
        self.reader = self.source(**options)
        return self.read_until('anything', lambda signals: True)

    def start_full(
        self,
        check: Callable[[Signals], None] = lambda signals: None,
        **options: Any,
    ) -> Signals:
        """Begin to read; return a reading of a full window that passes.

        :param check: asserts what it shows
        """
        self.start(**options)
        full = time.monotonic() + WINDOW + 1
        return self.read_until(
            'a full window', lambda signals: time.monotonic() > full, check
        )

    def read_until(
        self,
        what: str,
        condition: Callable[[Signals], Any],
        check: Callable[[Signals], None] = lambda signals: None,
    ) -> Signals:
        """Return the first reading that is so.

        :param check: asserts what it shows. Scrapes of a busy machine come
            late, and a window of them is wrong; a later one is right.
        """

        def attempt() -> Signals | None:
            signals = self.reader.read(time.time())
            if not condition(signals):
                return None
            check(signals)
            return signals

        failing = (SignalError, AssertionError)
        found = daemons.until(what, attempt, 60, failing)
        assert found is not None
        return found

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
