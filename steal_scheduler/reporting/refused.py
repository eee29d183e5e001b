"""Refusals in the log: each once, and not more than a person can read."""

import collections
from collections.abc import Iterable

from oslo_log import log

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.refusal import Refusal, Saturation

LOG = log.getLogger(__name__)

#: Lines for the servers of one project at a time: a tenant may have thousands,
#: of which each is refused for another reason at every poll.
MOST = 20


def log_refusals(new: Iterable[Refusal], snapshot: Snapshot) -> None:
    """Say what is refused now and was not before.

    Of a project the first few, and how many more there are; those are in the
    log at DEBUG, and in ``steal-manage plan``.
    """
    count = collections.Counter[str]()
    for refusal in new:
        detail = refusal.detail.rstrip('.')
        if refusal.server_id is None:
            # The whole cloud, held up, wants a person; one server does not.
            LOG.warning(
                'Migrator suspended: reason=%s: %s.', refusal.reason, detail
            )
            continue
        server = snapshot.fleet.servers.get(refusal.server_id)
        project = server.project_id if server else ''
        count[project] += 1
        LOG.log(
            log.INFO if count[project] <= MOST else log.DEBUG,
            'Server %s not moved: reason=%s: %s.',
            server.label if server else refusal.server_id,
            refusal.reason,
            detail,
            instance_uuid=refusal.server_id,
        )
    for project, found in count.items():
        if found > MOST:
            LOG.info(
                '%d more servers of project %s not moved: see "steal-manage '
                'plan".',
                found - MOST,
                project,
            )


def log_saturations(new: Iterable[Saturation]) -> None:
    for saturation in new:
        LOG.warning(
            'Zone %s is saturated: moving cannot help, %.1f cores are '
            'short. Scarce is: %s.',
            saturation.zone,
            saturation.cores_short,
            saturation.scarce,
        )
