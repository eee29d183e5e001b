"""A cache of what Nova tells, kept current with few calls a tick.

The first refresh reads every server. Each later one reads what changed since,
the servers in flight, and one page of a round that goes on from tick to tick,
because Nova does not call a new tag a change. A cloud of less than a page is
thus read whole at every second tick, and one of 100,000 servers costs no more
calls than that.
"""

import dataclasses
from collections.abc import Iterable

from steal_scheduler.exception import ServerGone
from steal_scheduler.model import pause
from steal_scheduler.model.cloud import Fleet, Host, Migration, Server
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.nova_client.parse import says_never

#: Nova's clock and ours may differ, and records take a moment to appear.
OVERLAP = 60.0
#: What Nova calls a server whose cell does not answer; it tells no more then.
UNKNOWN = 'UNKNOWN'


class NovaCache:
    def __init__(self, nova: NovaClient, history: float) -> None:
        """:param history: seconds for which migrations are remembered"""
        self._nova = nova
        self._history = history
        self.forget()

    def forget(self) -> None:
        """Read everything anew: another migrator may have led."""
        self._servers: dict[str, Server] = {}
        #: Ids are unique in a cell, and a server lives in one.
        self._migrations: dict[tuple[str, int], Migration] = {}
        self._refreshed_at: float | None = None
        #: The round: the last server read, and all that it has met.
        self._marker: str | None = None
        self._met: set[str] = set()
        #: Servers to be read singly next time.
        self._again: set[str] = set()

    def look_again(self, server_id: str) -> None:
        """Read this server singly next time: we have changed its tags."""
        self._again.add(server_id)

    def refresh(self, now: float, in_flight: Iterable[str] = ()) -> Fleet:
        """Read on.

        :param in_flight: servers to be read singly, now and once more
        :raises NovaError, NovaRefused: nothing can be known now
        """
        if self._refreshed_at is None:
            # What a try that failed has read is old by now.
            self.forget()
            while self._read_page():
                pass
            since = now - self._history
        else:
            since = self._refreshed_at - OVERLAP
            for server in self._nova.changed(since):
                self._put(server)
            self._read_page()
        following = set(in_flight)
        for server_id in sorted(following | self._again):
            try:
                self._put(self._nova.server(server_id))
            except ServerGone:
                self._servers.pop(server_id, None)
        self._again = following
        for m in self._nova.migrations(since):
            self._migrations[m.server_id, m.migration_id] = m
        fleet = self._fleet(now)
        self._refreshed_at = now
        return fleet

    def _read_page(self) -> bool:
        """One page of the round; False when the round is complete."""
        try:
            page = self._nova.page(self._marker)
        except ServerGone:
            # The marker was deleted: begin the round again.
            self._marker, self._met = None, set()
            return True
        for server in page:
            self._put(server)
        if page:
            self._marker = page[-1].server_id
            return True
        for gone in self._servers.keys() - self._met:
            # Deleted, and Nova purged the record before it told us.
            del self._servers[gone]
        self._marker, self._met = None, set()
        return False

    def _put(self, server: Server) -> None:
        if server.status in ('DELETED', 'SOFT_DELETED'):
            self._servers.pop(server.server_id, None)
            return
        self._met.add(server.server_id)
        # Of a server whose cell is down the last word counts.
        if server.status != UNKNOWN:
            self._servers[server.server_id] = server

    def _fleet(self, now: float) -> Fleet:
        used = {server.host for server in self._servers.values()}
        hosts = {
            host.name: host
            for host in self._nova.hosts()
            # One that is disabled is no target, yet it may be a source.
            if host.enabled or host.name in used
        }
        aggregates = self._nova.aggregates()
        excluded = {
            host
            for aggregate in aggregates
            if says_never(aggregate.metadata)
            for host in aggregate.hosts
        }
        servers = dict(self._servers)
        for server_id, server in self._servers.items():
            if server.host and server.host not in hosts:
                # Its cell is down.
                zone = server.zone or ''
                hosts[server.host] = Host(server.host, zone, up=False)
            if server.host in excluded and not server.opted_out:
                servers[server_id] = dataclasses.replace(
                    server, opted_out='host aggregate'
                )
        oldest = now - self._history
        self._migrations = {
            key: m
            for key, m in self._migrations.items()
            if not m.ended or m.updated_at >= oldest
        }
        records = sorted(
            self._migrations.values(), key=lambda m: -m.migration_id
        )
        by_server: dict[str, list[Migration]] = {}
        for record in records:
            by_server.setdefault(record.server_id, []).append(record)
        me = self._nova.user_id()
        return Fleet(
            servers=servers,
            hosts=hosts,
            migrations={s: tuple(m) for s, m in by_server.items()},
            ours=tuple(m for m in records if me is None or m.user_id == me),
            pauses=pause.read_all(aggregates),
        )
