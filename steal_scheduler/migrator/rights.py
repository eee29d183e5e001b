"""What the user of ``[nova]`` may do with servers, tried without a change.

Nova looks at the right first, and then at what is asked: so what can never
be done tells a missing right (403) from one that is there (400, 404, 409).
"""

from collections.abc import Callable, Sequence

from steal_scheduler.exception import (
    ConfigError,
    NovaForbids,
    NovaRefused,
    ServerGone,
)
from steal_scheduler.nova_client.client import NovaClient

#: Longer than a tag may be.
_NO_TAG = 'steal-status-' + 'x' * 60
#: Nova counts them from 1.
_NO_MIGRATION = 0


def check(nova: NovaClient) -> None:
    """Try them on a server of another project, if there is one.

    Where Nova runs no server, nothing is tried. Nor is live migration ever:
    there is none that changes nothing.

    :raises ConfigError: rights are missing; they are named
    :raises NovaError: Nova does not answer
    """
    mine = nova.project_id()
    # Those of others first.
    servers = sorted(nova.page(None), key=lambda s: s.project_id == mine)
    missing: list[str] = []
    for server in servers[:1]:
        missing += _missing(nova, server.server_id)
    require_none(missing)


def require_none(missing: Sequence[str]) -> None:
    """:raises ConfigError: rights are missing; they are named"""
    if missing:
        raise ConfigError(
            'The user of [nova] lacks rights in Nova: '
            f'{"; ".join(missing)}. Give it a role that context_is_admin '
            "names in the policy.yaml of Nova's API, and allow that role what "
            'else policy.yaml says of these.'
        )


def _missing(nova: NovaClient, server_id: str) -> list[str]:
    tries: dict[str, Callable[[], object]] = {
        'os_compute_api:os-server-tags:update (add a tag)': lambda: (
            nova.add_tag(server_id, _NO_TAG)
        ),
        'os_compute_api:os-server-tags:delete (remove a tag)': lambda: (
            nova.remove_tag(server_id, _NO_TAG)
        ),
        'os_compute_api:servers:migrations:delete (abort a live migration)': (
            lambda: nova.abort(server_id, _NO_MIGRATION)
        ),
    }
    try:
        nova.server(server_id)
    except (NovaForbids, ServerGone):
        if all(s.server_id != server_id for s in nova.page(None)):
            # It was deleted just now.
            return []
        # NOTE: whatever policy says, Nova hides servers of other projects
        # from who is no admin of its own.
        return ['context_is_admin (see and change servers of other projects)']
    missing = []
    for right, call in tries.items():
        try:
            call()
        except NovaForbids:
            missing.append(right)
        except (NovaRefused, ServerGone):
            continue
    return missing
