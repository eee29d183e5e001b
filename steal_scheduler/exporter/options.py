"""``[exporter]`` of steal-exporter.conf, a file of its own."""

import contextlib
import io
import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from oslo_config import cfg, types
from oslo_log import log

from steal_scheduler import version
from steal_scheduler.exception import ConfigError

PROJECT = 'steal-scheduler'
PROG = 'steal-exporter'
GROUP = 'exporter'

#: NOTE: oslo.config ends the program so, instead of raising its error, if
#: the option can stand on the command line too, as debug can.
_WRONG_VALUE = 1


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
    """Parse the command line and the configuration files.

    Without ``--config-file`` it is steal-exporter.conf, in
    ~/.steal-scheduler, ~, /etc/steal-scheduler or /etc, if there is one.

    :raises ConfigError: a file or a value is wrong
    """
    conf = cfg.ConfigOpts()
    log.register_options(conf)
    conf.register_opts(OPTS, group=GROUP)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            conf(
                argv,
                project=PROJECT,
                prog=PROG,
                version=version.version_string(),
                default_config_files=cfg.find_config_files(PROJECT, PROG),
                default_config_dirs=cfg.find_config_dirs(PROJECT, PROG),
            )
    except cfg.Error as error:
        raise ConfigError(str(error)) from error
    # What is no UTF-8 is a ValueError.
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'The configuration ({" ".join(argv) or _files(conf)}) cannot be '
            f'read: {error}. Give files of UTF-8 text that this user may read.'
        ) from error
    except SystemExit as ended:
        if ended.code != _WRONG_VALUE:
            sys.stderr.write(said.getvalue())
            raise
        text = said.getvalue().strip().removeprefix('argument --')
        raise ConfigError(
            f'[DEFAULT] {text}. Correct it in {_files(conf)} or on the '
            'command line.'
        ) from ended
    _check(conf, 'DEFAULT', conf, (n for n in conf if n != GROUP))
    _check(conf, GROUP, conf[GROUP], conf[GROUP])
    return conf


def _check(
    conf: cfg.ConfigOpts, section: str, values: Any, names: Iterable[str]
) -> None:
    """Ask for each value: oslo.config judges one when it is asked for."""
    for name in names:
        try:
            values[name]
        except cfg.Error as error:
            raise ConfigError(
                f'[{section}] {name}: {error.__context__ or error}. '
                f'Correct it in {_files(conf)}.'
            ) from error


def _files(conf: cfg.ConfigOpts) -> str:
    return ', '.join(conf.config_file) or f'{PROG}.conf'
