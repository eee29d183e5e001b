"""``[detection]``: when a server suffers."""

from oslo_config import cfg

GROUP = 'detection'

OPTS = [
    cfg.FloatOpt(
        'steal_threshold',
        default=10,
        min=0,
        max=100,
        help="""
Steal from which a server suffers, in percent of the time it wanted to run.

Possible values:

* 0 to 100, in percent.

Related options:

* ``load_threshold`` has to be reached as well.
""",
    ),
    cfg.FloatOpt(
        'load_threshold',
        default=0.7,
        min=0,
        help="""
Load per vCPU from which a server suffers: steal without load hurts nobody.

Possible values:

* A load average per vCPU, of the guest where the signal source tells it, else
  the cores it asks for as seen from the hypervisor. 1.0 is a server that
  keeps each of its vCPUs busy.
""",
    ),
    cfg.FloatOpt(
        'throttled_threshold',
        default=5,
        min=0,
        max=100,
        help="""
Share of scheduler periods cut short by the server's own CPU quota from which
its wait is not contention, in percent. Such a server is not moved: the quota
would move with it.

Possible values:

* 0 to 100, in percent; it counts only where the signal source measures it.
""",
    ),
    cfg.IntOpt(
        'polls_suffering',
        default=3,
        min=1,
        help="""
In how many of the last ``polls_window`` polls a server must have suffered.

Possible values:

* 1 to ``polls_window``.
""",
    ),
    cfg.IntOpt(
        'polls_window',
        default=5,
        min=1,
        max=60,
        help="""
Over how many polls a server is judged.

Possible values:

* 1 to 60 polls, each ``[migrator] poll_interval`` seconds apart.
""",
    ),
]
