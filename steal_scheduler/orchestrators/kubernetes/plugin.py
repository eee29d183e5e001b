"""Kubernetes: a server is a node, which is cordoned and drained.

As ``kubectl drain`` does, through the eviction API, so that every
PodDisruptionBudget is kept to; afterwards it is uncordoned, if it was us who
cordoned it. The state of it is a mark on the node: see ``nodes.py``.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from oslo_log import log

from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.kubernetes import drain, identity, nodes
from steal_scheduler.orchestrators.kubernetes.client import (
    LOOK,
    KubernetesClient,
)
from steal_scheduler.orchestrators.kubernetes.options import OPTS

LOG = log.getLogger(__name__)

#: Seconds for which a node that was uncordoned may be not ready. It takes pods
#: again at once; then it counts as reattached all the same, with a warning.
READY_TIMEOUT = 60.0


class Kubernetes(base.Orchestrator):
    """One cluster."""

    OPTS = OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        self._client = KubernetesClient(self.options, section)
        self.seconds = LOOK
        #: The name of its node, by server id: it saves the list of all nodes,
        #: and proves no more than any other name.
        self._seen: dict[str, str] = {}

    def drain(self, server: Server, node: str) -> Answer:
        self._client.begin()
        found = self._find(server, node)
        if isinstance(found, str):
            return refused(found)
        self._seen[server.server_id] = found.name
        return drain.step(self._client, found, server)

    def preview(self, server: Server, node: str) -> Answer:
        self._client.begin()
        found = self._find(server, node)
        if isinstance(found, str):
            return refused(found)
        plan = drain.prepare(self._client, found, server)
        if isinstance(plan, Answer):
            return plan
        return Answer(base.State.DONE, str(plan))

    def reattach(self, server: Server, node: str) -> Answer:
        """Uncordon the node that carries the server's mark, and is it.

        Whatever it is called: the server may be deleted, its metadata
        changed, and the mark is what we wrote.
        """
        self._client.begin()
        server_id = server.server_id
        answer = base.worst(
            [
                self._reattach_node(found, server)
                for found in self._marked(f'{nodes.LABEL}={server_id}')
                if not self._doubt(found)
            ]
        )
        if answer is DONE:
            self._seen.pop(server_id, None)
        return answer

    def detached(self) -> frozenset[str]:
        return frozenset(m.server_id for m in self.marks({}) if not m.doubt)

    def marks(self, servers: Mapping[str, Server]) -> list[base.Mark]:
        self._client.begin()
        return [
            base.Mark(
                node.labels[nodes.LABEL],
                f'node {node.name}',
                self._doubt(node),
                f'kubectl label node {node.name} {nodes.LABEL}-',
            )
            for node in self._marked(nodes.LABEL)
        ]

    def _marked(self, selector: str) -> Iterator[nodes.Node]:
        """Nodes with our label; what was not asked for is not ours."""
        for node in self._client.nodes(selector):
            if nodes.LABEL in node.labels:
                yield node

    def _doubt(self, node: nodes.Node) -> str:
        """Why our mark on a node is not believed; empty where it is.

        What this process has marked itself it need not be told of, whatever
        else the node says by now.
        """
        server_id = node.labels[nodes.LABEL]
        if self._seen.get(server_id) == node.name:
            return ''
        return identity.doubt(node, server_id)

    def _find(self, server: Server, name: str) -> nodes.Node | str:
        """The server's node, or why there is none to be drained."""
        server_id = server.server_id
        other = f'no node has the id of this server, or the name {name!r}'
        # A request each, for a few KiB.
        for each in dict.fromkeys((self._seen.get(server_id, name), name)):
            if not nodes.is_name(each):
                continue
            node = self._client.node(each)
            if node is not None:
                doubt = identity.doubt(node, server_id)
                if not doubt:
                    return node
                other = doubt
        found = []
        for node in self._client.nodes():
            says = identity.whose(node, server_id)
            if says is identity.Whose.THIS:
                found.append(node)
            elif says is identity.Whose.BOTH:
                other = identity.doubt(node, server_id)
        if len(found) > 1:
            names = ', '.join(node.name for node in found)
            return f'several nodes have the id of this server: {names}'
        return found[0] if found else other

    def _reattach_node(self, node: nodes.Node, server: Server) -> Answer:
        mark = nodes.read_mark(node)
        if mark is None:
            return refused(
                f'node {node.name} has lost {nodes.ANNOTATION}, which '
                'said whether it was cordoned before: "kubectl uncordon" it '
                f'if it was not, then "kubectl label node {node.name} '
                f'{nodes.LABEL}-"; see whether {nodes.SCALE_DOWN} may go too'
            )
        now = time.time()
        began = now if mark.back is None else mark.back
        # Nor for one that says that it will be uncordoned in a year.
        if not node.ready and abs(now - began) < READY_TIMEOUT:
            if mark.back is None:
                patch = nodes.reattach_patch(node, mark, now)
                self._client.change(node, patch)
            return waiting(f'node {node.name} is not ready yet')
        patch = nodes.reattach_patch(node, mark, None)
        answer = self._client.change(node, patch)
        if answer is not DONE:
            # One that is gone needs no reattach.
            return answer if answer.state is base.State.WAITING else DONE
        LOG.info(
            'Node %s of server %s %s.',
            node.name,
            server.label,
            'uncordoned' if mark.cordoned else 'no longer marked',
            instance_uuid=server.server_id,
        )
        if not node.ready:
            LOG.warning(
                'Node %s of server %s is not ready %d s after its reattach, '
                'and is no longer waited for: look at its kubelet.',
                node.name,
                server.label,
                READY_TIMEOUT,
                instance_uuid=server.server_id,
            )
        return DONE
