"""Who of nova-scheduler takes the views, as a person reads it."""

from collections.abc import Iterable, Sequence

from oslo_log import log

from steal_scheduler.edge.text import several
from steal_scheduler.model.scheduler import Scheduler

LOG = log.getLogger(__name__)


def log_schedulers(new: Sequence[Scheduler], hosts: int) -> None:
    """Log what is new of them, and what is missing there.

    :param hosts: how many the cloud has
    """
    # One line for all that are alike: there are many controllers.
    for classes in sorted({s.classes for s in new}):
        alike = [s for s in new if s.classes == classes]
        LOG.log(
            log.WARNING if alike[0].missing else log.INFO,
            'Views are taken by nova-scheduler of %s. Enabled there: %s; '
            'not enabled: %s.',
            host_names([s.host for s in alike]),
            ', '.join(classes) or 'nothing',
            ', '.join(alike[0].missing) or 'nothing',
        )
    if why := short_sighted(new, hosts):
        LOG.warning('%s', why)


def short_sighted(schedulers: Iterable[Scheduler], hosts: int) -> str:
    """To whom of them Placement does not show all hosts; '' for nobody.

    :param hosts: how many the cloud has
    """
    found = sorted(
        (s.max_placement_results, s.host)
        for s in schedulers
        if s.max_placement_results < hosts
    )
    if not found:
        return ''
    return (
        f'Placement shows nova-scheduler of '
        f'{host_names([host for _, host in found])} only {found[0][0]} of '
        f'the {hosts} hosts for a request: raise [scheduler] '
        'max_placement_results in nova.conf there.'
    )


def host_names(hosts: Sequence[str]) -> str:
    """A sentence's worth of them: an outage has all hosts of a cloud."""
    return f'host{"s" * (len(hosts) > 1)} {several(hosts)}'
