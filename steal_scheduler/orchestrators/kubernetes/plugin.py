"""Kubernetes: a server is a node, which is cordoned and drained.

As ``kubectl drain`` does, through the eviction API, so that every
PodDisruptionBudget is kept to; afterwards it is uncordoned, if it was us who
cordoned it. The state of it is a mark on the node: see ``mark.py``.
"""

import time
from collections.abc import Callable
from typing import Any

from oslo_log import log

from steal_scheduler.exception import ConfigError, OrchestratorError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.kubernetes import (
    drain_options,
    nodes,
    options,
)
from steal_scheduler.orchestrators.kubernetes.api import Conflict, KubeApi
from steal_scheduler.orchestrators.kubernetes.client import Client
from steal_scheduler.orchestrators.kubernetes.drain import Drain
from steal_scheduler.orchestrators.kubernetes.finder import Finder
from steal_scheduler.orchestrators.kubernetes.mark import Marker
from steal_scheduler.orchestrators.kubernetes.objects import Node

LOG = log.getLogger(__name__)

#: How often a node is read again that somebody has changed meanwhile. Its
#: kubelet does so every five minutes, others hardly ever.
_TRIES = 4


class Kubernetes(Orchestrator):
    """One cluster."""

    OPTS = (
        *options.CONNECTION,
        *options.NODES,
        *drain_options.PODS,
        *drain_options.PACE,
    )

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        mark = self.options.mark
        if not nodes.is_name(mark):
            raise ConfigError(
                f'[{section}] mark = {mark!r} is no DNS name: '
                'steal.example.org'
            )
        self._marker = Marker(mark)
        self._client = Client(self.options, section)
        self._drain = Drain(self.options, self._marker)
        self._finder = Finder(self.options.trust_names)

    def drain(self, server: Server, node: str) -> Answer:
        def step(api: KubeApi) -> Answer:
            found = self._finder.find(api, server, node)
            if isinstance(found, Answer):
                return found
            return self._drain.step(api, found, server)

        return self._patiently(step)

    def reattach(self, server: Server, node: str) -> Answer:
        """Put back the node that carries the server's mark.

        Whatever it is called: the server may be deleted, its metadata
        changed, and the mark is what we wrote.
        """

        def step(api: KubeApi) -> Answer:
            selector = f'{self._marker.label}={server.server_id}'
            worst = DONE
            for found in list(api.nodes(selector)):
                answer = self._put_back(api, found, server)
                if answer.state is not State.DONE:
                    worst = answer
            return worst

        answer = self._patiently(step)
        if answer.state is State.DONE:
            self._finder.forget(server)
        return answer

    def detached(self) -> frozenset[str]:
        api = self._api()
        label = self._marker.label
        return frozenset(node.labels[label] for node in api.nodes(label))

    def _api(self) -> KubeApi:
        return KubeApi(self._client, self.options.timeout)

    def _patiently(self, step: Callable[[KubeApi], Answer]) -> Answer:
        """Do it again when the node has changed under our hands."""
        api = self._api()
        for _ in range(_TRIES):
            try:
                return step(api)
            except Conflict:
                continue
        raise OrchestratorError(
            f'[{self.section}] {self._client.url}: the node changed '
            f'{_TRIES} times while it was to be patched.'
        )

    def _put_back(self, api: KubeApi, node: Node, server: Server) -> Answer:
        marker = self._marker
        mark = marker.read(node)
        if mark is None:
            return Answer(
                State.REFUSED,
                f'node {node.name} has lost {marker.annotation}, which said '
                'whether it was cordoned before: "kubectl uncordon" it if it '
                f'was not, then "kubectl label node {node.name} '
                f'{marker.label}-"',
            )
        now = time.time()
        began = now if mark.back is None else mark.back
        late = now - began >= self.options.ready_timeout
        if node.ready or late:
            if not api.change(node, marker.put_back(node, mark, None)):
                return DONE
            LOG.info(
                'Node %s is %s.',
                node.name,
                'uncordoned' if mark.cordoned else 'no longer marked',
                instance_uuid=server.server_id,
            )
            if not node.ready:
                LOG.warning(
                    'Node %s is not ready, and no longer waited for: look '
                    'at its kubelet.',
                    node.name,
                    instance_uuid=server.server_id,
                )
            return DONE
        if mark.back is None:
            api.change(node, marker.put_back(node, mark, now))
        return Answer(State.WAITING, f'node {node.name} is not ready yet')
