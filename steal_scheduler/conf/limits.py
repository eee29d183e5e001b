"""``[limits]``: how much may be moved at a time."""

import re

from oslo_config import cfg

from steal_scheduler.decision.rules import MaxUnavailable
from steal_scheduler.edge.option import Parsed, number


def _max_unavailable(text: str) -> MaxUnavailable:
    """A number of servers, or percent of them; '' is without limit."""
    match = re.fullmatch(r'(\d+(?:\.\d+)?)%|(\d+)|', text.strip())
    if match is None or float(match[1] or 0) > 100:
        raise ValueError(
            'it is neither a number of servers nor a share of up to 100%: '
            'write it like 1 or 25%'
        )
    return MaxUnavailable(
        count=int(match[2]) if match[2] else None,
        percent=float(match[1]) if match[1] else None,
    )


def _window(text: str) -> tuple[int, int]:
    """Seconds after midnight UTC: of 09:00-10:30 they are 32400 and 37800."""
    time = r'([01]\d|2[0-3]):([0-5]\d)'
    match = re.fullmatch(f'{time}-{time}', text)
    if match is None or match.group(1, 2) == match.group(3, 4):
        raise ValueError(
            f'{text!r} is no window: write it like 09:00-10:30, in UTC'
        )
    begin, begin_minute, end, end_minute = map(int, match.groups())
    return begin * 3600 + begin_minute * 60, end * 3600 + end_minute * 60


OPTS = [
    number(
        'slots',
        default=2,
        allowed='1 to 1000 servers',
        help="""
How many servers may be on their way at a time, one from each host at most.
""",
    ),
    number(
        'slots_per_target',
        default=1,
        allowed='1 to 1000 servers',
        help='How many servers may be on their way to one host at a time.',
    ),
    number(
        'copy_rate',
        default=100.0,
        allowed='1 to 1000000 MiB per second',
        help="""
How much live migrations, those of operators too, may copy on average: a
fraction of what the network carries; 100 is most of a 1 Gbit/s link. After a
quiet time half an hour's worth may be copied at once; a server that is larger
waits until all of that is free. ``[hosts] shared_storage`` says what counts.
""",
    ),
    number(
        'cooldown',
        default=3600.0,
        allowed='0 to 86400 seconds',
        help="""
Seconds for which a server that anybody live-migrated stays where it is;
doubled for each further live migration within 24 hours, for each failed one
more in a row, and once more after a move that did not help; 24 hours at most.
""",
    ),
    number(
        'breaker_failures',
        default=3,
        allowed='1 to 100 migrations',
        help="""
After how many failed migrations in a row, from one host, to one host or of one
project, ``breaker_pause`` begins for it; or for all where several hosts and
projects are concerned. One for which Nova found no host does not count.
""",
    ),
    number(
        'breaker_pause',
        default=1800.0,
        allowed='1 to 86400 seconds',
        help="""
Seconds for which nothing is tried after ``breaker_failures``. Then one
migration is tried at a time, until one succeeds.
""",
    ),
    number(
        'coverage_floor',
        default=80.0,
        allowed='1 to 100 percent',
        help="""
Share of running servers that must have a fresh signal: of those of a zone that
could be moved, or nothing starts there; of a host, or it counts as unknown.
""",
    ),
    cfg.Opt(
        'max_unavailable',
        type=Parsed('number or percentage', _max_unavailable),
        default='25%',
        help="""
How many servers of a role may be on their way or not ACTIVE, for whatever
reason, at a time. If so many are, no further server of the role moves.

Possible values:

* A number of servers: ``1``.
* A share of all servers of the role: ``25%``; one server at least.
* Empty: any number.
""",
    ),
    cfg.ListOpt(
        'blackout',
        item_type=Parsed('window', _window),
        default=[],
        help="""
Times of the day, in UTC, at which no move starts: ``09:00-10:30,23:30-00:30``.
A server that Nova migrates already is followed and reattached; any other
drained server is reattached at once.
""",
    ),
]
