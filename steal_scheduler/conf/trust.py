"""``[trust]``: when a host's numbers are believed."""

from oslo_config import cfg, types

from steal_scheduler.decision.host_checks import OPTIONAL

GROUP = 'trust'

OPTS = [
    cfg.ListOpt(
        'checks',
        default=list(OPTIONAL),
        item_type=types.String(choices=list(OPTIONAL)),
        help="""
What makes a host's numbers doubtful. The schedulers know nothing of a doubtful
host then: it comes after cold hosts and before hot ones, and no move goes
there.

Possible values:

* ``clock``: its clock is off by more than ``clock_skew``.
* ``missing_servers``: fewer than ``[limits] coverage_floor`` percent of the
  servers that Nova runs there have a signal.
* ``flat_wait``: its servers run, and their wait does not grow at all.
* ``zero_wait``: more vCPUs than cores use all of it, and nobody waits.
* ``guests_disagree``: its guests count another wait, by more than
  ``guest_margin``.
* ``failed_arrivals``: the last ``failed_arrivals`` migrations to it failed.
* Leave one out where a cloud is unlike others.
""",
    ),
    cfg.FloatOpt(
        'clock_skew',
        default=30,
        min=1,
        help="""
By how much a host's clock may differ from the clock of the signal source, in
seconds. An exporter that runs but does not look looks like a clock that is
behind.

Possible values:

* Seconds; more than the scrape interval.
""",
    ),
    cfg.FloatOpt(
        'guest_margin',
        default=10,
        min=1,
        max=100,
        help="""
By how much the wait that a guest counts may differ from what its host counts,
in percent of a vCPU. More than half of the guests, and two at least, have to
differ: an agent in a guest belongs to a tenant.

Possible values:

* 1 to 100, in percent; it counts only where guests tell of their steal.
""",
    ),
    cfg.IntOpt(
        'failed_arrivals',
        default=3,
        min=1,
        help="""
How many live migrations to a host have to fail in a row, whoever asked for
them, before nothing is sent there.

Possible values:

* A number.

Related options:

* ``failed_arrivals_period``
""",
    ),
    cfg.FloatOpt(
        'failed_arrivals_period',
        default=3600,
        min=1,
        help="""
For how long failed live migrations to a host count against it.

Possible values:

* Seconds; what is older than ``[limits] history`` is not known any more.

Related options:

* ``failed_arrivals``; ``[limits] history``
""",
    ),
]
