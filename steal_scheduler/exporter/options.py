"""``[exporter]`` of steal-exporter.conf, a file of its own."""

import math
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg, types

from steal_scheduler import startup
from steal_scheduler.exception import ConfigError

PROG = 'steal-exporter'
GROUP = 'exporter'


class Number(types.Number):
    """A number with a unit; the error names the value and the unit.

    NOTE: oslo.config's own takes nan for a number between min and max, and
    makes an empty value None.
    """

    def __call__(self, value: Any) -> Any:
        try:
            number = super().__call__(value)
        except ValueError:
            number = None
        if number is None or math.isnan(number):
            raise ValueError(
                f'{value!r} is not allowed. Give a number from {self.min:g} '
                f'to {self.max:g} (unit: {self.type_name})'
            )
        return number


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
    cfg.Opt(
        'listen_port',
        type=Number(int, 'TCP port', min=0, max=65535),
        default=9178,
        help="""
TCP port on which the metrics are served.

Possible values:

* 1 to 65535; 0 lets the kernel choose a port, and the log names it.

Related options:

* ``listen_host``
""",
    ),
    cfg.Opt(
        'wait_limit',
        type=Number(float, 'percent', min=1, max=100),
        default=10.0,
        help="""
Percent of a second that a vCPU has to wait to make the second bad.

Possible values:

* 1 to 100, in percent. One vCPU of a server is enough.

Related options:

* ``load_limit``: the same vCPU has to reach it as well.
""",
    ),
    cfg.Opt(
        'load_limit',
        type=Number(float, 'percent', min=1, max=100),
        default=70.0,
        help="""
Percent of a second that a vCPU has to run or wait to make the second bad: a
vCPU that wants little and waits a little does no harm.

Possible values:

* 1 to 100, in percent. At 1, ``wait_limit`` decides alone.

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
* A list of the numbers of cores, as in Nova's ``[compute] cpu_shared_set``:
  ``2-31`` or ``0-7,^4``. All of them must be online; only how many there are
  matters here.
""",
    ),
    cfg.StrOpt(
        'proc_path',
        default='/proc',
        help="""
Directory in which the kernel shows processes.

Possible values:

* A directory. In a container: where the host's /proc is mounted.
""",
    ),
    cfg.StrOpt(
        'cgroup_path',
        default='/sys/fs/cgroup',
        help="""
Directory in which the kernel shows cgroups.

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
    """Parse the command line, and steal-exporter.conf if it names no file.

    :raises ConfigError: a file or a value is wrong
    """
    conf = startup.load(
        argv, PROG, PROG, lambda conf: conf.register_opts(OPTS, GROUP)
    )
    for section, values in (('DEFAULT', conf), (GROUP, conf[GROUP])):
        for name in values:
            # oslo.config judges a value when it is asked for.
            try:
                values[name]
            except cfg.Error as error:
                files = ', '.join(conf.config_file) or f'{PROG}.conf'
                raise ConfigError(
                    f'[{section}] {name}: {error.__context__ or error}. '
                    f'Correct it in {files}.'
                ) from error
    return conf
