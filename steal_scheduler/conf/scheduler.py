"""Options of nova.conf, for our filters and our weigher in nova-scheduler."""

from typing import Any

from oslo_config import cfg

from steal_scheduler.conf import roles

GROUP = 'steal_scheduler'

OPTS = [
    cfg.FloatOpt(
        'steal_weight_multiplier',
        default=10.0,
        min=0.0,
        help="""
Weight of one step in the ranking of hosts by ``StealWeigher``.

Hosts are ranked: those without steal first, those of which nothing is known
next, hot ones last. A host that stands one step better weighs this much more.

Nova's own weighers spread their candidates over at most 1 each, times their
multiplier. Eight of them can count for one server with the multipliers that
Nova is released with (CPU, RAM, disk, I/O operations, PCI, hypervisor
version, metrics, and one of soft affinity and soft anti-affinity), so their
sum stays below 9 and one step decides before all of them: they choose among
hosts that are equally fit. The build failure and cross-cell weighers
(1,000,000) still decide before the steal of hosts.

Possible values:

* 10.0: one step decides before all of Nova's common weighers.
* A positive number below that: one step is worth so many of them.
* 0.0: the weigher does nothing.

It can be overridden for the hosts of an aggregate by its metadata
``steal_weight_multiplier``; of several values the least counts.

Related options:

* ``[filter_scheduler] weight_classes``
* the other ``*_weight_multiplier`` options of ``[filter_scheduler]``
""",
    ),
    cfg.IntOpt(
        'view_max_age',
        default=120,
        min=1,
        help="""
Age in seconds at which what the migrator told is no longer believed.

The migrator tells every nova-scheduler worker how fit each host is. Without
word from it for so long, filters and weigher do nothing and Nova schedules as
if they were not there.

Possible values:

* Seconds; more than two of the migrator's polls. The clocks of the migrator's
  and of the scheduler's host must agree better than this.

Related options:

* ``[migrator] poll_interval`` in steal-migrator.conf
""",
    ),
    cfg.BoolOpt(
        'boot_role_lookup',
        default=True,
        help="""
Whether the role of a new server is looked up in its build request.

Nova does not tell its scheduler the metadata or the name of a server that is
being created. To keep new servers of one role apart they are looked up, with
one query to the API database for each request to create servers.

Possible values:

* True: look it up where no scheduler hint says it.
* False: new servers without the hint play no role until they are moved.

Related options:

* ``role_metadata_key``
* ``role_name_pattern``
* ``role_hint``
""",
    ),
    cfg.BoolOpt(
        'strict_moves',
        default=False,
        help="""
Whether ``StealFilter`` rejects hot hosts, and those over the migrator's
``host_steal_threshold``, for moves even if no other is left.

It is about moves that an operator, a user or another service asked for: live
and cold migration, resize and evacuation. Moves of the migrator itself only
ever go to hosts that stay cold.

Possible values:

* False: if all hosts that are left are such hosts, all of them pass.
* True: a move fails with "No valid host" rather than going to one of them.

Related options:

* ``strict_boots``
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
* True: such hosts are rejected, so that creating a server fails with "No valid
  host" when no other host can hold it.

Related options:

* ``strict_moves``
""",
    ),
    *roles.OPTS,
]


def register(conf: Any) -> None:
    """Make the options known to an oslo.config object."""
    conf.register_opts(OPTS, group=GROUP)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    return [(GROUP, list(OPTS))]
