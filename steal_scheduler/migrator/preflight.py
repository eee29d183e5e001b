"""Preflight: what must be true before the migrator begins."""

import time
from collections.abc import Callable

from oslo_log import log

from steal_scheduler import exception
from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.migrator import rights
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.store_errors import StoreError
from steal_scheduler.model.listing import UNREAD
from steal_scheduler.nova_client.client import NovaClient

LOG = log.getLogger(__name__)


def check(built: Components) -> None:
    """Try the lock, and ask Nova for everything that a tick will ask for.

    What does not answer now may do so later: that is logged, and the first
    good tick finds out. A Nova that says no will go on saying no.

    :raises ConfigError: the lock, the login, a right or the microversion is
        missing; it is named
    """
    try:
        built.leader.probe()
    except StoreError as error:
        LOG.warning('The lock store does not answer: %s', error)
    try:
        check_nova(built.nova)
    except (exception.NovaError, exception.ServerGone) as error:
        LOG.warning('Rights in Nova not checked: %s', error)


def check_nova(nova: NovaClient) -> None:
    """Ask Nova for everything that a tick will ask for.

    :raises ConfigError: the login, a right or the microversion is missing
    :raises NovaError, ServerGone: Nova does not answer
    """
    try:
        nova.check_version()
        missing = _missing_rights(nova)
    except exception.LoginRefused as error:
        raise exception.ConfigError(str(error)) from error
    rights.require_none(missing)


def _missing_rights(nova: NovaClient) -> list[str]:
    """Try what only reads; the policies that do not let us."""
    reads: dict[str, Callable[[], object]] = {
        'os_compute_api:servers:detail:get_all_tenants (list the servers '
        'of all projects)': lambda: nova.page(None),
        'os_compute_api:os-services:list (list hosts with their zones)': (
            nova.hosts
        ),
        'os_compute_api:os-aggregates:index (read the metadata of host '
        'aggregates)': nova.aggregates,
        'os_compute_api:os-migrations:index (list migrations)': lambda: (
            nova.migrations(2**31)
        ),
    }
    missing = []
    for right, call in reads.items():
        try:
            call()
        except exception.NovaForbids:
            missing.append(right)
    if missing:
        return missing
    servers = nova.page(None)
    if any(s.status == 'ACTIVE' and not s.host for s in servers):
        missing.append(
            'os_compute_api:os-extended-server-attributes (see the host of a '
            'server)'
        )
    lately = time.time() - HISTORY
    records = [m for m in nova.migrations(lately) if m.status != UNREAD]
    if not all(m.source for m in records):
        missing.append(
            'os_compute_api:os-migrations:index:host (see the hosts of '
            'migrations: without them no failure holds back its host)'
        )
    if servers:
        try:
            nova.ever_had(servers[0].server_id)
        except exception.NovaForbids:
            missing.append(
                'os_compute_api:os-instance-actions:list (see whether an '
                'abort of ours has left a server in ERROR, and whether one '
                'that an orchestrator names was deleted)'
            )
    return missing
