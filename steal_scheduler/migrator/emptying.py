"""Empty a host, or no longer: what is written into Nova's metadata for it."""

from steal_scheduler.exception import RequestRefused
from steal_scheduler.migrator import aggregate
from steal_scheduler.migrator.request import no_such_host
from steal_scheduler.model import emptying as model
from steal_scheduler.model.emptying import Emptying
from steal_scheduler.model.until import KEY_PATTERN, LONGEST_VALUE, is_ours
from steal_scheduler.nova_client.client import NovaClient


def order(nova: NovaClient, wanted: Emptying, now: float) -> None:
    """Write it, in the place of one before; and remove what is over.

    :param wanted: its end in whole seconds
    :raises RequestRefused: Nova knows no such host, or cannot keep its name
    :raises NovaFault: it may not be written
    """
    if wanted.host not in {host.name for host in nova.hosts()}:
        raise no_such_host(wanted.host)
    key, value = model.written(wanted)
    if not KEY_PATTERN.fullmatch(key):
        raise RequestRefused(
            'invalid',
            f'Nova cannot keep the key {key!r}: it takes 255 letters of '
            'English, digits, blanks and - _ : . at most.',
        )
    ours = aggregate.ours(nova)
    found = model.read_all([ours])
    # NOTE: to its database two keys may be one that differ by case.
    mine = [each.key for each in found if each.about(wanted.host)]
    over = [e.key for e in found if not (e.in_force(now) or e.unclear)]
    keys = {
        **dict.fromkeys([*over, *mine]),
        (mine or [key])[0]: value[:LONGEST_VALUE],
    }
    nova.set_aggregate_metadata(ours.aggregate_id, keys)


def stop(nova: NovaClient, host: str) -> None:
    """Remove whatever says that it is to be emptied.

    :raises RequestRefused: nothing does
    :raises NovaFault: it may be there still
    """
    found = False
    for ours in filter(is_ours, nova.aggregates()):
        orders = model.read_all([ours])
        keys = {each.key: None for each in orders if each.about(host)}
        if keys:
            found = True
            nova.set_aggregate_metadata(ours.aggregate_id, keys)
    if not found:
        raise RequestRefused(
            'not_found', f'Nobody has ordered that host {host} be emptied.'
        )
