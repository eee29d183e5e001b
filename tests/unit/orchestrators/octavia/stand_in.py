"""A stand-in for Octavia: the documented calls that we make, over HTTP.

It is none: it has no load balancer, and it was written after the reference
of the API v2 (2.5, which brought tags, up to 2.27) and what Octavia 19.0's
API process answered to the same requests. It says nothing about amphorae.

    GET /v2/lbaas/pools             project_id, limit and marker
    GET /v2/lbaas/pools/{id}
    GET /v2/lbaas/pools/{id}/members            limit and marker
    PUT /v2/lbaas/pools/{id}/members/{id}       weight and tags

A change locks its load balancer until ``take_up``, as the driver's word
does there.
"""

import http.server
import json
import socketserver
import threading
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any, Self

from tests.unit.signals.identity import Identity

Answer = tuple[int, Any]


class Keystone(Identity):
    """Its catalog has Octavia."""

    endpoint = ''

    def log_in(self, given: Any) -> tuple[int, dict[str, str], Any]:
        status, headers, body = super().log_in(given)
        if status == 201:
            where = {'interface': 'public', 'region_id': 'r', 'region': 'r'}
            urls = {'compute': 'http://127.0.0.1:1'}
            if self.endpoint:
                urls['load-balancer'] = self.endpoint
            body['token']['catalog'] = [
                {'type': name, 'endpoints': [{**where, 'id': 'e', 'url': url}]}
                for name, url in urls.items()
            ]
        return status, headers, body


def fault(status: int, text: str) -> Answer:
    return status, {
        'faultcode': 'Client' if status < 500 else 'Server',
        'faultstring': text,
        'debuginfo': None,
    }


def not_found(what: str) -> Answer:
    """Of a pool in the path of its members: another form of the same."""
    return 404, {
        'code': 404,
        'title': 'Bad Request',
        'description': f'{what} not found.',
    }


FORBIDDEN = fault(403, 'Policy does not allow this request to be performed.')


class Octavia:
    """Listens on loopback, and keeps what it is told."""

    def __init__(self, keystone: Keystone) -> None:
        self._keystone = keystone
        self.pools: dict[str, dict[str, Any]] = {}
        #: By the id of their pool, oldest first.
        self.members: dict[str, list[dict[str, Any]]] = {}
        #: Load balancers that are PENDING_UPDATE.
        self.locked: set[str] = set()
        #: Members that it gives at once.
        self.page = 1000
        #: What the user may, by the names of Octavia's default policy.
        self.rights = {'read', 'read-global', 'write'}
        #: Answered instead of what it would do.
        self.instead: Callable[[str, str], Answer | None] = lambda *_: None
        #: Done just before it is answered.
        self.before: Callable[[str, str], Any] = lambda *_: None
        #: Method, path and body of what was asked.
        self.asked: list[tuple[str, str, Any]] = []

    def add_pool(self, project_id: str = 'p', **other: Any) -> str:
        pool_id = str(uuid.uuid4())
        self.members[pool_id] = []
        self.pools[pool_id] = {
            'id': pool_id,
            'name': 'shop',
            'project_id': project_id,
            'lb_algorithm': 'ROUND_ROBIN',
            'admin_state_up': True,
            'loadbalancers': [{'id': str(uuid.uuid4())}],
        } | other
        return pool_id

    def add_member(
        self, pool_id: str, address: str, **other: Any
    ) -> dict[str, Any]:
        member = {
            'id': str(uuid.uuid4()),
            'address': address,
            'protocol_port': 80,
            'weight': 1,
            'tags': [],
            'provisioning_status': 'ACTIVE',
            'operating_status': 'ONLINE',
            'admin_state_up': True,
            'backup': False,
        } | other
        self.members[pool_id].append(member)
        return member

    def take_up(self) -> None:
        """The driver has done what was asked for."""
        self.locked.clear()
        for members in self.members.values():
            for member in members:
                if member['provisioning_status'] == 'PENDING_UPDATE':
                    member['provisioning_status'] = 'ACTIVE'
                    status = 'ONLINE' if member['weight'] else 'DRAINING'
                    member['operating_status'] = status

    def changes(self) -> list[Any]:
        """What members were asked to become."""
        return [
            body['member'] for method, _, body in self.asked if method == 'PUT'
        ]

    # -- the calls ---------------------------------------------------------

    def call(self, method: str, url: str, body: Any) -> Answer:
        path, _, query = url.partition('?')
        asked = dict(urllib.parse.parse_qsl(query))
        match method, path.removeprefix('/v2/lbaas/').split('/'):
            case 'GET', ['pools']:
                return self._list_pools(asked)
            case 'GET', ['pools', pool] if pool in self.pools:
                return 200, {'pool': self.pools[pool]}
            case 'GET', ['pools', pool, 'members'] if pool in self.pools:
                if 'read' not in self.rights:
                    return FORBIDDEN
                return self._paged('members', self.members[pool], asked)
            case 'PUT', ['pools', pool, 'members', member] if (
                pool in self.pools
            ):
                for known in self.members[pool]:
                    if known['id'] == member:
                        return self._update(pool, known, body['member'])
                return fault(404, f'Member {member} not found.')
            case _, ['pools', pool, *_]:
                return not_found(f'Pool {pool}')
        return fault(404, 'Not found.')

    def _list_pools(self, asked: dict[str, str]) -> Answer:
        project = asked.get('project_id')
        if 'read-global' not in self.rights:
            # Its own project's, without a word, where it names none.
            if project not in (None, 'service'):
                return FORBIDDEN
            project = 'service'
        found = [
            {**pool, 'members': [{'id': m['id']} for m in self.members[id]]}
            for id, pool in self.pools.items()
            if project in (None, pool['project_id'])
        ]
        return self._paged('pools', found, asked)

    def _paged(
        self, name: str, found: list[dict[str, Any]], asked: dict[str, str]
    ) -> Answer:
        ids = [one['id'] for one in found]
        marker = asked.get('marker')
        if marker and marker not in ids:
            return fault(400, f"'{marker}' is not a valid marker")
        begin = ids.index(marker) + 1 if marker else 0
        page = found[begin : begin + self.page]
        answer: dict[str, Any] = {name: page, f'{name}_links': []}
        if len(page) >= self.page:
            # Also after a full last page; and without the filters.
            href = f'http://inside.example/v2/lbaas/{name}?marker={ids[-1]}'
            answer[f'{name}_links'] = [{'rel': 'next', 'href': href}]
        return 200, answer

    def _update(
        self, pool: str, member: dict[str, Any], values: dict[str, Any]
    ) -> Answer:
        if 'write' not in self.rights:
            return FORBIDDEN
        unknown = values.keys() - member.keys()
        if unknown:
            return fault(400, f'Unknown attribute: {unknown.pop()}')
        if not 0 <= values.get('weight', 1) <= 256:
            return fault(400, 'Invalid input for field/attribute weight.')
        balancer = self.pools[pool]['loadbalancers'][0]['id']
        if balancer in self.locked:
            return fault(
                409,
                f'Load Balancer {balancer} is immutable and cannot be '
                'updated.',
            )
        self.locked.add(balancer)
        member.update(values, provisioning_status='PENDING_UPDATE')
        return 200, {'member': member}

    # -- HTTP --------------------------------------------------------------

    def answer(
        self, request: http.server.BaseHTTPRequestHandler, body: Any
    ) -> None:
        method, url = request.command, request.path
        self.asked.append((method, url, body))
        self.before(method, url)
        answer = self.instead(method, url)
        if request.headers['X-Auth-Token'] not in self._keystone.tokens:
            answer = 401, {'error': 'The request requires a log-in.'}
        status, said = answer or self.call(method, url, body)
        raw = said if isinstance(said, bytes) else json.dumps(said).encode()
        try:
            request.send_response(status)
            if status == 302:
                request.send_header('Location', self._keystone.url)
            request.send_header('Content-Length', str(len(raw)))
            request.end_headers()
            request.wfile.write(raw)
        except (BrokenPipeError, ConnectionResetError):
            # Whoever ran out of time does not listen any more.
            request.close_connection = True

    def __enter__(self) -> Self:
        octavia = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                octavia.answer(self, None)

            def do_PUT(self) -> None:
                size = int(self.headers['Content-Length'])
                octavia.answer(self, json.loads(self.rfile.read(size)))

            def log_message(self, *args: Any) -> None:
                """Keep the test's output clean."""

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,)
        )
        self._thread.start()
        self._keystone.endpoint = self.url
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
