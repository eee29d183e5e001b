"""Members of Octavia's pools, whose they are, and the tag of what we took.

The tag of a member that was drained holds all that is needed to put it back,
whoever does so::

    steal-scheduler:<server id>:weight=5:1789000000

A member's tags are its project's to write. So a tag is no proof: it is read
in the pools of the server's own project, and what does not look as if we had
written it counts for nothing.
"""

import dataclasses
import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from steal_scheduler.edge.text import one_line
from steal_scheduler.model.cloud import Server

#: How the tags begin that we write.
PREFIX = 'steal-scheduler'
#: Servers of one project that may be drained at once. More are forged: tags
#: are a project's to write, and each of them would cost a look.
MOST_DRAINED = 20
#: Of a member that gets traffic, as far as its load balancer knows.
_SERVES = frozenset({'ONLINE', 'DEGRADED', 'NO_MONITOR'})
_TAG = re.compile(
    rf'{PREFIX}:([0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})'
    r':weight=(\d{1,3}):(\d{1,12})',
    re.ASCII,
)


@dataclasses.dataclass(frozen=True, slots=True)
class WeightTag:
    """What a tag of ours says."""

    server_id: str
    #: The member's weight as it was, 1 to 256.
    weight: int
    #: When it was set to 0, by the clock of the migrator that did.
    since: int
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    member_id: str
    #: In the one spelling that is used here: IPv6 has many.
    address: str
    #: 0 to 256; 0 gets no new connections.
    weight: int
    #: None of an Octavia that has none (its API is older than 2.5).
    tags: tuple[str, ...] | None
    #: ACTIVE, PENDING_UPDATE, ERROR and others: of what was asked for.
    provisioning: str
    #: ONLINE, NO_MONITOR, ERROR and others: of the member itself.
    operating: str
    enabled: bool
    backup: bool

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """A member as the API gives it; what is none raises anything."""
        tags = raw.get('tags')
        return cls(
            member_id=str(raw['id']),
            address=str(ipaddress.ip_address(raw['address'])),
            # It is null until somebody says otherwise, and means 1.
            weight=1 if raw['weight'] is None else int(raw['weight']),
            tags=None if tags is None else tuple(map(str, tags)),
            provisioning=str(raw['provisioning_status']),
            operating=str(raw['operating_status']),
            enabled=bool(raw['admin_state_up']),
            backup=bool(raw.get('backup')),
        )

    def weight_tags(self) -> list[WeightTag]:
        """What our tags on it say, the newest first."""
        found = [_TAG.fullmatch(tag) for tag in self.tags or ()]
        ours = [
            WeightTag(match[1], int(match[2]), int(match[3]), match[0])
            for match in found
            if match and 1 <= int(match[2]) <= 256
        ]
        return sorted(ours, key=lambda each: -each.since)

    def serves(self) -> bool:
        """Whether it takes new connections now."""
        return self.enabled and self.weight > 0 and self.operating in _SERVES


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    pool_id: str
    name: str
    project_id: str
    #: It looks at the weights of its members.
    weighted: bool
    enabled: bool
    members: tuple[Member, ...] = ()

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """A pool as the API gives it, its members not read yet."""
        return cls(
            pool_id=str(raw['id']),
            name=one_line(raw.get('name') or raw['id'], 64),
            project_id=str(raw['project_id']),
            # The algorithm of the provider ovn, which has no weights.
            weighted=raw['lb_algorithm'] != 'SOURCE_IP_PORT',
            enabled=bool(raw['admin_state_up']),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Membership:
    """Where a server is a member, or was when we drained it."""

    pool: Pool
    member: Member
    #: Ours about this server, the newest first.
    weight_tags: tuple[WeightTag, ...]
    #: It has an address of the server.
    is_there: bool
    #: Members of the pool that could stand in for this one. A backup is where
    #: connections go when nothing else is left, often a page that says sorry:
    #: it does not stand in for what is none.
    others: tuple[Member, ...]

    def __str__(self) -> str:
        return f'{self.member.address} in pool {self.pool.name}'

    @property
    def tags_of_others(self) -> list[str]:
        """To be written back as they are."""
        ours = {each.text for each in self.weight_tags}
        return [tag for tag in self.member.tags or () if tag not in ours]


def memberships(pools: Iterable[Pool], server: Server) -> Iterator[Membership]:
    """Every member that has an address of the server, or a tag about it."""
    addresses = {str(ipaddress.ip_address(a)) for a in server.addresses}
    for pool in pools:
        rest = [m for m in pool.members if m.address not in addresses]
        for member in pool.members:
            ours = tuple(
                each
                for each in member.weight_tags()
                if each.server_id == server.server_id
            )
            if ours or member.address in addresses:
                yield Membership(
                    pool,
                    member,
                    ours,
                    is_there=member.address in addresses,
                    others=tuple(
                        m for m in rest if member.backup or not m.backup
                    ),
                )


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
