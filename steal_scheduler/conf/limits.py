"""``[limits]``: how much may be moved at a time."""

import re

from oslo_config import cfg

from steal_scheduler.decision.rules import MaxUnavailable
from steal_scheduler.exception import ConfigError

GROUP = 'limits'

_WINDOW = re.compile(r'(\d\d):(\d\d)-(\d\d):(\d\d)')


def _slots(name: str, default: int, what: str) -> cfg.IntOpt:
    return cfg.IntOpt(
        name,
        default=default,
        min=1,
        max=1000,
        help=f"""
How many servers may be {what} at the same time.

Possible values:

* 1 to 1000 servers.
""",
    )


OPTS = [
    _slots('slots', 2, 'on their way in the whole cloud'),
    _slots('slots_per_source', 1, 'on their way from one host'),
    _slots('slots_per_target', 1, 'on their way to one host'),
    cfg.FloatOpt(
        'copy_rate',
        default=100,
        min=1,
        max=1000000,
        help="""
How much live migrations may copy on average, in MiB per second. Ten minutes'
worth may be copied at once after a quiet time. A server that is larger waits
until all of that is free. Live migrations that operators start count too.

Possible values:

* 1 to 1000000 MiB per second: a fraction of what the migration network
  carries. 100 is most of a 1 Gbit/s link.

Related options:

* ``[hosts] shared_storage``
""",
    ),
    cfg.FloatOpt(
        'cooldown',
        default=3600,
        min=0,
        max=86400,
        help="""
Seconds for which a server that was live-migrated, by anybody, stays where it
is. It is doubled for each further live migration within 24 hours, and once
more after a move that did not help; 24 hours at most.

Possible values:

* 0 to 86400, in seconds.
""",
    ),
    cfg.IntOpt(
        'breaker_failures',
        default=3,
        min=1,
        max=100,
        help="""
After how many failed migrations of ours in a row no move starts for
``breaker_pause`` seconds.

Possible values:

* 1 to 100 migrations.

Related options:

* ``breaker_pause``
""",
    ),
    cfg.FloatOpt(
        'breaker_pause',
        default=1800,
        min=1,
        max=86400,
        help="""
Seconds for which no move starts after ``breaker_failures`` failed migrations.
Then one move at a time starts, until one succeeds.

Possible values:

* 1 to 86400, in seconds.

Related options:

* ``breaker_failures``
""",
    ),
    cfg.FloatOpt(
        'coverage_floor',
        default=80,
        min=1,
        max=100,
        help="""
Share of running servers that must have a fresh signal, in percent: of the
cloud, or nothing starts; of a host, or it counts as unknown.

Possible values:

* 1 to 100, in percent.
""",
    ),
    cfg.StrOpt(
        'max_unavailable',
        default='25%',
        help="""
How many servers of a role may be unavailable at the same time: on their way,
stopped, in error or not ACTIVE for any other reason. If so many are
unavailable already, no further server of the role moves.

Possible values:

* A number of servers: ``1``.
* A share of all servers of the role: ``25%``; one server at least.
* Empty: any number.
""",
    ),
    cfg.ListOpt(
        'blackout',
        default=[],
        help="""
Times of the day at which no move starts. A server that Nova migrates already
is followed and reattached; any other drained server is reattached at once.

Possible values:

* A list of windows in UTC, for example ``09:00-10:30,23:30-00:30``.
""",
    ),
]


def max_unavailable(text: str) -> MaxUnavailable:
    """A number of servers, or percent of them.

    :raises ConfigError: it is neither
    """
    match = re.fullmatch(r'(\d+(?:\.\d+)?)%|(\d+)|', text.strip())
    if match is None or float(match[1] or 0) > 100:
        raise ConfigError(
            f'[limits] max_unavailable = {text!r} is neither a number of '
            'servers nor a share of up to 100%: write it like 1 or 25%.'
        )
    return MaxUnavailable(
        count=int(match[2]) if match[2] else None,
        percent=float(match[1]) if match[1] else None,
    )


def windows(blackout: list[str]) -> tuple[tuple[int, int], ...]:
    """The blackout windows as seconds after midnight UTC."""
    found = []
    for text in blackout:
        match = _WINDOW.fullmatch(text.strip())
        hours = [int(part) for part in match.groups()] if match else [99] * 4
        empty = hours[:2] == hours[2:]
        if empty or max(hours[::2]) > 23 or max(hours[1::2]) > 59:
            raise ConfigError(
                f'[limits] blackout = {text!r} is no window: write it like '
                '09:00-10:30, in UTC.'
            )
        found.append(
            (
                hours[0] * 3600 + hours[1] * 60,
                hours[2] * 3600 + hours[3] * 60,
            )
        )
    return tuple(found)
