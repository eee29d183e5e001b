"""A stand-in for a Kubernetes API server: real HTTP, nothing behind it.

It answers the calls that we make, as the real one was seen to, and fails on
demand. What a real one does is for ``tests/integration``.
"""

import contextlib
import http.server
import json
import pathlib
import re
import threading
import urllib.parse
from typing import Any, Self

from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from tests.unit.signals.options import configuration

Json = dict[str, Any]

UUID = '9a1f0c5e-0000-4000-8000-000000000000'


class Cluster:
    def __init__(self) -> None:
        self.nodes: dict[str, Json] = {}
        self.pods: list[Json] = []
        self.budgets: list[Json] = []
        self.daemon_sets: set[str] = set()
        #: What is answered instead, by method and end of the path.
        self.instead: dict[tuple[str, str], tuple[int, Json]] = {}
        #: Methods and paths, as they were asked.
        self.asked: list[str] = []

    def add_node(self, name: str, **spec: Any) -> None:
        spec.setdefault('providerID', f'openstack:///{UUID}')
        ready = {'type': 'Ready', 'status': 'True'}
        self.nodes[name] = {
            'metadata': {'name': name, 'resourceVersion': '1'},
            'spec': spec,
            'status': {'conditions': [ready]},
        }

    def __enter__(self) -> Self:
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            # Headers and body in one piece, or the client waits for an ACK.
            wbufsize = 65536

            def do_GET(self) -> None:
                size = int(self.headers.get('Content-Length') or 0)
                body = json.loads(self.rfile.read(size) or 'null')
                status, said = cluster.answer(self.command, self.path, body)
                text = json.dumps(said).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_PATCH = do_POST = do_GET  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        with contextlib.ExitStack() as stack:
            server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
            stack.callback(server.server_close)
            thread = threading.Thread(
                target=server.serve_forever, args=(0.05,), daemon=True
            )
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            self.url = f'http://127.0.0.1:{server.server_address[1]}'
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def plugin(self, directory: str, **options: Any) -> Kubernetes:
        """:param directory: for its kubeconfig"""
        path = pathlib.Path(directory, 'kubeconfig')
        # It speaks plain HTTP.
        insecure = 'insecure-skip-tls-verify: true'
        path.write_text(kubeconfig(self.url, 'token: s3cr3t', insecure))
        conf = configuration(
            'prod', Kubernetes.OPTS, kubeconfig=str(path), **options
        )
        return Kubernetes(conf, 'prod')

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Json]:
        url = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.asked.append(f'{method} {url.path}')
        for (verb, end), said in self.instead.items():
            if verb == method and url.path.endswith(end):
                return said
        for pattern, answer in (
            (r'/nodes', self._list_nodes),
            (r'/nodes/([^/]+)', self._node),
            (r'/pods', self._list_pods),
            (r'/namespaces/(.+)/pods/(.+)/eviction', self._evict),
            (r'/namespaces/(.+)/poddisruptionbudgets', self._budgets),
            (r'/namespaces/(.+)/daemonsets/(.+)', self._daemon_set),
        ):
            found = re.fullmatch(f'/apis?(/[a-z]+)?/v1{pattern}', url.path)
            if found:
                return answer(*found.groups()[1:], query=query, body=body)
        return 404, {'message': 'no such path'}

    def _list_nodes(self, query: Json, body: Any) -> tuple[int, Json]:
        key, _, value = query.get('labelSelector', '').partition('=')
        return _listed(
            [
                node
                for node in self.nodes.values()
                for labels in [node['metadata'].get('labels', {})]
                if not key or (key in labels and value in ('', labels[key]))
            ]
        )

    def _node(self, name: str, query: Json, body: Any) -> tuple[int, Json]:
        node = self.nodes.get(name)
        if node is None:
            return 404, {'message': f'nodes "{name}" not found'}
        if body:
            version = node['metadata']['resourceVersion']
            if body['metadata']['resourceVersion'] != version:
                return 409, {'message': 'the object has been modified'}
            _merge(node, body)
            node['metadata']['resourceVersion'] = f'{int(version) + 1}'
        return 200, node

    def _list_pods(self, query: Json, body: Any) -> tuple[int, Json]:
        name = query['fieldSelector'].removeprefix('spec.nodeName=')
        return _listed([p for p in self.pods if p['spec']['nodeName'] == name])

    def _evict(
        self, namespace: str, name: str, query: Json, body: Any
    ) -> tuple[int, Json]:
        for pod in self.pods:
            about = pod['metadata']
            if (about['namespace'], about['name']) == (namespace, name):
                if (
                    body['deleteOptions']['preconditions']['uid']
                    != about['uid']
                ):
                    return 409, {'message': 'the UID does not match'}
                about['deletionTimestamp'] = 'now'
                return 201, {}
        return 404, {'message': f'pods "{name}" not found'}

    def _budgets(
        self, namespace: str, query: Json, body: Any
    ) -> tuple[int, Json]:
        return _listed(
            [
                budget
                for budget in self.budgets
                if budget['metadata']['namespace'] == namespace
            ]
        )

    def _daemon_set(
        self, namespace: str, name: str, query: Json, body: Any
    ) -> tuple[int, Json]:
        if f'{namespace}/{name}' in self.daemon_sets:
            return 200, {}
        return 404, {'message': f'daemonsets.apps "{name}" not found'}


def kubeconfig(server: str, user: str = '', cluster: str = '') -> str:
    """The text of a kubeconfig file with one context, ``one``.

    :param user, cluster: more of each, as YAML
    """
    return (
        'clusters:\n'
        f'- {{name: c, cluster: {{server: "{server}", {cluster}}}}}\n'
        f'users: [{{name: u, user: {{{user}}}}}]\n'
        'contexts: [{name: one, context: {cluster: c, user: u}}]\n'
        'current-context: one\n'
    )


def pod(name: str, node: str = 'n0', **other: Any) -> Json:
    """A pod of a ReplicaSet, as the API shows it."""
    owner = {
        'apiVersion': 'apps/v1',
        'kind': other.pop('kind', 'ReplicaSet'),
        'name': 'owner',
        'controller': True,
    }
    return {
        'metadata': {
            'namespace': 'shop',
            'name': name,
            'uid': f'uid of {name}',
            'labels': {'app': name},
            'ownerReferences': [owner],
            **other.pop('metadata', {}),
        },
        'spec': {'nodeName': node, **other.pop('spec', {})},
        'status': {'phase': 'Running', **other},
    }


def budget(name: str, app: str, **status: Any) -> Json:
    return {
        'metadata': {'namespace': 'shop', 'name': name},
        'spec': {'selector': {'matchLabels': {'app': app}}},
        'status': {
            'currentHealthy': 3,
            'desiredHealthy': 2,
            'expectedPods': 3,
            **status,
        },
    }


def _listed(items: list[Json]) -> tuple[int, Json]:
    return 200, {'metadata': {}, 'items': items}


def _merge(into: Json, patch: Json) -> None:
    """As a merge patch does: null removes."""
    for key, value in patch.items():
        if value is None:
            into.pop(key, None)
        elif isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
