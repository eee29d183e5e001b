"""``[signals]``: where measurements come from."""

from oslo_config import cfg

from steal_scheduler.edge.option import number

OPTS = [
    cfg.StrOpt(
        'source',
        default='prometheus',
        help="""
Where the CPU steal of servers and the cores of hosts are read from.

Possible values:

* ``prometheus``: a Prometheus server, see ``[prometheus]``.
* ``static``: a JSON file, see ``[static]``.
* The name of any plugin in the entry-point group ``steal_scheduler.signals``.
""",
    ),
    number(
        'max_age',
        default=120,
        allowed='1 to 3600 seconds',
        help="""
Seconds after which a sample is too old to be used: its server or host is
unknown then, which is never taken for idle. One from the future by more than
that is not used either: a clock is wrong. It should be at least two polls, or
one lost reading makes all hosts unknown, and more than the scrape interval.
""",
    ),
]
