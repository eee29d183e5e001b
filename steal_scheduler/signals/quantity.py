"""What is asked for: the quantities of servers, hosts and guests."""

import dataclasses
import enum
import math
from collections.abc import Mapping

from steal_scheduler.signals.lost import Lost

#: No machine has more: such a number is nanoseconds, not seconds.
MOST_CORES = 10_000.0


class About(enum.StrEnum):
    """Whom a quantity describes; what is about the same is asked at once."""

    SERVERS = 'servers'
    HOSTS = 'hosts'
    GUESTS = 'guests'


@dataclasses.dataclass(frozen=True, slots=True)
class Quantity:
    """What one query tells, and which numbers can be its answer."""

    about: About
    #: Below and above are numbers that cannot be true.
    least: float = 0.0
    most: float = MOST_CORES
    too_much: Lost = Lost.IMPOSSIBLE
    #: NaN where nothing was counted: that is no news, and no fault.
    ratio: bool = False


#: By the name of the option that holds the query. Prometheus' arithmetic may
#: end a little above 1.
QUANTITIES: Mapping[str, Quantity] = {
    'used_query': Quantity(About.SERVERS),
    'waited_query': Quantity(About.SERVERS),
    'throttled_query': Quantity(About.SERVERS),
    'bad_seconds_query': Quantity(
        About.SERVERS, most=1 + 1e-6, too_much=Lost.NO_SHARE, ratio=True
    ),
    'cores_query': Quantity(About.HOSTS),
    'host_used_query': Quantity(About.HOSTS),
    'runnable_query': Quantity(About.HOSTS, ratio=True),
    'clock_query': Quantity(About.HOSTS, least=-math.inf, most=math.inf),
    'guest_used_query': Quantity(About.GUESTS),
    'guest_waited_query': Quantity(About.GUESTS),
    'guest_load_query': Quantity(About.GUESTS),
}
