"""The audit: who asked for what, what was moved, and what was refused.

One line of JSON for each event. The logger ``steal_scheduler.audit`` writes
it, so the configuration of logging says where it goes; it is sent as the
notification ``steal_scheduler.audit`` as well. An event is told once, when
something has changed: what goes on is in metrics and plan.
"""

import collections
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_log import log

from steal_scheduler.decision import pauses
from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging.notifier import Notifier
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Ended, Move, Outcome
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.relief import Relief
from steal_scheduler.reporting import audit_request, cadf
from steal_scheduler.reporting.refused import MOST

LOG = log.getLogger('steal_scheduler.audit')

_ARRIVED = (
    Outcome.HELPED,
    Outcome.NOT_HELPED,
    Outcome.UNMEASURED,
    Outcome.ARRIVED,
)


class Audit:
    """Remembers what it has told."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        #: Of this process' leadership; None while another migrator leads.
        self._number: int | None = None
        self.forget()

    def forget(self) -> None:
        """Another migrator leads: what is refused is not ours to say."""
        #: Why contended servers were not moved, by server id; of the whole
        #: cloud it is None.
        self._refused: Mapping[str | None, frozenset[str]] = {}
        self._pauses: frozenset[Pause] = frozenset()

    def leads(self, number: int | None) -> None:
        """Whether this process leads.

        :param number: of its leadership; None where it does not
        """
        before, self._number = self._number, number
        if number == before:
            return
        action = 'start' if number is not None else 'stop'
        self._tell(
            f'{action}/leadership',
            cadf.SUCCESS,
            target=cadf.ourselves(),
            **cadf.attached('leadership', {'number': number or before}),
        )

    def asked(
        self,
        who: Mapping[str, Any],
        method: str,
        args: Mapping[str, Any],
        refused: Mapping[str, Any] | None = None,
    ) -> None:
        """A person has asked for something.

        :param who: with ``user_id`` and ``user_name``, ``project_id`` and
            ``request_id`` where they are known
        :param refused: ``reason`` and ``text`` of a no; None where it was
            taken
        """
        self._tell(
            audit_request.action(method),
            cadf.SUCCESS if refused is None else cadf.FAILURE,
            eventType=cadf.CONTROL,
            initiator=audit_request.initiator(who),
            target=audit_request.target(args),
            **audit_request.details(args, refused),
        )

    def began(self, move: Move) -> None:
        """Its server is about to be drained."""
        self._tell(
            'start/move',
            cadf.PENDING,
            target=_server(move.server),
            **cadf.attached('move', _told(move)),
        )

    def ended(self, ended: Ended) -> None:
        outcome = cadf.SUCCESS if ended.outcome in _ARRIVED else cadf.FAILURE
        if ended.outcome is Outcome.GONE:
            outcome = cadf.UNKNOWN
        self._tell(
            'stop/move',
            outcome,
            target=_server(ended.move.server),
            **cadf.because('outcome', ended.outcome),
            **cadf.attached(
                'move',
                {
                    **_told(ended.move),
                    'detail': ended.detail,
                    'steal_after': ended.steal_after,
                    'seconds_out_of_service': ended.seconds_out,
                    'copied_mb': ended.copied_mb,
                },
            ),
        )

    def relieved(self, ended: Ended, relief: Relief) -> None:
        """What a move has brought, a while after it ended."""
        self._tell(
            'monitor/move',
            cadf.SUCCESS,
            eventType=cadf.MONITOR,
            target=_server(ended.move.server),
            **cadf.because('outcome', ended.outcome),
            **cadf.attached(
                'relief',
                {
                    **_told(ended.move),
                    'relief_core_seconds': relief.core_seconds,
                    'seconds': relief.seconds,
                },
            ),
        )

    def show(self, snapshot: Snapshot, decided: Decision) -> None:
        """The end of a tick: what is refused now, and what is paused."""
        self._show_refusals(snapshot, decided)
        self._show_pauses(snapshot)

    def _show_refusals(self, snapshot: Snapshot, decided: Decision) -> None:
        """Of the whole cloud, and of servers that are contended.

        Who is not contended has nothing to gain: thousands may be locked, and
        a tenant changes that as often as it likes.
        """
        contended = {finding.server_id for finding in decided.findings}
        refused = collections.defaultdict[str | None, list[Refusal]](list)
        for refusal in decided.refusals:
            if refusal.server_id is None or refusal.server_id in contended:
                refused[refusal.server_id].append(refusal)
        before, self._refused = (
            self._refused,
            {
                server_id: frozenset(r.reason for r in found)
                for server_id, found in refused.items()
            },
        )
        changed = [
            refusal
            for server_id, found in refused.items()
            for refusal in found
            if refusal.reason not in before.get(server_id, ())
        ]
        self._tell_refusals(changed, snapshot)

    def _tell_refusals(
        self, changed: Iterable[Refusal], snapshot: Snapshot
    ) -> None:
        """The first few of each project, and how many more there are."""
        count = collections.Counter[str]()
        for refusal in changed:
            server = snapshot.fleet.servers.get(refusal.server_id or '')
            if server is not None:
                count[server.project_id] += 1
                if count[server.project_id] > MOST:
                    continue
            self._tell(
                'deny/move',
                cadf.FAILURE,
                eventType=cadf.CONTROL,
                target=_server(server) if server else cadf.CLOUD,
                **cadf.because('refusal', refusal.reason),
                **cadf.attached(
                    'refusal',
                    {
                        'source': server.host if server else None,
                        'zone': server.zone if server else None,
                        'detail': refusal.detail,
                    },
                ),
            )
        for project, found in count.items():
            if found > MOST:
                self._tell(
                    'deny/move',
                    cadf.FAILURE,
                    eventType=cadf.CONTROL,
                    target=cadf.resource('data/security/project', project),
                    **cadf.attached('refusals', {'more': found - MOST}),
                )

    def _show_pauses(self, snapshot: Snapshot) -> None:
        before = self._pauses
        self._pauses = now = frozenset(pauses.in_force(snapshot))
        for pause in sorted(now ^ before, key=lambda each: each.key):
            begins = pause in now
            host = pause.scope is Scope.HOST
            self._tell(
                'disable/moves' if begins else 'enable/moves',
                cadf.SUCCESS,
                eventType=cadf.CONTROL,
                # Nova keeps the words of an operator, and not who it was.
                initiator=cadf.resource(cadf.USER, None),
                target=cadf.resource(
                    cadf.NODE if host else cadf.SERVICE, pause.where
                ),
                **cadf.attached(
                    'pause',
                    {
                        'scope': pause.scope,
                        'name': pause.name,
                        'until': pause.end,
                        'reason': pause.reason,
                        'aggregate': pause.aggregate,
                        'key': pause.key,
                    },
                ),
            )

    def _tell(self, action: str, outcome: str, **more: Any) -> None:
        event = cadf.event(action, outcome, time.time(), **more)
        LOG.info('%s', json.dumps(event))
        self._notifier.audit(event)


def _server(server: Server) -> dict[str, Any]:
    return cadf.resource(
        cadf.MACHINE,
        server.server_id,
        name=server.name,
        project_id=server.project_id,
    )


def _told(move: Move) -> dict[str, Any]:
    return {
        'source': move.source,
        'target': move.target,
        'zone': move.server.zone,
        'reason': move.reason,
        'steal_before': move.steal_before,
        'asked_by': move.asked_by or None,
    }
