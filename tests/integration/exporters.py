"""What exporters show Prometheus, in their form, with a test's numbers.

The form (names of metrics and labels, seconds as the unit) was taken from
the exporters' own sources; the preset files name them.
Of steal-exporter it is the real one.
"""

import dataclasses
import time
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import exposition, registry
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)

from steal_scheduler.exporter import sample
from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector
from steal_scheduler.exporter.procfs import Failures
from tests.standins.transport import served


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

    def restart(self) -> None:
        """Let the counters begin again, as a new QEMU's do."""
        self.offset, self.since = 0.0, time.time()

    def counter(self, rate: float) -> float:
        lived = time.time() - self.since
        return self.offset + rate * (lived - lived % 2 * self.spiky)


class Exporter(registry.Collector):
    """What one exporter shows."""

    def collect(self) -> Iterator[Metric]:
        raise NotImplementedError


class Pages(served):
    """All exporters of a test, each with a page of its own on one port.

    Prometheus learns of a new port only after five seconds, so it is told of
    the pages before there is anything on them.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        super().__init__(self._answer)
        self.paths = tuple(paths)
        self._shown: dict[str, tuple[Exporter, dict[str, str]]] = {}

    def show(self, exporter: Exporter, **labels: str) -> None:
        """Show it with the labels that Prometheus would add elsewhere."""
        free = next(path for path in self.paths if path not in self._shown)
        self._shown[free] = exporter, labels

    def hide(self, exporter: Exporter) -> None:
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
    exporter: Exporter
    labels: dict[str, str]

    def collect(self) -> Iterator[Metric]:
        for metric in self.exporter.collect():
            metric.samples = [
                sample._replace(labels={**sample.labels, **self.labels})
                for sample in metric.samples
            ]
            yield metric


class Libvirt(Exporter):
    """The inovex and the Tinkoff exporter differ in the info metric only."""

    def __init__(self, info: str, uuid: str, servers: list[Server]) -> None:
        self._info = info
        self._uuid = uuid
        self.servers = servers

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
            for vcpu in range(server.vcpus):
                for metric, rate in (
                    (used, server.used),
                    (waited, server.waited),
                ):
                    metric.add_metric(
                        [server.domain, str(vcpu)],
                        server.counter(rate / server.vcpus),
                    )
        yield from (info, used, waited)


class Inovex(Libvirt):
    def __init__(self, servers: list[Server]) -> None:
        super().__init__(
            'libvirt_domain_openstack_info', 'instance_id', servers
        )


class Tinkoff(Libvirt):
    def __init__(self, servers: list[Server]) -> None:
        super().__init__('libvirt_domain_info_meta', 'uuid', servers)


class Steal(Exporter):
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
                    nanoseconds(server.used / server.vcpus),
                    nanoseconds(server.waited / server.vcpus),
                    runnable=True,
                )
                for vcpu in range(server.vcpus)
            ),
            (
                sample.Throttle(
                    server.domain, 1, 1, nanoseconds(server.throttled)
                ),
            ),
        )


class Node(Exporter):
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
