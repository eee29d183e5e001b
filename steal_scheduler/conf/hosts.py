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
that its servers wanted to run. Keep it below ``[detection] steal_threshold``,
or servers are moved to where they are nearly contended.
""",
    ),
    number(
        'target_demand',
        default=90.0,
        allowed='10 to 100 percent',
        help="""
Demand, used and waited for, that a host may reach by a move, in percent of its
cores. It is relieved down to 100: the distance keeps servers from coming back.
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
]
