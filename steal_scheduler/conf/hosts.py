"""``[hosts]``: which hosts may give and take."""

from oslo_config import cfg

GROUP = 'hosts'

OPTS = [
    cfg.FloatOpt(
        'host_steal_threshold',
        default=5,
        min=1,
        max=100,
        help="""
Steal from which a host is hot and is given no server, in percent of the time
that its servers wanted to run.

Possible values:

* 1 to 100, in percent; less than ``[detection] steal_threshold``, or servers
  are moved to hosts on which they are nearly contended.
""",
    ),
    cfg.FloatOpt(
        'target_demand',
        default=90,
        min=10,
        max=100,
        help="""
Demand that a host may reach by a move, in percent of its cores. Demand is what
its servers use and what they wait for. A host is relieved down to 100.

Possible values:

* 10 to 100, in percent. The distance to 100 keeps servers from coming back.
""",
    ),
    cfg.BoolOpt(
        'shared_storage',
        default=False,
        help="""
Local disks of servers lie on storage that all hosts share (NFS, Ceph), so
that a live migration copies memory only.

Possible values:

* ``False`` (default): root and ephemeral disks are copied and counted.
* ``True``: only memory is counted.

Related options:

* ``[limits] copy_rate``
""",
    ),
]
