"""Consul: a node is in maintenance while its server moves.

It is what ``consul maint`` does, through the agent of the node: the agent is
the truth, and writes it on its own disk, so that it outlasts a restart. What
the cluster sees (the *catalog*) follows, usually within a second.
"""

import dataclasses
import time
from typing import Any

from oslo_log import log

from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.consul.agent_address import NoAgent
from steal_scheduler.orchestrators.consul.client import Forbidden, Unreachable
from steal_scheduler.orchestrators.consul.node import Agent, Catalog, notes
from steal_scheduler.orchestrators.consul.option_checks import check_options
from steal_scheduler.orchestrators.consul.options import OPTS

LOG = log.getLogger(__name__)


@dataclasses.dataclass(slots=True)
class _Drain:
    """What this process has seen of a drain.

    No truth is kept here. Another process begins without: it waits ``settle``
    once more, and cannot tell that somebody ended the maintenance.
    """

    #: We asked for maintenance: it may be on by us.
    asked: bool = False
    #: We have seen our own on.
    on: bool = False
    #: The reason that the cluster showed, and since when.
    seen: tuple[str | None, float] = (None, 0.0)


class Consul(Orchestrator):
    OPTS = OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        check_options(self.options, section)
        self._catalog = Catalog(self.options, section)
        #: By server id, until it is back.
        self._drains: dict[str, _Drain] = {}

    def drain(self, server: Server, node: str) -> Answer:
        try:
            return self._drain(server, node)
        except (NoAgent, Forbidden) as error:
            return Answer(State.REFUSED, str(error))

    def reattach(self, server: Server, node: str) -> Answer:
        """End the maintenance; whoever is no node of ours costs one question.

        NOTE: asked for every server that moves, whosever it is. No agent is
        spoken to but of a server that may be ours by ``projects`` and is
        known to the catalog, or that the catalog shows as ours.
        """
        trouble = None
        if not _is_gone(server):
            trouble = self._reattach(server, node)
        if trouble:
            return Answer(State.WAITING, trouble)
        self._drains.pop(server.server_id, None)
        return DONE

    def detached(self) -> frozenset[str]:
        return frozenset(server_id for _, server_id in self._catalog.ours())

    # -- drain -------------------------------------------------------------

    def _drain(self, server: Server, node: str) -> Answer:
        agent = Agent(self.options, self.section, server, node)
        # The catalog first: without a leader nobody would notice a drain,
        # and no stranger is sent a token.
        node_id = self._catalog.identify(server, node)
        try:
            agent.identify(node_id)
            check = agent.maintenance()
        except Unreachable as error:
            if self.options.unreachable == 'refuse':
                return Answer(State.REFUSED, str(error))
            LOG.warning(
                'Server %s (%s) counts as drained, because its agent does '
                'not answer and [%s] unreachable = proceed: %s',
                server.name,
                server.server_id,
                self.section,
                error,
                instance_uuid=server.server_id,
            )
            return DONE
        drain = self._drains.setdefault(server.server_id, _Drain())
        if check is None:
            if drain.on:
                # Somebody wants it to work, and must not fight with us.
                text = 'somebody has ended the maintenance'
                return Answer(State.REFUSED, text)
            drain.asked = True
            check = agent.begin()
        drain.on = agent.is_ours(check)
        shown = self._catalog.maintenance(node)
        return self._settle(drain, notes(check), notes(shown))

    def _settle(
        self, drain: _Drain, noted: str | None, shown: str | None
    ) -> Answer:
        """Wait for the cluster, and then for who asks it now and then.

        NOTE: counted by this process from what it has seen. The time in the
        reason is of another clock perhaps, and of before the cluster knew.
        """
        now = time.monotonic()
        if shown != noted:
            drain.seen = (None, 0.0)
            return Answer(
                State.WAITING, 'the catalog does not show the maintenance yet'
            )
        if drain.seen[0] != noted:
            drain.seen = (noted, now)
        left = self.options.settle - (now - drain.seen[1])
        if left <= 0:
            return DONE
        return Answer(State.WAITING, f'caches settle for {left:.1f} s more')

    # -- reattach ----------------------------------------------------------

    def _reattach(self, server: Server, node: str) -> str:
        """What it still waits for; '' if for nothing.

        :raises OrchestratorError: something of ours may be there
        """
        server_id = server.server_id
        drain = self._drains.get(server_id)
        asked = drain is not None and drain.asked
        projects = self.options.projects
        suspect = asked or not projects or server.project_id in projects
        trouble: OrchestratorError | None = None
        marked: frozenset[str] = frozenset()
        try:
            marked = self._marked(server_id)
            if suspect:
                self._catalog.identify(server, node)
        except NoAgent:
            # It is no node, or has left: as agents do by default when they
            # are restarted, and then come back in maintenance.
            suspect = asked
        except OrchestratorError as error:
            # Its agent can be put right all the same.
            trouble = error
        names = marked | ({node} if suspect else frozenset())
        for name in sorted(names):
            self._end(server, name, known=asked or name in marked)
        if trouble is not None:
            raise trouble
        # Asked again: it may have come, or gone, in the meantime.
        left = self._marked(server_id) if names else names
        if not left:
            return ''
        shown = ', '.join(sorted(left))
        return f'the catalog still shows the maintenance of {shown}'

    def _end(self, server: Server, node: str, *, known: bool) -> None:
        """End its maintenance, if that is ours and for this server.

        :param known: something of ours is or may be there
        :raises OrchestratorError: it does not answer, and that matters
        """
        try:
            agent = Agent(self.options, self.section, server, node)
            known = known or agent.is_ours(agent.maintenance())
            agent.end()
        except OrchestratorError:
            if known:
                raise

    def _marked(self, server_id: str) -> frozenset[str]:
        """Nodes that the cluster has in maintenance by us for this server."""
        ours = self._catalog.ours()
        return frozenset(node for node, owner in ours if owner == server_id)


def _is_gone(server: Server) -> bool:
    """Nova has deleted it. One that is shelved comes back as it was."""
    shelved = server.status.startswith('SHELVED')
    return server.status == 'DELETED' or (server.host is None and not shelved)
