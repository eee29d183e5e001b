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
        'bad_seconds_threshold',
        default=10,
        min=0.1,
        max=100,
        help="""
Bad seconds from which a server suffers however calm its mean is, in percent of
all seconds. In a bad second one of its vCPUs asked for a core most of the time
and waited for it: short spikes, which a mean over a minute hides.

Possible values:

* 0.1 to 100, in percent; it counts only where the signal source measures it.
  10 is six seconds of a minute. What is bad is said on the hypervisors, by
  ``wait_limit`` and ``load_limit`` in steal-exporter.conf.
""",
    ),
    cfg.FloatOpt(
        'throttled_threshold',
        default=50,
        min=0,
        max=100,
        help="""
How much of a server's wait its own CPU quota has to cause before it is no
contention, in percent. Such a server is not moved: the quota would move with
it.

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
