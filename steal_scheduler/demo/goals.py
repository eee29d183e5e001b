"""Whether the demo has shown what it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from steal_scheduler.demo import shops
from steal_scheduler.demo.balancer import Outage
from steal_scheduler.demo.driver import Copied
from steal_scheduler.demo.screen import HOT
from steal_scheduler.model.move import Ended, Outcome

MET = (
    'Every host over the threshold was relieved.',
    'No server left its zone, though none had asked for one.',
    'No two servers of a role were put together while another cold host of '
    'the zone had none.',
    'No shop migrated while it was in the balancer, no two of a kind were '
    'drained at once, and all are reattached.',
)


def missed(
    cast: Sequence[shops.Member],
    ids: Sequence[str],
    where: Mapping[str, str],
    steal: Mapping[str, float],
    ended: Sequence[Ended],
) -> list[str]:
    """A sentence for each promise that was not kept.

    :param where: the host of each server now
    :param steal: of each host now, as a share
    """
    members = dict(zip(ids, cast, strict=True))
    hot = [h for h, share in steal.items() if share > HOT]
    found = [f'MISSED: {host} is still hot.' for host in hot]
    found += [
        f'MISSED: the move of {members[e.move.server_id].name} ended as '
        f'{e.outcome}: {e.detail}'
        for e in ended
        if e.outcome is not Outcome.HELPED
    ]
    if not ended:
        found.append('MISSED: nothing moved.')
    for id_, member in members.items():
        zone = _zone(member.host)
        if where[id_] not in shops.ZONES[zone]:
            found.append(f'MISSED: {member.name} left {zone}.')
        elif where[id_] != member.host:
            found += _crowded(id_, members, where, steal)
    return found


def noticed(
    members: Set[str],
    outages: Sequence[Outage],
    copied: Sequence[Copied],
    moved: Set[str],
    names: Mapping[str, str],
) -> list[str]:
    """A sentence for each thing that a shop's customers would have noticed.

    :param members: ids of the balancer's servers
    :param outages: as the balancer saw them
    :param copied: as the hypervisors did it
    :param moved: ids of those that moved; each must be in both
    :param names: of servers, by id
    """
    found = [
        f'MISSED: {names[id_]} moved, and no hypervisor copied it.'
        for id_ in sorted((moved & members) - {c.server_id for c in copied})
    ]
    found += [
        f'MISSED: {names[c.server_id]} migrated while in the balancer.'
        for c in copied
        if c.server_id in members
        and not any(_covers(outage, c) for outage in outages)
    ]
    for outage in outages:
        name = names[outage.server_id]
        if outage.back is None:
            found.append(f'MISSED: {name} is still drained.')
        if outage.fewest < outage.size - 1:
            found.append(f'MISSED: {name} was not drained alone.')
    return found


def _covers(outage: Outage, copied: Copied) -> bool:
    """It had no sessions any more, and none again, all the while."""
    return bool(
        outage.server_id == copied.server_id
        and outage.empty is not None
        and outage.empty <= copied.begun
        and (outage.back is None or copied.ended <= outage.back)
    )


def _crowded(
    moved: str,
    members: Mapping[str, shops.Member],
    where: Mapping[str, str],
    steal: Mapping[str, float],
) -> list[str]:
    """The moved server shares its host with its like, and need not."""
    member = members[moved]
    holders = {
        where[id_]
        for id_, other in members.items()
        if other.role == member.role and id_ != moved
    }
    free = [
        host
        for host in shops.ZONES[_zone(member.host)]
        if host not in holders and host != where[moved] and steal[host] <= HOT
    ]
    if where[moved] in holders and free:
        return [f'MISSED: {member.name} joined its like, {free[0]} had none.']
    return []


def _zone(host: str) -> str:
    return next(zone for zone, hosts in shops.ZONES.items() if host in hosts)
