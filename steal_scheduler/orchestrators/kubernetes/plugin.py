"""Kubernetes: a server is a node, which is cordoned and drained.

As ``kubectl drain`` does, through the eviction API, so that every
PodDisruptionBudget is kept to; afterwards it is uncordoned, if it was us who
cordoned it. The state of it is a mark on the node: see ``node_mark.py``.
"""

import time
from collections.abc import Callable
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
from steal_scheduler.orchestrators.kubernetes import node_mark
from steal_scheduler.orchestrators.kubernetes import options as kube_options
from steal_scheduler.orchestrators.kubernetes.client import (
    Conflict,
    KubernetesClient,
)
from steal_scheduler.orchestrators.kubernetes.connection import Connection
from steal_scheduler.orchestrators.kubernetes.drain import Drain
from steal_scheduler.orchestrators.kubernetes.node_finder import NodeFinder
from steal_scheduler.orchestrators.kubernetes.objects import Node

LOG = log.getLogger(__name__)

#: Seconds for which a node that was uncordoned may be not ready. It takes pods
#: again at once; then it counts as reattached all the same, with a warning.
READY_TIMEOUT = 60.0
#: How often a node is read again that somebody has changed meanwhile. Its
#: kubelet does so every five minutes, others hardly ever.
_TRIES = 4


class Kubernetes(Orchestrator):
    """One cluster."""

    OPTS = kube_options.OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        self._connection = Connection(self.options, section)
        self._drain = Drain(self.options, section)
        self._finder = NodeFinder()

    def drain(self, server: Server, node: str) -> Answer:
        def step(client: KubernetesClient) -> Answer:
            found = self._finder.find(client, server, node)
            if isinstance(found, Answer):
                return found
            return self._drain.step(client, found, server)

        return self._patiently(step)

    def reattach(self, server: Server, node: str) -> Answer:
        """Uncordon the node that carries the server's mark.

        Whatever it is called: the server may be deleted, its metadata
        changed, and the mark is what we wrote.
        """

        def step(client: KubernetesClient) -> Answer:
            selector = f'{node_mark.LABEL}={server.server_id}'
            worst = DONE
            for found in list(client.nodes(selector)):
                answer = self._reattach_node(client, found, server)
                if answer.state is not State.DONE:
                    worst = answer
            return worst

        answer = self._patiently(step)
        if answer.state is State.DONE:
            self._finder.forget(server)
        return answer

    def detached(self) -> frozenset[str]:
        label = node_mark.LABEL
        nodes = self._client().nodes(label)
        return frozenset(node.labels[label] for node in nodes)

    def _client(self) -> KubernetesClient:
        return KubernetesClient(self._connection, self.options.timeout)

    def _patiently(self, step: Callable[[KubernetesClient], Answer]) -> Answer:
        """Do it again when the node has changed under our hands."""
        client = self._client()
        for _ in range(_TRIES):
            try:
                return step(client)
            except Conflict:
                continue
        raise OrchestratorError(
            f'[{self.section}] {self._connection.url}: the node changed '
            f'{_TRIES} times while it was to be patched.'
        )

    def _reattach_node(
        self, client: KubernetesClient, node: Node, server: Server
    ) -> Answer:
        mark = node_mark.read(node)
        if mark is None:
            return Answer(
                State.REFUSED,
                f'node {node.name} has lost {node_mark.ANNOTATION}, which '
                'said whether it was cordoned before: "kubectl uncordon" it '
                f'if it was not, then "kubectl label node {node.name} '
                f'{node_mark.LABEL}-"',
            )
        now = time.time()
        began = now if mark.back is None else mark.back
        late = now - began >= READY_TIMEOUT
        if node.ready or late:
            patch = node_mark.reattach_patch(node, mark, None)
            if not client.change(node, patch):
                return DONE
            self._tell(node, server, cordoned=mark.cordoned)
            return DONE
        if mark.back is None:
            client.change(node, node_mark.reattach_patch(node, mark, now))
        return Answer(State.WAITING, f'node {node.name} is not ready yet')

    def _tell(self, node: Node, server: Server, *, cordoned: bool) -> None:
        about = node.name, server.name, server.server_id
        LOG.info(
            'Node %s of server %s (%s) %s.',
            *about,
            'uncordoned' if cordoned else 'no longer marked',
            instance_uuid=server.server_id,
        )
        if not node.ready:
            LOG.warning(
                'Node %s of server %s (%s) is not ready %d s after its '
                'reattach, and is no longer waited for: look at its kubelet.',
                *about,
                READY_TIMEOUT,
                instance_uuid=server.server_id,
            )
