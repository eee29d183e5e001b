"""Options of nova.conf, for our filters and our weigher in nova-scheduler."""

from typing import Any

from oslo_config import cfg

from steal_scheduler.conf import roles
from steal_scheduler.edge.option import number

GROUP = 'steal_scheduler'

#: Names and values are those of a ``RoleRule``.
ROLE_OPTS = [*roles.OPTS, roles.HINT]

OPTS = [
    number(
        'steal_weight_multiplier',
        default=10.0,
        allowed='0 to 1000000 as a weight, without a unit',
        help="""
Weight of one step in the ranking of hosts by ``StealWeigher``: those without
steal first, those of which nothing is known next, hot ones last.

With the multipliers that Nova is released with, its own weighers add up to
less than 9 for one server, so that at 10.0 one step decides before all of them
but the build failure and cross-cell weighers (1,000,000). At 0.0 the weigher
does nothing. Metadata of that name override it for the hosts of an aggregate;
of several values the least counts.
""",
    ),
    number(
        'view_max_age',
        default=120,
        allowed='1 to 86400 seconds',
        help="""
Age from which on a view of the migrator does not count any more: StealFilter
and StealWeigher do nothing then. The availability zones of hosts, which it
tells too, do not expire. It should be more than two polls of the migrator
(``[migrator] poll_interval`` in steal-migrator.conf), and more than the clocks
of the two hosts differ. A view that is ahead of this host's clock, by more
than 5 seconds, is ignored.
""",
    ),
    cfg.BoolOpt(
        'role_lookup',
        default=False,
        help="""
Whether nova-scheduler asks Nova's database for the role of a server, since
Nova tells its scheduler neither metadata nor name.

Possible values:

* False: known are the roles of new servers with a hint, and of those that the
  migrator moves. Others have none until the migrator counts them.
* True: one look-up for each request whose server has no hint: one query to
  the API database for a new server, up to three to the databases for one that
  is moved. It also finds the host of a server whose resize may end where it
  began, so that ``SameAvailabilityZoneFilter`` knows its zone.
""",
    ),
    cfg.BoolOpt(
        'strict_moves',
        default=False,
        help="""
Whether ``StealFilter`` rejects hot hosts, and those over the migrator's
``host_steal_threshold``, for moves that others ask for, even if no other host
is left: live and cold migration, resize and evacuation. The migrator's own
only ever go to hosts that stay cold.

Possible values:

* False: if all hosts that are left are such hosts, all of them pass.
* True: a move fails with "No valid host" rather than going to one of them.
""",
    ),
    cfg.BoolOpt(
        'strict_boots',
        default=False,
        help="""
Whether ``StealFilter`` rejects hot hosts, and those over the migrator's
``host_steal_threshold``, for new servers.

Possible values:

* False: all hosts pass, and ``StealWeigher`` puts the hot ones last.
* True: creating a server fails with "No valid host" if no other can hold it.
""",
    ),
    *ROLE_OPTS,
]


def list_opts() -> list[tuple[str, list[Any]]]:
    """The options of nova.conf that are ours, for the generator."""
    return [(GROUP, list(OPTS))]
