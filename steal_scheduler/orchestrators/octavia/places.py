"""Where a server is a member, and who else is."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.octavia.members import (
    Mark,
    Member,
    Pool,
    plain,
)

#: Servers of one project that are believed to be out. More are forged: tags
#: are a project's to write, and each of them would cost a look.
MOST_OUT = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a server is a member, or was when we took it out."""

    pool: Pool
    member: Member
    #: Ours about this server, the newest first.
    marks: tuple[Mark, ...]
    is_there: bool

    def __str__(self) -> str:
        return f'{self.member.address} in pool {self.pool.name}'

    @property
    def tags_of_others(self) -> list[str]:
        """To be written back as they are."""
        ours = {mark.tag for mark in self.marks}
        return [tag for tag in self.member.tags or () if tag not in ours]


def places(
    pools: Iterable[Pool], server: Server, prefix: str
) -> Iterator[Place]:
    """Every member that has an address of the server, or a mark about it."""
    addresses = frozenset(plain(a) for a in server.addresses)
    for pool in pools:
        for member in pool.members:
            marks = tuple(
                mark
                for mark in member.marks(prefix)
                if mark.server_id == server.server_id
            )
            if marks or member.address in addresses:
                is_there = member.address in addresses
                yield Place(pool, member, marks, is_there)


def others(place: Place, server: Server) -> list[Member]:
    """Members of the pool that could stand in for this one.

    A backup is where connections go when nothing else is left, often a page
    that says sorry: it does not stand in for what is none.
    """
    addresses = frozenset(plain(a) for a in server.addresses)
    return [
        other
        for other in place.pool.members
        if other.address not in addresses
        and (place.member.backup or not other.backup)
    ]


def held(pools: Iterable[Pool], prefix: str) -> Mapping[str, frozenset[str]]:
    """By the id of each server that is marked: the pools that it is in."""
    by_project: dict[str, dict[str, set[str]]] = {}
    for pool in pools:
        found = by_project.setdefault(pool.project_id, {})
        for member in pool.members:
            for mark in member.marks(prefix):
                found.setdefault(mark.server_id, set()).add(pool.pool_id)
    merged: dict[str, frozenset[str]] = {}
    for found in by_project.values():
        for server_id in sorted(found)[:MOST_OUT]:
            before = merged.get(server_id, frozenset())
            merged[server_id] = before | found[server_id]
    return merged
