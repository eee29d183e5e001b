"""``[detection]``: when a server is contended."""

from oslo_config import cfg

GROUP = 'detection'

OPTS = [
    cfg.FloatOpt(
        'steal_threshold',
        default=10,
        min=1,
        max=100,
        help="""
Steal from which a server is contended, in percent of the time it wanted to
run.

Possible values:

* 1 to 100, in percent: 10 is a tenth of the time.

Related options:

* ``load_threshold`` has to be reached as well.
""",
    ),
    cfg.FloatOpt(
        'load_threshold',
        default=0.7,
        min=0,
        max=10,
        help="""
Load per vCPU from which a server is contended, as a load average divided by
its vCPUs: steal without load is no problem.

Possible values:

* 0 to 10; 1.0 is a server that keeps each of its vCPUs busy. It is the load
  average of the guest where the signal source tells it, else the cores that
  the server asks for as seen from the hypervisor.

Related options:

* ``steal_threshold`` has to be reached as well.
""",
    ),
    cfg.FloatOpt(
        'bad_seconds_threshold',
        default=10,
        min=1,
        max=100,
        help="""
Bad seconds from which a server is contended however calm its mean is, in
percent of all seconds. In a bad second one of its vCPUs asked for a core most
of the time and waited for it: short spikes, which a mean over a minute hides.

Possible values:

* 1 to 100, in percent; it counts only where the signal source measures it.
  10 is six seconds of a minute. What is bad is said on the hypervisors, by
  ``wait_limit`` and ``load_limit`` in steal-exporter.conf.
""",
    ),
    cfg.IntOpt(
        'polls_contended',
        default=3,
        min=1,
        max=60,
        help="""
In how many of the last ``polls_window`` polls a server must have been
contended.

Possible values:

* 1 to ``polls_window``, a number of polls.
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
