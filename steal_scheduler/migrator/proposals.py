"""Proposals: what waits for a yes, and owners who know of a move to come.

What was said is in the leader's memory and, for the next leader, in signed
tags: see ``marks``. What nobody has answered yet is proposed anew.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from oslo_log import log

from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import NovaFault, RequestRefused
from steal_scheduler.migrator.notes import WHY, Notes, inherited, mark_of
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.policy import Key
from steal_scheduler.model.proposal import LASTS, Notice, Proposal, Vote
from steal_scheduler.model.until import LONGEST_VALUE, iso
from steal_scheduler.moves.marks import Mark, Said
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.orchestrators.base import State
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from steal_scheduler.reporting.journal import Journal

LOG = log.getLogger(__name__)

#: Notices that are written in one tick, and those of nobody that are removed:
#: each is a call of Nova.
_AT_ONCE = 5


class Proposals:
    """Remembers who was asked, and who was told."""

    def __init__(
        self,
        notes: Notes,
        nova_cache: NovaCache,
        journal: Journal,
        dispatcher: Dispatcher,
    ) -> None:
        self._notes = notes
        self._nova_cache = nova_cache
        self._journal = journal
        self._dispatcher = dispatcher
        self.forget()

    def forget(self) -> None:
        """Another migrator leads."""
        self._approvals: dict[str, Proposal] = {}
        self._notices: dict[str, Notice] = {}
        #: Servers into whose metadata one was written, and those of which
        #: Nova did not let us remove it.
        self._written: set[str] = set()
        self._given_up: set[str] = set()
        #: Servers as they were last seen, and ids of those whose tags of the
        #: leader before were read.
        self._servers: Mapping[str, Server] = {}
        self._seen: set[str] = set()

    def known(self, snapshot: Snapshot) -> Snapshot:
        """The same, with what is remembered, but for what is over."""
        now, servers = snapshot.now, snapshot.fleet.servers
        self._inherit(snapshot)

        def holds(one: Proposal | Notice) -> bool:
            server = servers.get(one.server_id)
            return server is not None and one.holds(server.host or '', now)

        self._approvals = {
            s: one for s, one in self._approvals.items() if holds(one)
        }
        self._notices = {
            s: one for s, one in self._notices.items() if holds(one)
        }
        under_way = self._dispatcher.calls.under_way
        self._hear(filter(under_way, self._notices), snapshot)
        return self._with(snapshot)

    def _inherit(self, snapshot: Snapshot) -> None:
        """Go on with what the leader before was told."""
        self._servers = servers = snapshot.fleet.servers
        new = servers.keys() - self._seen
        for server_id in new:
            for one in inherited(self._notes, servers[server_id], snapshot):
                if isinstance(one, Proposal):
                    self._approvals[server_id] = one
                else:
                    self._notices[server_id] = one
                    self._written.add(server_id)
        if new:
            self._seen = {*servers}

    def cancelled(
        self, moves: Mapping[str, Move], fleet: Fleet
    ) -> dict[str, Move]:
        """The same, with those that the leader before was to cancel."""
        return {
            s: move
            if s in self._seen
            else self._notes.with_cancel(move, fleet)
            for s, move in moves.items()
        }

    def cancel(self, move: Move, now: float) -> None:
        """Somebody has cancelled it: that yes counts no more.

        Where Nova migrates it already, that takes its time.
        """
        self._approvals.pop(move.server_id, None)
        self._mark(move.server_id, Mark(Said.CANCELLED, now, move.source))

    def _mark(self, server_id: str, mark: Mark | None) -> None:
        if mark and server_id in self._servers:
            self._notes.mark(self._servers[server_id], mark)
            self._nova_cache.look_again(server_id)

    def _with(self, snapshot: Snapshot) -> Snapshot:
        return dataclasses.replace(
            snapshot,
            approvals={**self._approvals},
            notices={**self._notices},
        )

    def keep(self, decided: Decision, snapshot: Snapshot) -> Snapshot:
        """Propose what is new, and tell owners of what is.

        :returns: the snapshot with all that waits now
        """
        for move in decided.proposed:
            if move.server_id not in self._approvals:
                self._propose(move, snapshot.now)
        new = [
            move
            for move in decided.announced
            if move.server_id not in self._notices
        ]
        for move in new[:_AT_ONCE]:
            self._tell(move, snapshot)
        self._hear(self._notices, snapshot)
        self._tidy(snapshot)
        return self._with(snapshot)

    def answer(
        self, server_id: str, vote: Vote, said: str, now: float
    ) -> Proposal:
        """Somebody has said yes or no.

        :param said: who, and why
        :raises RequestRefused: nothing waits for it, or somebody has answered
        """
        found = self._approvals.get(server_id)
        if found is None or now >= found.expires_at:
            raise RequestRefused(
                'not_found', f'No move of server {server_id} waits for a yes.'
            )
        if found.answer is not Vote.OPEN:
            raise RequestRefused(
                'conflict',
                f'It was {found.answer} already by {found.said}.',
            )
        found = found.answered(vote, said, now)
        self._approvals[server_id] = found
        self._mark(server_id, mark_of(found))
        LOG.info(
            'Move of server %s from host %s %s by %s.',
            server_id,
            found.source,
            vote,
            said,
            instance_uuid=server_id,
        )
        return found

    def _propose(self, move: Move, now: float) -> None:
        self._approvals[move.server_id] = Proposal(
            move.server_id, move.source, move.reason, now, now + LASTS
        )
        self._journal.waits('proposed', move, now + LASTS)

    def _tell(self, move: Move, snapshot: Snapshot) -> None:
        """By a notification, and in metadata where Nova lets us."""
        setting = snapshot.fleet.policies.first(move.source, Key.NOTICE)
        if setting is None:
            return
        due = snapshot.now + setting.value
        # Others are not named to him.
        why = move.own_reason or WHY
        notice = Notice(move.server_id, move.source, snapshot.now, due, why)
        self._notices[move.server_id] = notice
        self._mark(move.server_id, mark_of(notice))
        self._journal.waits('notice', move, due)
        said = f'{iso(due)} {why}'[:LONGEST_VALUE]
        try:
            self._notes.tell(move.server_id, said)
            self._written.add(move.server_id)
        except NovaFault as error:
            LOG.warning(
                'Notice of a move is not in the metadata of server %s, its '
                'owner has only the notification: %s',
                move.server.label,
                error,
                instance_uuid=move.server_id,
            )
        self._nova_cache.look_again(move.server_id)

    def _hear(self, server_ids: Iterable[str], snapshot: Snapshot) -> None:
        """What owners say who are told through an orchestrator.

        Whoever does not answer holds up nothing, and may until it moves.
        """
        for server_id in [*server_ids]:
            notice = self._notices[server_id]
            # NOTE: what is asked of a move that has begun comes first.
            if notice.heard or server_id in snapshot.moves:
                continue
            server = snapshot.fleet.servers[server_id]
            answer = self._dispatcher.notice(server, notice)
            if answer.state is State.WAITING:
                continue
            objection = ''
            if answer.state is State.REFUSED:
                objection = answer.detail or 'no reason given'
                LOG.info(
                    'Owner of server %s objects to its move from host %s: %s',
                    server.label,
                    notice.source,
                    objection,
                    instance_uuid=server_id,
                )
            self._notices[server_id] = notice.answered(objection)
            if objection:
                self._mark(server_id, mark_of(self._notices[server_id]))

    def _tidy(self, snapshot: Snapshot) -> None:
        """Remove notices of moves that are over, or were never ours."""
        for server_id in self._stale(snapshot)[:_AT_ONCE]:
            self._remove(server_id, ())
        for server_id, texts in self._left(snapshot)[:_AT_ONCE]:
            self._remove(server_id, texts)

    def _remove(self, server_id: str, texts: Collection[str]) -> None:
        """Remove these tags, or the notice in its metadata."""
        try:
            if texts:
                self._notes.unmark(server_id, texts)
            else:
                self._notes.untell(server_id)
                self._written.discard(server_id)
        except NovaFault as error:
            self._given_up.add(server_id)
            LOG.debug(
                'What was said of a move of server %s stays there: %s',
                server_id,
                error,
            )
        self._nova_cache.look_again(server_id)

    def _left(self, snapshot: Snapshot) -> list[tuple[str, list[str]]]:
        """Tags of what does not count any more, by server id.

        Those of a move stay until it is over: a receiver of webhooks knows
        its request by them.
        """
        found = []
        for server_id, server in snapshot.fleet.servers.items():
            over = server_id not in snapshot.moves
            if server.tags and over and server_id not in self._given_up:
                one = self._approvals.get(server_id)
                notice = self._notices.get(server_id)
                texts = self._notes.left(server, one, notice)
                found.append((server_id, texts))
        return [(server_id, texts) for server_id, texts in found if texts]

    def _stale(self, snapshot: Snapshot) -> list[str]:
        """Servers of which nobody waits any more, by id."""
        servers = snapshot.fleet.servers
        wanted = any(
            Key.NOTICE in keys
            for keys in snapshot.fleet.policies.hosts.values()
        )
        # Else the key is a tenant's own.
        return [
            server_id
            for server_id in (servers if wanted else self._written)
            if server_id in servers
            and Key.NOTICE in servers[server_id].metadata
            and server_id not in self._notices
            and server_id not in self._given_up
            and server_id not in snapshot.moves
        ]
