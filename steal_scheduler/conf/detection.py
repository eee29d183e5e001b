"""``[detection]``: when a server is contended."""

from steal_scheduler.edge.option import number

GROUP = 'detection'

OPTS = [
    number(
        'steal_threshold',
        default=10.0,
        allowed='1 to 100 percent',
        help="""
Steal from which a server is contended, in percent of the time it wanted to
run: 10 is a tenth of the time. ``load_threshold`` has to be reached as well.
""",
    ),
    number(
        'load_threshold',
        default=0.7,
        allowed='0 to 10 per vCPU',
        help="""
Load per vCPU from which a server is contended, as a load average divided by
its vCPUs: steal without load is no problem. At 1.0 a server keeps each of its
vCPUs busy. It is the load average of the guest where the signal source tells
it, else the cores that the server asks for as seen from the hypervisor.
``steal_threshold`` has to be reached as well.
""",
    ),
    number(
        'bad_seconds_threshold',
        default=10.0,
        allowed='1 to 100 percent',
        help="""
Bad seconds from which a server is contended however calm its mean is, in
percent of all seconds: 10 is six seconds of a minute. In a bad second one of
its vCPUs asked for a core most of the time and waited for it: short spikes,
which a mean over a minute hides. It counts only where the signal source
measures it. What is bad is said on the hypervisors, by ``wait_limit`` and
``load_limit`` in steal-exporter.conf.
""",
    ),
    number(
        'polls_contended',
        default=3,
        allowed='1 to 60 polls',
        help="""
In how many of the last ``polls_window`` polls a server must have been
contended; at most in all of them.
""",
    ),
    number(
        'polls_window',
        default=5,
        allowed='1 to 60 polls',
        help="""
Over how many polls a server is judged. They are ``[migrator] poll_interval``
seconds apart.
""",
    ),
]
