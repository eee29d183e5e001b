"""``[placement]``: which hosts may give and take."""

from oslo_config import cfg

GROUP = 'placement'

OPTS = [
    cfg.FloatOpt(
        'host_steal_threshold',
        default=5,
        min=0,
        max=100,
        help="""
Steal from which a host is hot and is given no server, in percent of the time
its servers wanted to run.

Possible values:

* 0 to 100, in percent; less than ``[detection] steal_threshold``, or servers
  are moved to hosts on which they nearly suffer.

Related options:

* ``hot_quantile``
""",
    ),
    cfg.FloatOpt(
        'hot_quantile',
        default=0.84,
        min=0,
        max=1,
        help="""
Share of the hosts that a hot host must be worse than, besides being over
``host_steal_threshold`` or ``relief_demand``. Where most hosts are over these,
the least bad ones are still the better place for a server that has to go
somewhere. The migrator's own moves never go to a host over
``host_steal_threshold``.

Possible values:

* 0 to 1. 0.84 lets about one host in six be hot by its steal, and one in six
  by its demand.
* 0: whoever is over a threshold is hot.
""",
    ),
    cfg.FloatOpt(
        'relief_demand',
        default=100,
        min=1,
        help="""
Demand down to which a host is relieved, in percent of its cores. Demand is
what its servers use plus what they wait for. Where runnable vCPUs are counted,
a host with more of them per core than this is hot, else one with more demand.

Possible values:

* A percentage; 100 takes just the excess away.

Related options:

* ``target_demand`` must be less, or servers come back.
""",
    ),
    cfg.FloatOpt(
        'target_demand',
        default=90,
        min=1,
        help="""
Demand up to which a host may be filled by a move, in percent of its cores.

Possible values:

* A percentage below ``relief_demand``.
""",
    ),
    cfg.FloatOpt(
        'steal_band',
        default=2,
        min=0.1,
        help="""
Hosts whose steal lies in the same band count as equal, so that noise does not
decide between them, and a hot host has to fall by a band below its threshold
before it is cold again. In percent.

Possible values:

* A percentage, usually 1 to 5.
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

* ``[limits] copy_rate`` and ``copy_burst``
""",
    ),
]
