"""``[hosts]``: which may give and take; ``[host_checks]``: what is checked."""

from oslo_config import cfg, types

from steal_scheduler.decision import host_checks as checks
from steal_scheduler.edge.option import number

OPTS = [
    number(
        'host_steal_threshold',
        default=3.0,
        allowed='1 to 100 percent',
        help="""
Steal from which a host is hot and is given no server, in percent of the time
that its servers wanted to run. Keep it below ``[detection] steal_threshold``,
or servers are moved to where they are nearly contended.
""",
    ),
    number(
        'target_demand',
        default=90.0,
        allowed='10 to 100 percent',
        help="""
Expected demand that a host may reach by a move, in percent of its cores. It
is relieved down to 100: the distance keeps servers from coming back.
""",
    ),
    number(
        'network_threshold',
        default=70.0,
        allowed='1 to 100 percent',
        help="""
Use of a host's network, in percent of what it carries, from which no server
leaves it or comes to it by a move. It holds only for hosts whose network the
source of the signals tells: the key ``hosts.network`` of a preset file, which
no shipped file has.
""",
    ),
    cfg.BoolOpt(
        'shared_storage',
        default=False,
        help="""
Local disks of servers lie on storage that all hosts share (NFS, Ceph).
Otherwise a live migration copies root and ephemeral disks beside the memory,
and ``[limits] copy_rate`` counts them.
""",
    ),
    cfg.BoolOpt(
        'keep_room_for_host_failure',
        default=False,
        help="""
No move takes the room that the servers of the largest host of a zone would
need on the other hosts of the zone if it failed, as Placement counts memory,
disk and vCPUs. Which host is the largest is told by the memory of its servers.
Where they have no such room anyway, moves leave no more of them without.
""",
    ),
]

#: When the metrics of a host are unreliable.
CHECK_OPTS = [
    cfg.ListOpt(
        'disabled_checks',
        default=[],
        item_type=types.String(choices=list(checks.OPTIONAL)),
        help=f"""
Checks of a host's metrics that are not made, where a cloud is unlike others.
A host that fails a check has unreliable metrics: it is unknown to the
schedulers, comes after cold hosts and before hot ones, and no move goes there.

Possible values:

* ``clock``: its clock is off by more than {checks.CLOCK_SKEW:g} seconds.
* ``missing_servers``: fewer than ``[limits] coverage_floor`` percent of the
  servers that Nova runs there have a signal.
* ``flat_wait``: its servers run, and their wait does not grow at all.
* ``zero_wait``: more vCPUs than cores use all of it, and no server waits.
* ``guests_disagree``: its guests count another wait, by more than
  {checks.GUEST_MARGIN:g} percent of a vCPU.
* ``failed_arrivals``: the last live migrations to it failed, as many as
  ``[limits] breaker_failures``, less than ``breaker_pause`` seconds ago.
""",
    ),
]
