"""``[exporter]`` of steal-exporter.conf, a file of its own."""

from typing import Any

from oslo_config import cfg

from steal_scheduler.edge.option import number

GROUP = 'exporter'

OPTS = [
    cfg.HostAddressOpt(
        'listen_host',
        default='127.0.0.1',
        help="""
Address on which the metrics are served, at /metrics: an IP address or host
name of this hypervisor. The page is not authenticated and names servers: use
an address of the management network, where Prometheus can reach it and tenants
cannot.
""",
    ),
    number(
        'listen_port',
        default=9178,
        allowed='0 to 65535 as a TCP port',
        help="""
TCP port on which the metrics are served, on ``listen_host``. With 0 the
kernel chooses a port, and the log names it.
""",
    ),
    number(
        'wait_limit',
        default=10.0,
        allowed='1 to 100 percent',
        help="""
Percent of a second that a vCPU has to wait to make the second bad. One vCPU
of a server is enough, but it has to reach ``load_limit`` as well.
""",
    ),
    number(
        'load_limit',
        default=70.0,
        allowed='1 to 100 percent',
        help="""
Percent of a second that a vCPU has to run or wait to make the second bad: a
vCPU that wants little and waits a little does no harm. At 1, ``wait_limit``
decides alone.
""",
    ),
    cfg.StrOpt(
        'cores',
        default='',
        help="""
Cores of this host that guests may use: a list of their numbers, as in Nova's
``[compute] cpu_shared_set``, such as ``2-31`` or ``0-7,^4``. All of them must
be online; only how many there are matters here. Empty: all that are online.
""",
    ),
    cfg.StrOpt(
        'proc_path',
        default='/proc',
        help="""
Directory in which the kernel shows processes. In a container it is where the
host's /proc is mounted.
""",
    ),
    cfg.StrOpt(
        'cgroup_path',
        default='/sys/fs/cgroup',
        help="""
Directory in which the kernel shows cgroups, of version 1, 2 or both. In a
container it is where that of the host is mounted.
""",
    ),
]


def register(conf: Any) -> None:
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of steal-exporter.conf."""
    return [(GROUP, list(OPTS))]
