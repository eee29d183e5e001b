"""``[limits]``: how much may be moved at a time."""

import re

from oslo_config import cfg

from steal_scheduler.exception import ConfigError

GROUP = 'limits'

_WINDOW = re.compile(r'(\d\d):(\d\d)-(\d\d):(\d\d)')


def _slots(name: str, default: int, of_what: str) -> cfg.IntOpt:
    return cfg.IntOpt(
        name,
        default=default,
        min=1,
        help=f"""
How many servers {of_what} may be on their way at the same time.

Possible values:

* 1 or more servers.
""",
    )


OPTS = [
    _slots('slots', 2, 'of the whole cloud'),
    _slots('slots_per_source', 1, 'of one host'),
    _slots('slots_per_target', 1, 'to one host'),
    _slots('slots_per_role', 1, 'of one role'),
    cfg.FloatOpt(
        'copy_rate',
        default=100,
        min=0.001,
        help="""
How much live migrations may copy on average, in MiB per second. The bucket is
replayed from Nova's records, so migrations that operators start count too.

Possible values:

* A fraction of what the migration network carries; 100 MiB/s is most of a
  1 Gbit/s link.

Related options:

* ``copy_burst``; ``[placement] shared_storage``
""",
    ),
    cfg.FloatOpt(
        'copy_burst',
        default=64,
        min=0.001,
        help="""
How much may be copied at once after a quiet time, in GiB. A server that is
larger waits for a full bucket.

Possible values:

* GiB of memory plus local disk.

Related options:

* ``copy_rate``
""",
    ),
    cfg.FloatOpt(
        'cooldown',
        default=3600,
        min=0,
        help="""
Seconds for which a server that was live-migrated, by anybody, stays where it
is. Doubled for each further migration within ``history``, and once more after
a move that did not help.

Possible values:

* Seconds.
""",
    ),
    cfg.FloatOpt(
        'history',
        default=86400,
        min=60,
        help="""
How far back Nova's migration records count, in seconds; also the longest
cooldown.

Possible values:

* Seconds.
""",
    ),
    cfg.IntOpt(
        'breaker_failures',
        default=3,
        min=1,
        help="""
After how many failed migrations of ours in a row nothing starts for a while.

Possible values:

* 1 or more migrations.

Related options:

* ``breaker_pause``
""",
    ),
    cfg.FloatOpt(
        'breaker_pause',
        default=1800,
        min=1,
        help="""
For how long nothing starts after that, in seconds. Then one try is made.

Possible values:

* Seconds.
""",
    ),
    cfg.FloatOpt(
        'coverage_floor',
        default=80,
        min=0,
        max=100,
        help="""
Share of running servers that must have a fresh signal, in percent: of the
cloud, or nothing starts; of a host, or it counts as unknown.

Possible values:

* 0 to 100, in percent.
""",
    ),
    cfg.StrOpt(
        'role_out',
        default='50%',
        help="""
How many servers of a role may be out of service at the same time: on their
way, or stopped, in error or whatever else is not ACTIVE. Where so many are, no
further one is moved.

Possible values:

* A number of servers: ``1``.
* A share of all servers of the role: ``50%``; one server at least.
* Empty: any number.

Related options:

* ``slots_per_role`` limits how many are on their way.
""",
    ),
    cfg.ListOpt(
        'blackout',
        default=[],
        help="""
Times of the day at which nothing starts; what is on its way is finished.

Possible values:

* A list of windows in UTC, for example ``09:00-10:30,23:30-00:30``.
""",
    ),
]


def role_out(text: str) -> tuple[int | None, float | None]:
    """A number of servers, or percent of them; None for the other."""
    match = re.fullmatch(r'(\d+(?:\.\d+)?)%|(\d+)|', text.strip())
    if match is None or float(match[1] or 0) > 100:
        raise ConfigError(
            f'[limits] role_out = {text!r} is neither a number nor a share: '
            'write it like 1 or 50%.'
        )
    count = int(match[2]) if match[2] else None
    return count, float(match[1]) if match[1] else None


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
