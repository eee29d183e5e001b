"""Skip a server, or no longer: what is written into Nova's metadata for it."""

from collections.abc import Set

from steal_scheduler.exception import StealError
from steal_scheduler.migrator import aggregate
from steal_scheduler.model import skip as model
from steal_scheduler.model.skip import Skip
from steal_scheduler.model.until import LONGEST_VALUE, is_ours
from steal_scheduler.nova_client.client import NovaClient

#: Servers that are skipped at a time: in all, and of one project, whose own
#: members may ask for it. Nova reads all of them often.
MOST, MOST_OF_PROJECT = 1000, 100


class TooMany(StealError):
    """No more servers may be skipped."""


def skip(
    nova: NovaClient,
    wanted: Skip,
    now: float,
    neighbours: Set[str],
) -> None:
    """Write it, in the place of one before; and remove what is over.

    :param wanted: its end in whole seconds
    :param neighbours: ids of the servers of its project
    :raises TooMany: see ``MOST``
    :raises NovaFault: it may not be written
    """
    ours = aggregate.ours(nova)
    found = model.written(ours)
    others = {
        key: skip.server_id
        for key, skip in found.items()
        if skip.in_force(now) and key.strip().lower() != wanted.key
    }
    near = [s for s in others.values() if s in neighbours]
    if len(others) >= MOST or len(near) >= MOST_OF_PROJECT:
        raise TooMany(
            f'{len(near)} servers of its project are skipped, and '
            f'{len(others)} in all; it may be {MOST_OF_PROJECT} and {MOST}. '
            'End some, or set steal:migrate of the servers to never.'
        )
    over = {key: None for key in found if key not in others}
    value = wanted.value(wanted.reason)[:LONGEST_VALUE]
    nova.set_aggregate_metadata(ours.aggregate_id, {**over, wanted.key: value})


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
