"""Preflight: what must be true before the migrator begins."""

from collections.abc import Callable

from oslo_log import log

from steal_scheduler import exception
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.store_errors import StoreError
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
        rights: dict[str, Callable[[], object]] = {
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
        for right, call in rights.items():
            try:
                call()
            except exception.NovaForbids:
                missing.append(right)
        if not missing and any(
            s.status == 'ACTIVE' and not s.host for s in nova.page(None)
        ):
            missing.append(
                'os_compute_api:os-extended-server-attributes (see the host '
                'of a server)'
            )
    except exception.LoginRefused as error:
        raise exception.ConfigError(str(error)) from error
    if missing:
        raise exception.ConfigError(
            'The user of [nova] lacks rights in Nova: '
            f'{"; ".join(missing)}. Give it a role that context_is_admin '
            "names in the policy.yaml of Nova's API, and allow that role what "
            'else policy.yaml says of these.'
        )
