"""Proposals: what waits for a yes, and owners who know of a move to come.

It is this leadership's memory: the next leader proposes and tells anew.
"""

import dataclasses
from collections.abc import Iterable

from oslo_log import log

from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import NovaFault, RequestRefused
from steal_scheduler.migrator.notes import Notes
from steal_scheduler.model.move import Move, own_reason
from steal_scheduler.model.policy import Key
from steal_scheduler.model.proposal import LASTS, Notice, Proposal, Vote
from steal_scheduler.model.until import LONGEST_VALUE, iso
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

    def known(self, snapshot: Snapshot) -> Snapshot:
        """The same, with what is remembered, but for what is over."""
        now, servers = snapshot.now, snapshot.fleet.servers

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
        LOG.info(
            'Move of server %s from host %s %s by %s.',
            server_id,
            found.source,
            vote,
            said,
            instance_uuid=server_id,
        )
        return found

    def withdraw(self, server_id: str) -> None:
        """Somebody has cancelled its move: that yes counts no more."""
        self._approvals.pop(server_id, None)

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
        why = own_reason(move.reason) or 'its host is to be relieved'
        self._notices[move.server_id] = Notice(
            move.server_id, move.source, snapshot.now, due, why
        )
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

    def _tidy(self, snapshot: Snapshot) -> None:
        """Remove notices of moves that are over, or were never ours."""
        for server_id in self._stale(snapshot)[:_AT_ONCE]:
            try:
                self._notes.untell(server_id)
                self._written.discard(server_id)
            except NovaFault as error:
                self._given_up.add(server_id)
                LOG.debug(
                    'Notice of a move stays in the metadata of server %s: %s',
                    server_id,
                    error,
                )
            self._nova_cache.look_again(server_id)

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
