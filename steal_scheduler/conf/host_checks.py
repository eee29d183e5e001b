"""``[host_checks]``: when the metrics of a host are unreliable."""

from oslo_config import cfg, types

from steal_scheduler.decision import host_checks as checks

GROUP = 'host_checks'

OPTS = [
    cfg.ListOpt(
        'disabled_checks',
        default=[],
        item_type=types.String(choices=list(checks.OPTIONAL)),
        help=f"""
Checks of a host's metrics that are not made, where a cloud is unlike others.
A host that fails a check has unreliable metrics: it is unknown to the
schedulers, comes after cold hosts and before hot ones, and no move goes there.

Possible values:

* ``clock``: its clock is off by more than {checks.CLOCK_SKEW:g} seconds.
* ``missing_servers``: fewer than ``[limits] coverage_floor`` percent of the
  servers that Nova runs there have a signal.
* ``flat_wait``: its servers run, and their wait does not grow at all.
* ``zero_wait``: more vCPUs than cores use all of it, and no server waits.
* ``guests_disagree``: its guests count another wait, by more than
  {checks.GUEST_MARGIN:g} percent of a vCPU.
* ``failed_arrivals``: the last {checks.FAILED_ARRIVALS} live migrations to it
  failed within {checks.FAILED_ARRIVALS_PERIOD:g} seconds.
""",
    ),
]
