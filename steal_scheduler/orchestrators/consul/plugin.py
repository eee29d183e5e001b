"""Consul: a node is in maintenance while its server moves.

It is what ``consul maint`` does, through the agent of the node: the agent is
the truth, and writes it on its own disk, so that it outlasts a restart. What
the cluster sees (the *catalog*) follows, usually within a second.
"""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from oslo_log import log

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.consul import client, options
from steal_scheduler.orchestrators.consul.catalog import Catalog, CatalogNode
from steal_scheduler.orchestrators.consul.node import (
    Agent,
    NoAgent,
    is_plain,
)

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


class Consul(base.Orchestrator):
    OPTS = options.OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        options.check_options(self.options, section)
        # Of a few exchanges, each of which may take twice the time-out.
        self.seconds = min(8 * self.options.timeout, 60.0)
        url = self.options.catalog
        self._catalog = Catalog(self.options, section, url, 'catalog', None)
        #: By server id, until it is back.
        self._drains: dict[str, _Drain] = {}

    def drain(self, server: Server, node: str) -> base.Answer:
        try:
            return self._drain(server, node)
        except (NoAgent, client.Forbidden) as error:
            return base.refused(str(error))

    def reattach(self, server: Server, node: str) -> base.Answer:
        """End the maintenance; whoever is no node of ours costs one question.

        NOTE: asked for every server that moves, whosever it is. No agent is
        spoken to but where the catalog has the server's own address, now:
        while the catalog does not answer the reattach waits.
        """
        # One that is shelved comes back as it was.
        shelved = server.status.startswith('SHELVED')
        gone = server.gone or (server.host is None and not shelved)
        answer = base.DONE if gone else self._reattach(server, node)
        if answer is base.DONE:
            self._drains.pop(server.server_id, None)
        return answer

    def detached(self) -> frozenset[str]:
        return frozenset(self._catalog.ours())

    def marks(self, servers: Mapping[str, Server]) -> list[base.Mark]:
        ours = sorted(
            (server_id, name)
            for server_id, names in self._catalog.ours().items()
            for name in names
        )
        known = {name for server_id, name in ours if server_id in servers}
        nodes = self._catalog.nodes(sorted(filter(is_plain, known)))
        return [
            base.Mark(
                server_id,
                f'node {one_line(name, 80)}',
                self._doubt(servers.get(server_id), name, nodes.get(name)),
                'consul maint -disable',
            )
            for server_id, name in ours
        ]

    def _doubt(
        self, server: Server | None, name: str, node: CatalogNode | None
    ) -> str:
        """Why a node that names this server cannot be it; empty if it can."""
        if server is None:
            # Only Nova can tell.
            return ''
        try:
            agent = self._agent(server, name)
        except NoAgent as error:
            return str(error)
        # One that has just left tells nothing any more.
        return node.doubt(agent) if node else ''

    def _agent(self, server: Server, node: str) -> Agent:
        return Agent.of(self.options, self.section, server, node)

    # -- drain -------------------------------------------------------------

    def _drain(self, server: Server, node: str) -> base.Answer:
        agent = self._agent(server, node)
        # The catalog first: without a leader nobody would notice a drain,
        # and no stranger is sent a token.
        node_id = self._catalog.identify(agent)
        try:
            agent.identify(node_id)
            reason = agent.maintenance()
        except client.Unreachable as error:
            if self.options.unreachable == 'refuse':
                return base.refused(str(error))
            LOG.warning(
                'Server %s counts as drained, because its agent does not '
                'answer and [%s] unreachable = proceed: %s',
                server.label,
                self.section,
                one_line(error),
                instance_uuid=server.server_id,
            )
            return base.DONE
        drain = self._drains.setdefault(server.server_id, _Drain())
        if reason is None:
            if drain.on:
                # Somebody wants it to work, and must not fight with us.
                return base.refused('somebody has ended the maintenance')
            drain.asked = True
            reason = agent.begin()
        drain.on = agent.is_ours(reason)
        return self._settle(drain, reason, self._catalog.maintenance(node))

    def _settle(
        self, drain: _Drain, noted: str, shown: str | None
    ) -> base.Answer:
        """Wait for the cluster, and then for who asks it now and then.

        For example with settle = 10: asked at 12:00:00, shown by the catalog
        at 12:00:02, done at 12:00:12. When somebody puts a maintenance of his
        own in its place at 12:00:08, it is done ten seconds after that shows.

        NOTE: counted by this process from what it has seen. The time in the
        reason is of another clock perhaps, and of before the cluster knew.
        """
        now = time.monotonic()
        if shown != noted:
            drain.seen = (None, 0.0)
            return base.waiting(
                'the catalog does not show the maintenance yet'
            )
        if drain.seen[0] != noted:
            drain.seen = (noted, now)
        left = self.options.settle - (now - drain.seen[1])
        if left <= 0:
            return base.DONE
        return base.waiting(f'caches settle for {left:.1f} s more')

    # -- reattach ----------------------------------------------------------

    def _reattach(self, server: Server, node: str) -> base.Answer:
        """End it wherever it is or may be by us, and see that it is gone.

        :raises OrchestratorError: something of ours may be there
        """
        server_id = server.server_id
        asked = self._drains.get(server_id, _Drain()).asked
        projects = self.options.projects
        suspect = asked or not projects or server.project_id in projects
        try:
            marked = self._catalog.ours().get(server_id, set())
            names = marked | {node} if suspect else marked
            agents = self._vouched_for(
                server, names, {node} if asked or node in marked else set()
            )
        except NoAgent:
            raise
        except OrchestratorError as error:
            raise OrchestratorError(
                f'{error}; nothing is sent to an agent until the catalog '
                'vouches for it'
            ) from error
        ours = {
            name
            for name, (agent, node_id) in agents.items()
            if self._end(
                agent,
                node_id,
                known=name in marked or (asked and name == node),
            )
        }
        # Asked again: it may have come, or gone, in the meantime.
        left = agents and self._catalog.ours().get(server_id, set()) & ours
        if not left:
            return base.DONE
        shown = ', '.join(sorted(left))
        return base.waiting(
            f'the catalog still shows the maintenance of {shown}'
        )

    def _vouched_for(
        self, server: Server, names: set[str], needed: set[str]
    ) -> dict[str, tuple[Agent, str]]:
        """By name the agents that the catalog says to be the server's.

        Each with its id there. A node that only says that it is in
        maintenance for this server is none: whoever owns an agent can do so.

        :param needed: names of nodes that may be in maintenance by us
        :raises NoAgent: it does not say so of one of these: it may have left,
            as agents do by default when they are restarted, and come back in
            maintenance; or Nova tells of no address, for now
        """
        found = {}
        for name in sorted(names):
            try:
                agent = self._agent(server, name)
                found[name] = agent, self._catalog.identify(agent)
            except NoAgent:
                if name in needed:
                    raise
        return found

    def _end(self, agent: Agent, node_id: str, *, known: bool) -> bool:
        """End its maintenance, if that is ours and for this server.

        :param known: something of ours is or may be there
        :returns: whether it is the node's own agent
        :raises OrchestratorError: it does not answer, and that matters
        """
        try:
            agent.identify(node_id)
            known = known or agent.is_ours(agent.maintenance())
            agent.end()
        except NoAgent:
            return False
        except OrchestratorError:
            if known:
                raise
        return True
