"""Where a server is a member, and who else is."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.octavia.members import (
    Member,
    Pool,
    WeightTag,
    canonical_address,
)

#: Servers of one project that may be drained at once. More are forged: tags
#: are a project's to write, and each of them would cost a look.
MOST_DRAINED = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Membership:
    """Where a server is a member, or was when we drained it."""

    pool: Pool
    member: Member
    #: Ours about this server, the newest first.
    weight_tags: tuple[WeightTag, ...]
    is_there: bool

    def __str__(self) -> str:
        return f'{self.member.address} in pool {self.pool.name}'

    @property
    def tags_of_others(self) -> list[str]:
        """To be written back as they are."""
        ours = {each.text for each in self.weight_tags}
        return [tag for tag in self.member.tags or () if tag not in ours]


def memberships(pools: Iterable[Pool], server: Server) -> Iterator[Membership]:
    """Every member that has an address of the server, or a tag about it."""
    addresses = frozenset(canonical_address(a) for a in server.addresses)
    for pool in pools:
        for member in pool.members:
            ours = tuple(
                each
                for each in member.weight_tags()
                if each.server_id == server.server_id
            )
            if ours or member.address in addresses:
                is_there = member.address in addresses
                yield Membership(pool, member, ours, is_there)


def others(membership: Membership, server: Server) -> list[Member]:
    """Members of the pool that could stand in for this one.

    A backup is where connections go when nothing else is left, often a page
    that says sorry: it does not stand in for what is none.
    """
    addresses = frozenset(canonical_address(a) for a in server.addresses)
    return [
        other
        for other in membership.pool.members
        if other.address not in addresses
        and (membership.member.backup or not other.backup)
    ]


def held(pools: Iterable[Pool]) -> Mapping[str, frozenset[str]]:
    """By the id of each server that a tag names: the pools that it is in."""
    by_project: dict[str, dict[str, set[str]]] = {}
    for pool in pools:
        found = by_project.setdefault(pool.project_id, {})
        for member in pool.members:
            for each in member.weight_tags():
                found.setdefault(each.server_id, set()).add(pool.pool_id)
    merged: dict[str, frozenset[str]] = {}
    for found in by_project.values():
        for server_id in sorted(found)[:MOST_DRAINED]:
            before = merged.get(server_id, frozenset())
            merged[server_id] = before | found[server_id]
    return merged
