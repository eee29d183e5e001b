"""A cache of what Nova tells, kept current with few calls a tick.

The first refresh reads every server. Each later one reads what changed since,
the servers in flight, and one page of a round that goes on from tick to tick,
because Nova does not call a new tag a change. A cloud of less than a page is
thus read whole at every second tick, and one of 100,000 servers costs no more
calls than that.

Each listing fails alone: what cannot be read is as Nova last told it.
"""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from steal_scheduler.exception import (
    NovaError,
    NovaFault,
    NovaSilent,
    ServerGone,
)
from steal_scheduler.model import emptying, pause, policy, skip
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Fleet, Host, Server
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.room import Room
from steal_scheduler.nova_client.aliases import Aliases
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.nova_client.copies import with_copies
from steal_scheduler.nova_client.pages import Pages
from steal_scheduler.nova_client.parse import UNKNOWN, says_never
from steal_scheduler.nova_client.records import HOSTS_HIDDEN, Records
from steal_scheduler.nova_client.room import RoomReader

#: Nova's clock and ours may differ, and records take a moment to appear.
OVERLAP = 60.0
#: What is needed to take moves over: a tag says that Nova was asked, and a
#: record what came of it.
NEEDED = frozenset((Listing.SERVERS, Listing.MIGRATIONS))
#: Calls in a row without an answer after which the refresh makes no other:
#: each of them takes the whole ``[nova] timeout``.
SILENT = 2
#: How often the first round may begin again.
RESTARTS = 3
#: Servers that the round missed which are read in one refresh: where a cell
#: is down these are all of it.
MISSED_AT_ONCE = 20

_T = TypeVar('_T')


class NovaCache:
    def __init__(self, nova: NovaClient, history: float) -> None:
        """:param history: seconds for which migrations are remembered"""
        self._nova = nova
        self._history = history
        self._room = RoomReader(nova)
        self.forget()

    def forget(self) -> None:
        """Read everything anew: another migrator may have led."""
        self._servers: dict[str, Server] = {}
        self._records = Records()
        self._me: str | None = None
        self._hosts: list[Host] = []
        self._aggregates: list[Aggregate] = []
        #: When each was last read.
        self._read_at: dict[Listing, float] = {}
        #: Which could not be read now, and why.
        self._unread: dict[Listing, str] = {}
        self._pages = Pages(lambda marker: self._ask(self._nova.page, marker))
        #: Known servers that Nova does not tell of, the longest waiting first.
        self._missed: dict[str, None] = {}
        self._aliases = Aliases(lambda: self._ask(self._nova.hypervisors))
        #: Servers to be read singly next time.
        self._again: set[str] = set()
        #: Calls in a row that had no answer.
        self._silent = 0
        #: When the present refresh began.
        self._now = 0.0

    def look_again(self, server_id: str) -> None:
        """Read this server singly next time: we have changed its tags."""
        self._again.add(server_id)

    def why_absent(self, server_id: str) -> Absent:
        """Ask Nova of a server that is none of the fleet's."""
        try:
            self._ask(self._nova.server, server_id)
        except ServerGone:
            with contextlib.suppress(NovaFault):
                had = self._ask(self._nova.ever_had, server_id)
                return Absent.DELETED if had else Absent.FOREIGN
        except NovaFault:
            pass
        return Absent.HIDDEN

    def room(self, servers: Sequence[Server]) -> Room:
        """What hosts have room for, to place these; see ``RoomReader``."""
        known = self._aliases.hypervisors
        return self._room.read(servers, known, self._aggregates)

    def refresh(self, now: float, in_flight: Iterable[str] = ()) -> Fleet:
        """Read on.

        :param in_flight: servers to be read singly, now and once more
        :raises NovaFault: the first time, what is ``NEEDED`` cannot be read
        """
        if not self._read_at.keys() >= NEEDED:
            # What a try that failed has read is old by now.
            self.forget()
        self._silent, self._unread, self._now = 0, {}, now
        self._read(Listing.SERVERS, self._read_servers, now)
        following = set(in_flight)
        self._read_singly(following | self._again)
        self._again = following
        self._read(Listing.MIGRATIONS, self._read_migrations, now)
        self._read(Listing.HOSTS, self._read_hosts, now)
        self._read(Listing.AGGREGATES, self._read_aggregates, now)
        self._hosts = self._aliases.add(self._hosts, now)
        fleet = self._fleet(now)
        ask = functools.partial(self._ask, self._nova.copied)
        return with_copies(fleet, following, ask)

    # -- reading -----------------------------------------------------------

    def _read(
        self, listing: Listing, read: Callable[[float], None], now: float
    ) -> None:
        """Read a listing; why not, where that cannot be.

        :param read: is told since when changes are wanted
        """
        since = now - self._history
        if listing in self._read_at:
            # Whatever was unread for longer is history.
            since = max(since, self._read_at[listing] - OVERLAP)
        try:
            read(since)
        except NovaFault as error:
            if listing in NEEDED - self._read_at.keys():
                raise
            self._unread[listing] = str(error)
            return
        if listing is Listing.MIGRATIONS and self._missed:
            # A cell that is down lists no records either, and has changed
            # some by the time it is back.
            now = since + OVERLAP
        self._read_at[listing] = now

    def _read_servers(self, since: float) -> None:
        if Listing.SERVERS not in self._read_at:
            while self._read_page():
                if self._pages.restarts > RESTARTS:
                    raise NovaError('Nova lists no second page of its servers')
            return
        for server in self._ask(self._nova.changed, since):
            self._put(server)
        known = len(self._servers)
        self._read_page()
        if len(self._servers) > known:
            # Nova did not tell of them as new ones: their cell was down at
            # our start, and did not list its records either.
            read_at = self._read_at[Listing.SERVERS]
            self._read_at[Listing.MIGRATIONS] = read_at - self._history

    def _read_migrations(self, since: float) -> None:
        self._me = self._ask(self._nova.user_id)
        # In this order: what Nova goes on with meanwhile is in the second.
        records = self._ask(self._nova.accepted)
        if self._records.hosts_hidden:
            # The right may be there by now.
            since -= self._history
        records += self._ask(self._nova.migrations, since)
        self._records.put(records, self._now)
        if self._records.hosts_hidden:
            self._unread[Listing.MIGRATION_HOSTS] = HOSTS_HIDDEN

    def _read_hosts(self, since: float) -> None:
        self._hosts = self._ask(self._nova.hosts)

    def _read_aggregates(self, since: float) -> None:
        self._aggregates = self._ask(self._nova.aggregates)

    def _read_singly(self, server_ids: Iterable[str]) -> None:
        missed = itertools.islice(self._missed, MISSED_AT_ONCE)
        wanted = {*server_ids, *missed}
        # A cell that takes its time holds up no server of another.
        for server_id in sorted(wanted, key=lambda s: (s in self._missed, s)):
            try:
                self._put(self._ask(self._nova.server, server_id))
            except ServerGone:
                self._drop(server_id)
            except NovaFault:
                self._miss(server_id)

    def _read_page(self) -> bool:
        """One page of the round; False when the round is complete."""
        page = self._pages.read()
        for server in page:
            self._put(server)
        if page:
            return True
        # Deleted, and Nova purged the record before it told us; or not.
        for server_id in self._servers.keys() - self._pages.end():
            self._miss(server_id)
        return False

    def _ask(self, call: Callable[..., _T], *args: Any) -> _T:
        """Make a call, unless Nova answers none.

        :raises NovaFault: what it ends in
        """
        if self._silent == SILENT:
            raise NovaSilent('Nova does not answer, so it was not asked')
        silent, self._silent = self._silent + 1, 0
        try:
            return call(*args)
        except NovaSilent:
            self._silent = silent
            raise

    # -- what is known -----------------------------------------------------

    def _put(self, server: Server) -> None:
        if server.status == UNKNOWN:
            # Of a server whose cell is down the last word counts.
            self._miss(server.server_id)
        elif server.status in ('DELETED', 'SOFT_DELETED'):
            self._drop(server.server_id)
        else:
            self._servers[server.server_id] = server
            self._pages.met.add(server.server_id)
            self._missed.pop(server.server_id, None)

    def _drop(self, server_id: str) -> None:
        self._servers.pop(server_id, None)
        self._missed.pop(server_id, None)

    def _miss(self, server_id: str) -> None:
        """Remember that Nova does not tell of it, as the last of them."""
        self._missed.pop(server_id, None)
        if server_id in self._servers:
            self._missed[server_id] = None

    def _fleet(self, now: float) -> Fleet:
        used = {server.host for server in self._servers.values()}
        hosts = {
            host.name: host
            for host in self._hosts
            # One that is disabled is no target, yet it may be a source.
            if host.enabled or host.name in used
        }
        opted_out = {
            host
            for aggregate in self._aggregates
            if says_never(aggregate.metadata)
            for host in aggregate.hosts
        }
        servers = dict(self._servers)
        for server_id, server in self._servers.items():
            if server.host and server.host not in hosts:
                # Its cell is down, or nothing was told of any host yet.
                hosts[server.host] = Host(
                    server.host,
                    server.zone or '',
                    up=Listing.HOSTS not in self._read_at,
                    enabled=False,
                )
            if server.host in opted_out and not server.opted_out:
                servers[server_id] = dataclasses.replace(
                    server, opted_out='host aggregate'
                )
        self._records.forget(now - self._history, self._servers)
        migrations, unread = self._records.by_server()
        ours = (
            m
            for records in migrations.values()
            for m in records
            if self._me in (None, m.user_id)
        )
        return Fleet(
            servers=servers,
            hosts=hosts,
            migrations=migrations,
            ours=tuple(ours),
            pauses=pause.read_all(self._aggregates),
            emptyings=emptying.read_all(self._aggregates),
            policies=policy.read_all(self._aggregates),
            skips=skip.read_all(self._aggregates),
            unread=self._unread,
            unread_servers=unread.union(self._missed),
            no_aliases=self._aliases.trouble,
        )
