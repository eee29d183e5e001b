"""``[signals]``: where measurements come from."""

from oslo_config import cfg

GROUP = 'signals'

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
    cfg.FloatOpt(
        'max_age',
        default=120,
        min=1,
        help="""
Seconds after which a measurement says nothing: its server or host is unknown
then, which is never taken for idle.

Possible values:

* Any number of seconds; at least two polls, or one lost reading makes all
  hosts unknown.

Related options:

* ``[migrator] poll_interval``
""",
    ),
]
