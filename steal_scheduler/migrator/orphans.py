"""Orphans: servers that are drained without a move, as orchestrators say.

What an orchestrator tells, others can write: tenants, or another operator. So
a mark is believed only where what carries it is the server that it names, and
no mark holds up a move: the ways back have a budget of their own.
"""

import collections
import re
from collections.abc import Iterator, Mapping, Sequence

from oslo_log import log

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line, several
from steal_scheduler.migrator.build import Components
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.moves import state
from steal_scheduler.orchestrators.base import Mark, State

LOG = log.getLogger(__name__)

#: Servers that are led back at once; those that cannot be do not count, so
#: that they are in nobody's way. And, of those that Nova does not know, how
#: many are looked after in one tick.
AT_ONCE = 5
#: Marks that are reported one by one after each list, of each orchestrator.
REPORTED = 20
#: It becomes part of a URL of Nova.
_ID = re.compile(r'[\w-]{1,64}', re.ASCII)


def doubt(mark: Mark) -> str:
    """Why a mark proves nothing, whatever Nova says; empty where it may."""
    if not _ID.fullmatch(mark.server_id):
        return 'that is no id of a server'
    return mark.doubt


class Orphans:
    """Leads them back, a few at a time."""

    def __init__(self, built: Components) -> None:
        self._built = built
        self.forget()

    def forget(self) -> None:
        """Another process may have drained or reattached them."""
        #: By orchestrator, what it listed last.
        self._listed: dict[str, Sequence[Mark]] = {}
        #: By id of a server that is believed to be drained: who lists it.
        self._holders: dict[str, set[str]] = {}
        #: By id, servers whose way back has not begun, and when each was
        #: looked after last.
        self._waiting: dict[str, float] = {}
        #: Ids of deleted servers: who was asked to put each back, and has
        #: done so. It may be listed for days.
        self._deleted: dict[str, set[str]] = {}
        #: Ids of servers that Nova has never had.
        self._foreign: set[str] = set()
        #: Ids of those that Nova does not tell of, as reported.
        self._hidden: set[str] = set()
        #: Marks that are not believed, as reported.
        self._doubts: set[tuple[str, Mark]] = set()
        self._built.metrics.unproven_marks.set(0)

    def lead_back(self, snapshot: Snapshot) -> Iterator[Move]:
        """The moves that lead back, as they begin now.

        A server that Nova has deleted gets none: nothing of it can be in
        anybody's way. Whoever lists it is asked to put it back. One that Nova
        has never had is left to those who have it.
        """
        servers = snapshot.fleet.servers
        listing = self._built.dispatcher.listing
        if read := listing.read(snapshot.now, servers):
            self._take(read)
        absent = self._holders.keys() - servers.keys()
        self._foreign &= absent
        self._deleted = {
            s: self._deleted[s] for s in self._deleted.keys() & absent
        }
        wanted = {
            server_id
            for server_id in self._waiting.keys() - self._foreign
            if self._holders.get(server_id, set())
            - self._deleted.get(server_id, set())
        }
        self._waiting = {
            server.server_id: self._waiting[server.server_id]
            for server in state.orphans(wanted, snapshot)
        }
        yield from self._known(snapshot)
        self._unknown(snapshot)
        self._report()

    def _take(self, read: Mapping[str, Sequence[Mark]]) -> None:
        """What was listed counts from now on."""
        self._listed |= read
        self._holders = {}
        for name, marks in self._listed.items():
            for mark in marks:
                if not doubt(mark):
                    self._holders.setdefault(mark.server_id, set()).add(name)
                    if name in read:
                        self._waiting.setdefault(mark.server_id, 0.0)

    def _known(self, snapshot: Snapshot) -> Iterator[Move]:
        """Of those that Nova knows, the turns go round among projects."""
        servers = snapshot.fleet.servers
        by_project: dict[str, list[Server]] = {}
        for server_id in sorted(self._waiting.keys() & servers.keys()):
            server = servers[server_id]
            if not snapshot.fleet.is_current(server_id):
                # Its tag and its records may tell more.
                continue
            if server_id in snapshot.moves:
                # It has a move already, which leads back once more.
                del self._waiting[server_id]
                yield state.way_back(
                    server, snapshot, snapshot.moves[server_id]
                )
            else:
                by_project.setdefault(server.project_id, []).append(server)
        alarm = snapshot.rules.reattach_alarm
        busy = collections.Counter(
            move.server.project_id
            for move in snapshot.moves.values()
            if move.orphan and move.unavailable
            if not move.reattach_blocked(snapshot.now, alarm)
        )
        while by_project and busy.total() < AT_ONCE:
            project = min(by_project, key=lambda p: (busy[p], p))
            server = by_project[project].pop(0)
            if not by_project[project]:
                del by_project[project]
            busy[project] += 1
            del self._waiting[server.server_id]
            yield state.way_back(server, snapshot)

    def _unknown(self, snapshot: Snapshot) -> None:
        """Ask whoever lists one that Nova has deleted to put it back.

        One that is under way lets the others wait: an orchestrator makes its
        calls in order, and moves need it.
        """
        built, calls = self._built, self._built.dispatcher.calls
        unknown = self._waiting.keys() - snapshot.fleet.servers.keys()
        turns = sorted(
            unknown, key=lambda s: (not calls.under_way(s), self._waiting[s])
        )
        hidden: set[str] = set()
        for server_id in turns[:AT_ONCE]:
            self._waiting[server_id] = snapshot.now
            server = state.deleted(server_id)
            if server_id not in self._deleted:
                why = built.nova_cache.why_absent(server_id)
                if why is Absent.HIDDEN:
                    hidden.add(server_id)
                    continue
                if why is Absent.FOREIGN:
                    self._foreign.add(server_id)
                    continue
                self._deleted[server_id] = set()
            names = self._holders[server_id] - self._deleted[server_id]
            built.dispatcher.held_by(server, names)
            answer = built.dispatcher.reattach(server, snapshot.now)
            if answer.state is State.DONE:
                self._deleted[server_id] |= names
            elif calls.under_way(server_id):
                break
        if new := hidden - self._hidden:
            LOG.warning(
                'Orchestrators hold %s out of service. Nova does not tell of '
                'them, and may migrate them: so they stay until it does. Is a '
                'cell down? See "nova-manage cell_v2 list_cells".',
                several(sorted(new)),
            )
        self._hidden = (self._hidden & unknown) | hidden

    def _report(self) -> None:
        """Say once what is not believed."""
        found = {
            (name, mark): why
            for name, marks in self._listed.items()
            for mark in marks
            if (why := doubt(mark) or self._no_server(mark))
        }
        new = sorted(found.keys() - self._doubts, key=str)
        self._doubts = {*found}
        self._built.metrics.unproven_marks.set(len(found))
        said: collections.Counter[str] = collections.Counter()
        for name, mark in new:
            said[name] += 1
            if said[name] <= REPORTED:
                LOG.warning(
                    'Unproven mark of a drain: orchestrator %s says that '
                    'server %s is drained%s: %s. It holds up nothing; see '
                    '"steal-manage doctor".',
                    name,
                    one_line(mark.server_id, 64),
                    f' ({one_line(mark.where, 120)})' if mark.where else '',
                    one_line(found[name, mark]),
                )
        for name, count in said.items():
            if count > REPORTED:
                LOG.warning(
                    'Unproven marks of drains: %d more of orchestrator %s.',
                    count - REPORTED,
                    name,
                )

    def _no_server(self, mark: Mark) -> str:
        if mark.server_id in self._foreign:
            return Absent.FOREIGN
        return Absent.DELETED if mark.server_id in self._deleted else ''
