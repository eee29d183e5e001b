"""Exporters with a test's numbers, and how a Prometheus that has them is read.

What they show (names of metrics and labels, seconds as the unit) was taken
from the exporters' own sources; the preset files name them. Of steal-exporter
it is the real one.
"""

import dataclasses
import functools
import itertools
import json
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from keystoneauth1 import loading
from prometheus_client import exposition, registry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)

from steal_scheduler.exception import SignalError
from steal_scheduler.exporter import sample
from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector
from steal_scheduler.exporter.procfs import Failures
from steal_scheduler.model.cloud import Signals
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.integration import daemons
from tests.standins.transport import served
from tests.unit.options import configuration

#: Seconds: short, so that it is soon full.
WINDOW = 6

E = TypeVar('E', bound=registry.Collector)

_numbers = itertools.count()


@dataclasses.dataclass
class Server:
    """A server whose counters run at constant rates."""

    server_id: str
    domain: str
    vcpus: int
    #: Cores.
    used: float
    waited: float
    #: What the counters began with, and when.
    offset: float = 1000.0
    since: float = dataclasses.field(default_factory=time.time)
    #: Cores of ``waited`` that its own quota holds back.
    throttled: float = 0.0
    #: It does in one second what else it does in two, then rests.
    spiky: bool = False
    #: Its first vCPU does so much of it; None for as much as the others.
    first: float | None = None

    def part(self, vcpu: int) -> float:
        """What of all that it does one vCPU does."""
        if self.first is None or self.vcpus == 1:
            return 1 / self.vcpus
        rest = (1 - self.first) / (self.vcpus - 1)
        return rest if vcpu else self.first

    def restart(self) -> None:
        """Let the counters begin again, as a new QEMU's do."""
        self.offset, self.since = 0.0, time.time()

    def counter(self, rate: float) -> float:
        lived = time.time() - self.since
        return self.offset + rate * (lived - lived % 2 * self.spiky)


class Pages(served):
    """All exporters of a test, each with a page of its own on one port.

    Prometheus learns of a new port only after five seconds, so it is told of
    the pages before there is anything on them.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__(self._answer)
        self.paths = tuple(paths)
        self._shown: dict[str, tuple[registry.Collector, dict[str, str]]] = {}

    def show(self, exporter: registry.Collector, **labels: str) -> None:
        """Show it with the labels that Prometheus would add elsewhere."""
        free = next(path for path in self.paths if path not in self._shown)
        self._shown[free] = exporter, labels

    def hide(self, exporter: registry.Collector) -> None:
        """From now on nobody answers there."""
        for path, (shown, _) in list(self._shown.items()):
            if shown is exporter:
                del self._shown[path]

    def clear(self) -> None:
        self._shown.clear()

    def _answer(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        shown = self._shown.get(environ['PATH_INFO'])
        start('200 OK' if shown else '404 Not Found', [])
        return [exposition.generate_latest(_Labelled(*shown))] if shown else []


@dataclasses.dataclass(frozen=True)
class _Labelled(registry.Collector):
    exporter: registry.Collector
    labels: dict[str, str]

    def collect(self) -> Iterator[Metric]:
        for metric in self.exporter.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **self.labels})
                for sample in metric.samples
            ]
            yield metric


class Libvirt(registry.Collector):
    """The inovex and the Tinkoff exporter differ in the info metric only."""

    def __init__(self, info: str, uuid: str, servers: list[Server]) -> None:
        self._info = info
        self._uuid = uuid
        self.servers = servers
        #: Of each server so many vCPUs have a delay; None for all.
        self.delays: int | None = None
        #: Domains and what else they are said to be, as a job that is gone
        #: did.
        self.stale: list[tuple[str, str]] = []

    def collect(self) -> Iterator[Metric]:
        per_vcpu = ['domain', 'vcpu']
        info = GaugeMetricFamily(
            self._info, '-', labels=['domain', self._uuid, 'instance_name']
        )
        used = CounterMetricFamily(
            'libvirt_domain_vcpu_time_seconds', '-', labels=per_vcpu
        )
        waited = CounterMetricFamily(
            'libvirt_domain_vcpu_delay_seconds', '-', labels=per_vcpu
        )
        for server in self.servers:
            info.add_metric([server.domain, server.server_id, 'any'], 1)
            for metric, rate, vcpus in (
                (used, server.used, server.vcpus),
                (waited, server.waited, self.delays or server.vcpus),
            ):
                for vcpu in range(vcpus):
                    metric.add_metric(
                        [server.domain, str(vcpu)],
                        server.counter(rate * server.part(vcpu)),
                    )
        for domain, server_id in self.stale:
            info.add_metric([domain, server_id, 'any'], 1)
        yield from (info, used, waited)


Inovex = functools.partial(
    Libvirt, 'libvirt_domain_openstack_info', 'instance_id'
)
Tinkoff = functools.partial(Libvirt, 'libvirt_domain_info_meta', 'uuid')


class Steal(registry.Collector):
    """steal-exporter: its own counters and pages, of samples from here."""

    def __init__(self, cores: int, servers: list[Server]) -> None:
        """Describe it; it samples whenever it is scraped."""
        self.servers = servers
        #: Seconds by which the clock of its host is ahead.
        self.ahead = 0.0
        self.stands_still = False
        self._counters = Accumulator(cores, wait_limit=10, load_limit=70)
        self._collector = ExporterCollector(self._counters, Failures().counts)

    def collect(self) -> Iterator[Metric]:
        with self._counters.lock:
            if not self.stands_still:
                at = time.monotonic() + self.ahead
                self._counters.add(
                    sample.Sample(at, tuple(map(self._server, self.servers)))
                )
        yield from self._collector.collect()

    def _server(self, server: Server) -> sample.Server:
        def nanoseconds(rate: float) -> int:
            return int(server.counter(rate) * 1e9)

        return sample.Server(
            server.server_id,
            server.domain,
            tuple(
                sample.Thread(
                    # A new QEMU has new threads.
                    (vcpu, int(server.since * 1e6)),
                    nanoseconds(server.used * server.part(vcpu)),
                    nanoseconds(server.waited * server.part(vcpu)),
                    runnable=True,
                )
                for vcpu in range(server.vcpus)
            ),
            (
                sample.Throttle(
                    server.domain, 1, 1, nanoseconds(server.throttled)
                ),
            ),
            # They do a tenth of what its vCPUs do, each.
            tuple(
                sample.Other(
                    (server.vcpus + n, int(server.since * 1e6)),
                    kind,
                    nanoseconds(server.used / 10),
                    nanoseconds(server.waited / 10),
                )
                for n, kind in enumerate(sample.Kind)
            ),
        )


class Node(registry.Collector):
    """node_exporter, on a hypervisor or in a guest."""

    def __init__(
        self,
        cores: int,
        load: float,
        server: Server | None,
        ahead: float = 0.0,
    ) -> None:
        """Describe it.

        :param server: the guest it runs in; None on a hypervisor
        :param ahead: seconds by which its clock is ahead
        """
        self._ahead = ahead
        self._cores = cores
        self._load = load
        self._server = server or Server('', '', cores, used=1.0, waited=0.0)

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily('node_load1', '-', self._load)
        yield GaugeMetricFamily(
            'node_time_seconds', '-', time.time() + self._ahead
        )
        seconds = CounterMetricFamily(
            'node_cpu_seconds', '-', labels=['cpu', 'mode']
        )
        server = self._server
        # Used time in two modes, and idle time of both kinds.
        for mode, rate in (
            ('user', server.used * 0.75),
            ('system', server.used * 0.25),
            ('steal', server.waited),
            ('idle', 0.5),
            ('iowait', 0.5),
        ):
            for cpu in range(self._cores):
                seconds.add_metric(
                    [str(cpu), mode], server.counter(rate / self._cores)
                )
        yield seconds


def source(max_age: int = 120, **options: Any) -> PrometheusSource:
    """Return what is tested, with these options."""
    # What keystoneauth asks for is registered when it is needed.
    login = [
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options('http_basic'),
    ]
    opts = [*PrometheusSource.OPTS, *login]
    conf = configuration('prometheus', opts, **options)
    conf.set_override('max_age', max_age, group='signals')
    return PrometheusSource(conf)


class PrometheusTestCase(daemons.TestCase):
    """One Prometheus for all tests; what one shows, the next does not see."""

    prometheus: daemons.Prometheus
    pages: Pages

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.prometheus = daemons.Prometheus(pathlib.Path(directory))
        cls.pages = cls.enterClassContext(
            Pages(f'/{number}' for number in range(9))
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
        self.one = Server('uuid-1', 'instance-1', 2, 1.5, 0.4)
        self.two = Server('uuid-2', 'instance-2', 4, 0.8, 0.0)
        # Two hypervisors may use the same domain name.
        self.far = Server('uuid-3', 'instance-1', 1, 0.2, 0.7)
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
        found = daemons.until(what, attempt, failing=failing)
        assert found is not None
        return found

    def steal_exporters(self) -> tuple[Steal, Steal]:
        near = Steal(16, [self.one, self.two])
        far = Steal(8, [self.far])
        return (
            self.serve(near, instance='cmp-1:9178'),
            self.serve(far, instance='cmp-2.example:9178'),
        )

    def nodes(self, ahead: float = 0.0, **labels: str) -> None:
        """node_exporter on both hypervisors."""
        for cores, name in ((16, 'cmp-1'), (8, 'cmp-2.example')):
            node = Node(cores, 9.0, None, ahead)
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
        homes: list[tuple[Server, str]],
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
