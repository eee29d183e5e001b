"""One cluster: the official library, made from a kubeconfig file.

It is imported when the cluster is asked, and not before: the other
orchestrators do without it, and it takes half a second. Its answers are read
as JSON and not through its models: a list of 5,000 nodes takes a tenth of the
time, and a field that is newer than the library does no harm.
"""

import importlib.util
import json
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

import urllib3

from steal_scheduler.edge.http import MOST, bounded, read
from steal_scheduler.edge.secret_file import UnusableFile
from steal_scheduler.edge.sense import sensible, typed
from steal_scheduler.edge.text import json_object, one_line
from steal_scheduler.exception import ConfigError, OrchestratorError, told_as
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.kubernetes import kubeconfig, pods
from steal_scheduler.orchestrators.kubernetes.budgets import Budget
from steal_scheduler.orchestrators.kubernetes.nodes import Node

#: Seconds that one drain or reattach may take, all its requests together.
LOOK = 8.0
#: Seconds after which a kubeconfig, and the files that it names, are read
#: again: whoever made a token renews it earlier than that before its end.
#: client-go does so with token files.
FRESH = 60.0
#: Objects in one answer, as kubectl asks.
_PAGE = 500

_Kind = TypeVar('_Kind', Node, pods.Pod, Budget)

_CURES = {
    401: ' Renew the token, or the certificate, of the migrator.',
    403: ' Grant it: etc/kubernetes/steal-migrator-rbac.yaml has all the '
    'rights.',
}
_UNTRUSTED = (
    ' Set certificate-authority in the kubeconfig file to the authority that '
    'signed it.'
)


class KubernetesClient:
    """The few calls that we make. The time of one look starts with begin."""

    def __init__(self, options: Any, section: str) -> None:
        """Read the files that the options name; send nothing.

        :raises ConfigError: an option is wrong, or the library is missing
        """
        self.options = options
        self.section = section
        #: The library's ApiClient, once we are connected.
        self.api: Any = None
        #: Where it is, for messages.
        self.url = options.kubeconfig or ''
        self._until = 0.0
        #: When the files have to be read again.
        self._stale = 0.0
        if importlib.util.find_spec('kubernetes') is None:
            raise ConfigError(
                f'[{section}] driver = kubernetes needs a library that is '
                "missing: pip install 'steal-scheduler[kubernetes]'"
            )
        if not options.kubeconfig:
            raise ConfigError(
                f'[{section}] kubeconfig is not set. Set it to the path of '
                'the kubeconfig file of the cluster.'
            )
        self._where = f'[{section}] kubeconfig = {options.kubeconfig!r}: '
        cure = '. Give a kubeconfig file that this service may read.'
        with told_as(self._where, ConfigError, cure):
            kubeconfig.read(options.kubeconfig, options.context)

    def begin(self) -> None:
        """From now on LOOK seconds for all requests together.

        :raises OrchestratorError: a file can not be read any more
        """
        now = time.monotonic()
        with told_as(self._where, cure='.'):
            if now >= self._stale:
                self._connect()
                self._stale = now + FRESH
        # Only now: to import the library, the first time, may take as long.
        self._until = time.monotonic() + LOOK

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def node(self, name: str) -> Node | None:
        """The node of this name, if there is one."""
        status, said = self._ask(
            f'read node {name}', self._core.read_node, name, accept=[404]
        )
        return self._made(Node, said) if status == 200 else None

    def nodes(self, selector: str = '') -> Iterator[Node]:
        """All nodes, or those with these labels."""
        what, call = 'list nodes', self._core.list_node
        listed = self._pages(what, call, label_selector=selector)
        return (self._made(Node, said) for said in listed)

    def change(self, node: Node, patch: pods.Json) -> Answer:
        """Patch a node; WAITING if somebody was faster, REFUSED if it is gone.

        Its kubelet changes it every five minutes; a controller of Kubernetes
        taints it right after it was cordoned. The next look reads it again.
        """
        what, call = f'patch node {node.name}', self._core.patch_node
        status, _ = self._ask(what, call, node.name, patch, accept=[404, 409])
        if status == 409:
            return waiting(f'node {node.name} has changed meanwhile')
        return DONE if status == 200 else refused(f'node {node.name} is gone')

    def pods_on(self, node: Node) -> list[pods.Pod]:
        listed = self._pages(
            f'list the pods of {node.name}',
            self._core.list_pod_for_all_namespaces,
            field_selector=f'spec.nodeName={node.name}',
        )
        return [self._made(pods.Pod, said) for said in listed]

    def budgets(self, namespaces: Iterable[str]) -> list[Budget]:
        """Those of some namespaces, each asked once."""
        return [
            self._made(Budget, said)
            for namespace in sorted(set(namespaces))
            for said in self._pages(
                f'list PodDisruptionBudgets of {namespace}',
                self._policy.list_namespaced_pod_disruption_budget,
                namespace,
            )
        ]

    def evict(self, pod: pods.Pod) -> Answer:
        """Ask for it once; REFUSED where it will never go."""
        grace = self.options.grace_period
        options: dict[str, Any] = {
            # Another pod of this name may run elsewhere by now.
            'preconditions': {'uid': pod.uid}
        }
        # Else the pod's own.
        if grace >= 0:
            options['gracePeriodSeconds'] = grace
        body = {
            'apiVersion': 'policy/v1',
            'kind': 'Eviction',
            'metadata': {'name': pod.name, 'namespace': pod.namespace},
            'deleteOptions': options,
        }
        what = f'evict {pod}'
        status, said = self._ask(
            what,
            self._core.create_namespaced_pod_eviction,
            *(pod.name, pod.namespace, body),
            accept=[400, 403, 404, 409, 422, 429, 500],
        )
        if status == 200:
            return DONE
        where = f'[{self.section}] {self.url} did {what}: its answer'
        with sensible(where, OrchestratorError):
            found = pods.explained(pod, status, said)
        if found is None:
            raise self._failed(what, said['message'], status)
        return found

    def _pages(
        self, what: str, call: Callable[..., Any], *names: str, **query: Any
    ) -> Iterator[pods.Json]:
        while True:
            _, page = self._ask(what, call, *names, limit=_PAGE, **query)
            where = f'[{self.section}] {self.url} did {what}: its answer'
            with sensible(where, OrchestratorError):
                found = [*page['items']]
                more = page['metadata'].get('continue')
            yield from found
            if not more:
                return
            query['_continue'] = more

    def _ask(
        self,
        what: str,
        call: Callable[..., Any],
        *args: Any,
        accept: Collection[int] = (),
        **query: Any,
    ) -> tuple[int, Any]:
        """The status of an answer, and its JSON: of a Status if it is no 200.

        :param what: for a message: ``list nodes``
        :param accept: which statuses are no failure
        :raises OrchestratorError: there is no answer, or one of failure
        """
        from kubernetes.client import ApiException

        seconds = min(self.options.timeout, self.seconds_left)
        if seconds <= 0:
            raise self._failed(
                what, f'one drain or reattach may take {LOOK:g} s in all'
            )
        pools = self.api.rest_client.pool_manager
        query |= {
            '_preload_content': False,
            '_request_timeout': (seconds, seconds),
        }
        try:
            with bounded(pools.connection_from_url(self._host), seconds):
                return 200, json.loads(read(call(*args, **query), MOST))
        except ApiException as error:
            # Mostly there is a Status object in it.
            said = {'message': str(error)} | json_object(error.body or '')
            status = error.status
            if status in accept:
                return status, said
            raise self._failed(what, said['message'], status) from error
        except (
            urllib3.exceptions.HTTPError,
            OSError,
            RecursionError,
            ValueError,
        ) as error:
            raise self._failed(what, error) from error

    def _made(self, kind: type[_Kind], said: Any) -> _Kind:
        """What an object of the API tells us.

        :raises OrchestratorError: it makes no sense. NOTE: of pods that is
            none to leave out, or it would be lost with its node
        """
        what = kind.__name__.lower()
        where = f'[{self.section}] {self.url} shows a {what} that'
        with sensible(where, OrchestratorError):
            return typed(kind.of(said))

    def _failed(
        self, what: str, said: object, status: int | None = None
    ) -> OrchestratorError:
        """What went wrong, and its cure; no token is in it."""
        # The library says 0 where TLS failed.
        if not status or status in (401, 403):
            # Files may have been renewed, or be gone: read them all again.
            self._stale = 0.0
        text = one_line(said, 400).rstrip('.')
        cure = _UNTRUSTED if 'CERTIFICATE' in text else ''
        return OrchestratorError(
            f'[{self.section}] {self.url} did not {what}: '
            f'{f"{status} " if status else ""}{text}.'
            f'{_CURES.get(status or 0, cure)}'
        )

    def _connect(self) -> None:
        from kubernetes import client

        settings = client.Configuration()
        # Readable by nobody else, and gone with us.
        self._files = tempfile.TemporaryDirectory(prefix='steal-migrator-')
        options = self.options
        kubeconfig.load(
            settings, options.kubeconfig, options.context, self._files.name
        )
        self._host: str = settings.host
        self.url = re.sub(r'//[^/@]*@', '//', settings.host)
        if not self.url.startswith('https://') and settings.verify_ssl:
            raise UnusableFile(
                f'{self.url} would carry the token in clear text: use '
                'https, or set insecure-skip-tls-verify in the file'
            )
        # One look, one answer: the next look is the retry. The library would
        # ask four times, and wait as long as the server says in between.
        settings.retries = False
        self.api = client.ApiClient(settings)
        self._core = client.CoreV1Api(self.api)
        self._policy = client.PolicyV1Api(self.api)
