"""``steal-exporter``: on each hypervisor, one process."""

import resource
import signal
import sys
import threading
from typing import Any

import prometheus_client as prometheus
from oslo_log import log

from steal_scheduler.exception import ConfigError, StealError
from steal_scheduler.exporter import cores, options, rights
from steal_scheduler.exporter.accumulate import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector
from steal_scheduler.exporter.proc import Proc
from steal_scheduler.exporter.sampler import Sampler

LOG = log.getLogger(__name__)


def serve(conf: Any, stopping: threading.Event) -> None:
    """Check, listen, and sample until it is told to stop.

    :raises ConfigError: an option is wrong, or rights are missing
    """
    group = conf.exporter
    counters = Accumulator(
        cores.count(group.cores),
        group.wait_limit,
        group.load_limit,
        group.sample_interval,
    )
    for missing in rights.check(group.proc_path, group.cgroup_path):
        LOG.warning('%s', missing)
    raise_file_limit()
    proc = Proc(group.proc_path, group.cgroup_path)
    lock = threading.Lock()
    registry = prometheus.CollectorRegistry()
    registry.register(ExporterCollector(counters, proc.failures, lock))
    # What it costs itself: process_cpu_seconds_total and its kin.
    prometheus.ProcessCollector(registry=registry)
    server = listen(group, registry)
    try:
        Sampler(proc, counters, group.sample_interval, lock).run(stopping)
    finally:
        server.shutdown()
        server.server_close()
        proc.close()


def listen(group: Any, registry: prometheus.CollectorRegistry) -> Any:
    host, port = group.listen_host, group.listen_port
    try:
        server, _ = prometheus.start_http_server(
            port, addr=host, registry=registry
        )
    except OSError as error:
        raise ConfigError(
            f'[exporter] listen_host = {host!r}, listen_port = {port} cannot '
            f'be bound: {error}. Is another exporter running?'
        ) from error
    LOG.info('Metrics on %s, port %d', host, server.server_port)
    return server


def raise_file_limit() -> None:
    """Two files for each vCPU are open, and one for each cgroup."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        conf = options.load(sys.argv[1:])
        log.setup(conf, options.PROJECT)
        serve(conf, stopping)
    except StealError as error:
        print(f'steal-exporter: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
