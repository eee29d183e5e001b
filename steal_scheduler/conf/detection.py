"""``[detection]``: when a server is contended."""

from steal_scheduler.edge.option import number

OPTS = [
    number(
        'steal_threshold',
        default=5.0,
        allowed='1 to 100 percent',
        help="""
Steal from which a server is contended, if it reaches ``load_threshold`` too:
percent of the time it wanted to run.
""",
    ),
    number(
        'load_threshold',
        default=0.3,
        allowed='0 to 10 per vCPU',
        help="""
Load per vCPU from which a server is contended, if it reaches
``steal_threshold`` too: steal without load is no problem. At 1.0 each of its
vCPUs is busy. It is the cores that the server asks for; or, where the source
tells it, the load average of the guest, which has to reach 0.7 in any case.
""",
    ),
    number(
        'bad_seconds_threshold',
        default=10.0,
        allowed='1 to 100 percent',
        help="""
Bad seconds from which a server is contended however calm its mean is: 10
percent is six seconds of a minute. In a bad second one of its vCPUs asked for
a core most of the time and waited for it; a mean over a minute hides that.
What is bad is said on the hypervisors, by ``wait_limit`` and ``load_limit`` in
steal-exporter.conf. Other signal sources may not measure it.
""",
    ),
    number(
        'polls_contended',
        default=2,
        allowed='1 to 60 polls',
        help="""
In how many of the last ``polls_window`` polls a server must be contended.
""",
    ),
    number(
        'polls_window',
        default=3,
        allowed='1 to 60 polls',
        help="""
Polls that a server is judged by, ``[migrator] poll_interval`` seconds apart.
""",
    ),
]
