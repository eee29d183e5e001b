"""Migration records, as a cache keeps them."""

import dataclasses
from collections.abc import Container, Iterable, Mapping

from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.listing import UNREAD

#: Why nothing begins where no failure can be laid at a host's door.
HOSTS_HIDDEN = (
    'the user of [nova] lacks the right '
    'os_compute_api:os-migrations:index:host'
)


class Records:
    def __init__(self) -> None:
        #: Ids are unique in a cell, and a server lives in one.
        self._all: dict[tuple[str, int], Migration] = {}
        #: They name no hosts: Nova has a right of its own for that.
        self.hosts_hidden = False

    def put(self, found: Iterable[Migration], now: float) -> None:
        """Remember what Nova tells now."""
        readable = [m for m in found if m.status != UNREAD]
        if readable:
            # From who may not see them all are hidden.
            self.hosts_hidden = not any(m.source for m in readable)
        for record in found:
            if record.status == UNREAD:
                # When it changed is part of what cannot be read.
                record = dataclasses.replace(record, updated_at=now)
            self._all[record.server_id, record.migration_id] = record

    def forget(self, oldest: float, servers: Container[str]) -> None:
        """Keep those that changed since, or that go on; of these servers."""
        self._all = {
            key: m
            for key, m in self._all.items()
            # One that never ends is as old as its server.
            if m.updated_at >= oldest
            or (not m.ended and m.status != UNREAD and m.server_id in servers)
        }

    def by_server(
        self,
    ) -> tuple[Mapping[str, tuple[Migration, ...]], frozenset[str]]:
        """All that can be read, newest first; whose newest cannot be."""
        found: dict[str, list[Migration]] = {}
        unread = set()
        for m in sorted(self._all.values(), key=lambda m: -m.migration_id):
            if m.status != UNREAD:
                found.setdefault(m.server_id, []).append(m)
            elif m.server_id not in found:
                # Of an older one the newer ones tell enough.
                unread.add(m.server_id)
        return {s: tuple(m) for s, m in found.items()}, frozenset(unread)
