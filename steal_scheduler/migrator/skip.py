"""Skip a server, or no longer: what is written into Nova's metadata for it."""

import contextlib
from collections.abc import Iterable, Mapping

from steal_scheduler.exception import NovaFault, ServerGone, StealError
from steal_scheduler.migrator import aggregate
from steal_scheduler.model import skip as model
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.skip import Skip
from steal_scheduler.model.until import LONGEST_VALUE, is_ours
from steal_scheduler.nova_client.client import NovaClient

#: Servers that are skipped at a time, by members and by operators: in all, and
#: of one project. Nova reads all of them often.
MOST, MOST_OF_PROJECT = 1000, 100
#: Servers that are not known of which Nova is asked at a time.
_AT_ONCE = 5


class TooMany(StealError):
    """No more servers may be skipped."""


def skip(
    nova: NovaClient,
    wanted: Skip,
    now: float,
    servers: Mapping[str, Server],
) -> None:
    """Write it, in the place of one before; and remove what is over.

    What members skip takes no place from operators.

    :param wanted: its end in whole seconds
    :param servers: all that are known, by id
    :raises TooMany: see ``MOST``
    :raises NovaFault: it may not be written
    """
    ours = aggregate.ours(nova)
    found = model.written(ours)
    gone = _gone(nova, found.values(), servers)
    others = {
        key: skip
        for key, skip in found.items()
        if skip.in_force(now)
        and not (skip.by_owner and skip.server_id in gone)
        and key.strip().lower() != wanted.key
    }
    project_id = servers[wanted.server_id].project_id
    alike = [s for s in others.values() if s.by_owner is wanted.by_owner]
    near = [
        s
        for s in alike
        if s.server_id in servers
        and servers[s.server_id].project_id == project_id
    ]
    if len(alike) >= MOST or len(near) >= MOST_OF_PROJECT:
        raise TooMany(
            f'{len(near)} servers of its project are skipped, and '
            f'{len(alike)} in all; it may be {MOST_OF_PROJECT} and {MOST}. '
            'End some, or set steal:migrate of the servers to never.'
        )
    over = {key: None for key in found if key not in others}
    value = wanted.value(wanted.reason)[:LONGEST_VALUE]
    nova.set_aggregate_metadata(ours.aggregate_id, {**over, wanted.key: value})


def _gone(
    nova: NovaClient, skips: Iterable[Skip], servers: Mapping[str, Server]
) -> set[str]:
    """Servers that members had skipped and that Nova has no more.

    Of one that is not known now its cell may be down, so Nova is asked.
    """
    hidden = [
        s.server_id for s in skips if s.by_owner and s.server_id not in servers
    ]
    found = set()
    with contextlib.suppress(NovaFault):
        for server_id in hidden[:_AT_ONCE]:
            try:
                nova.server(server_id)
            except ServerGone:
                found.add(server_id)
    return found


def unskip(nova: NovaClient, server_id: str, by_owner: bool) -> None:
    """Remove it, wherever it stands.

    :param by_owner: only what the members of its project have asked for
    :raises NovaFault: it may be there still
    """
    for ours in filter(is_ours, nova.aggregates()):
        found = model.written(ours).items()
        keys = {
            key: None
            for key, skip in found
            if skip.server_id == server_id
            and by_owner in (False, skip.by_owner)
        }
        if keys:
            nova.set_aggregate_metadata(ours.aggregate_id, keys)
