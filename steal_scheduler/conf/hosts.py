"""``[hosts]``: which hosts may give and take."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

GROUP = 'hosts'

OPTS = [
    number(
        'host_steal_threshold',
        default=5.0,
        allowed='1 to 100 percent',
        help="""
Steal from which a host is hot and is given no server, in percent of the time
that its servers wanted to run. It should be less than ``[detection]
steal_threshold``, or servers are moved to hosts on which they are nearly
contended.
""",
    ),
    number(
        'target_demand',
        default=90.0,
        allowed='10 to 100 percent',
        help="""
Demand that a host may reach by a move, in percent of its cores. Demand is what
its servers use and what they wait for. A host is relieved down to 100. The
distance to 100 keeps servers from coming back.
""",
    ),
    cfg.BoolOpt(
        'shared_storage',
        default=False,
        help="""
Local disks of servers lie on storage that all hosts share (NFS, Ceph), so
that a live migration copies memory only, and ``[limits] copy_rate`` counts
nothing else. Otherwise root and ephemeral disks are copied, and counted.
""",
    ),
]
