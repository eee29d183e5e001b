"""``[exporter]`` of steal-exporter.conf, a file of its own."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg
from oslo_log import log

from steal_scheduler import version
from steal_scheduler.exception import ConfigError

PROJECT = 'steal-scheduler'
PROG = 'steal-exporter'
GROUP = 'exporter'

OPTS = [
    cfg.HostAddressOpt(
        'listen_host',
        default='127.0.0.1',
        help="""
Address on which the metrics are served, at /metrics.

Possible values:

* An IP address or host name of this hypervisor. The page is not
  authenticated and names servers: use an address of the management network,
  where Prometheus can reach it and tenants cannot.

Related options:

* ``listen_port``
""",
    ),
    cfg.PortOpt(
        'listen_port',
        default=9178,
        help="""
TCP port of the metrics.

Possible values:

* 1 to 65535; 0 lets the kernel choose, and the log says which.

Related options:

* ``listen_host``
""",
    ),
    cfg.FloatOpt(
        'sample_interval',
        default=1.0,
        min=0.1,
        max=10.0,
        help="""
Seconds between two samples.

Possible values:

* 0.1 to 10. Leave it at 1: the bad seconds of two hosts can be compared
  only if both look every second.

Related options:

* ``wait_limit``, ``load_limit``
""",
    ),
    cfg.FloatOpt(
        'wait_limit',
        default=10.0,
        min=0.1,
        max=100.0,
        help="""
Percent of a second that a vCPU has to wait to make the second bad.

Possible values:

* 0.1 to 100. One vCPU of a server is enough.

Related options:

* ``load_limit`` has to be reached by the same vCPU as well.
""",
    ),
    cfg.FloatOpt(
        'load_limit',
        default=70.0,
        min=0,
        max=100.0,
        help="""
Percent of a second that a vCPU has to run or wait to make the second bad:
who asks for little and waits a little hurts nobody.

Possible values:

* 0 to 100; 0 for any second in which a vCPU waits for ``wait_limit``.

Related options:

* ``wait_limit``
""",
    ),
    cfg.StrOpt(
        'cores',
        default='',
        help="""
Cores of this host that guests may use.

Possible values:

* Empty (default): all that are online.
* A list as in Nova's ``[compute] cpu_shared_set``: ``2-31`` or ``0-7,^4``.
  Only their number matters here.
""",
    ),
    cfg.StrOpt(
        'proc_path',
        default='/proc',
        help="""
Where the kernel shows processes.

Possible values:

* A directory. In a container: where the host's /proc is mounted.
""",
    ),
    cfg.StrOpt(
        'cgroup_path',
        default='/sys/fs/cgroup',
        help="""
Where the kernel shows cgroups.

Possible values:

* A directory; version 1, 2 or both. In a container: where that of the host
  is mounted.
""",
    ),
]


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of steal-exporter.conf."""
    return [(GROUP, list(OPTS))]


def load(argv: Sequence[str]) -> cfg.ConfigOpts:
    """Parse the command line and the configuration files.

    Without ``--config-file`` it is steal-exporter.conf, in
    ~/.steal-scheduler, ~, /etc/steal-scheduler or /etc, if there is one.

    :raises ConfigError: a file or a value is wrong
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.register_opts(OPTS, group=GROUP)
    try:
        conf(
            argv,
            project=PROJECT,
            prog=PROG,
            version=version.version_string(),
            default_config_files=cfg.find_config_files(PROJECT, PROG),
            default_config_dirs=cfg.find_config_dirs(PROJECT, PROG),
        )
        # oslo.config looks at a value only when it is asked for.
        for name in conf:
            conf[name]
        for name in conf[GROUP]:
            conf[GROUP][name]
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
    return conf
