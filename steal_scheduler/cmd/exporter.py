"""``steal-exporter``: on each hypervisor, one process."""

import os
import resource
import signal
import sys
import threading
from typing import Any

import prometheus_client as prometheus
from oslo_log import log

from steal_scheduler import startup
from steal_scheduler.edge import metrics
from steal_scheduler.edge.unread import closed, files, of_libraries, unread
from steal_scheduler.exception import ConfigError, StealError
from steal_scheduler.exporter import options, preflight, sampler
from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.collector import ExporterCollector

LOG = log.getLogger(__name__)


def serve(conf: Any, stopping: threading.Event) -> None:
    """Check, listen, and sample until it is told to stop.

    :raises ConfigError: an option is wrong, or rights are missing
    """
    group = conf.exporter
    for missing in preflight.check(group.proc_path, group.cgroup_path):
        LOG.warning('%s', missing)
    online = preflight.online_cores(group.proc_path)
    cores = preflight.count_cores(group.cores, online)
    counters = Accumulator(cores, group.wait_limit, group.load_limit)
    # Two files for each vCPU are open, and a directory for each server.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    proc = sampler.Proc(group.proc_path, group.cgroup_path)
    registry = prometheus.CollectorRegistry()
    registry.register(ExporterCollector(counters, proc.failures.counts))
    # What it costs itself: process_cpu_seconds_total and its kin.
    prometheus.ProcessCollector(registry=registry)
    server = metrics.serve(registry, conf, 'exporter', 'listen')
    try:
        sampler.run(proc, counters, stopping)
    finally:
        server.shutdown()
        server.server_close()
        proc.close()


def main() -> int:
    """Run until it is told to stop.

    :returns: 78, EX_CONFIG, where a restart does not help
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        conf = startup.load(
            sys.argv[1:], 'steal-exporter', 'steal-exporter', options.register
        )
        startup.check_values(conf)
        startup.set_up_log(conf)
        known = [*options.list_opts(), *of_libraries('oslo.log')]
        hidden = () if conf.config_file else closed('steal-exporter')
        for line in (*unread(files(conf), known, {}), *hidden):
            LOG.warning('%s', line)
        serve(conf, stopping)
    except StealError as error:
        print(f'steal-exporter: {error}', file=sys.stderr)
        return os.EX_CONFIG if isinstance(error, ConfigError) else 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
