"""A load balancer's control door, where the shops are drained.

It balances nothing, for nobody shops here. But it is what the webhook meets
in earnest: it checks signatures, lets sessions end, and knows at each moment
who is in service.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import hmac
import json
import os
import pathlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Set
from typing import Any

from steal_scheduler.demo.http import Environ, StartResponse, reply
from steal_scheduler.orchestrators.webhook import signature

#: Seconds until the sessions of a shop that gets no new ones have ended.
_SESSIONS = 0.3

# The options are those of a real one, but for https.
MIGRATOR_CONF = """
[migrator]
orchestrators = balancer
[balancer]
driver = webhook
url = {url}/balancer
signing_key_file = {key_file}
lists_detached = True
roles = {roles}
"""


@dataclasses.dataclass
class Outage:
    """A shop out of service; times are of the monotonic clock."""

    server_id: str
    #: Since when it gets no new sessions.
    left: float
    #: The fewest of its kind that were in service meanwhile, and all.
    fewest: int
    size: int
    #: Since when it has no old sessions, and since when it is back.
    empty: float | None = None
    back: float | None = None


class Balancer:
    """A WSGI application: POST is the webhook's, GET tells who is out."""

    def __init__(
        self, key_file: pathlib.Path, tell: Callable[[str], None]
    ) -> None:
        """Write a new key.

        :param tell: takes each change of who is in service, as a sentence
        """
        self.key_file = key_file
        self.outages: list[Outage] = []
        self._tell = tell
        #: Server id -> its name and its kind.
        self._shops: dict[str, tuple[str, str]] = {}
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        file = os.open(key_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(file, 'wb') as opened:
            opened.write(b'whsec_' + base64.b64encode(self._key) + b'\n')

    def add(self, server_id: str, name: str, kind: str) -> None:
        """It serves from now on."""
        self._shops[server_id] = (name, kind)

    @property
    def members(self) -> Set[str]:
        """Ids of all its servers."""
        return self._shops.keys()

    def migrator_conf(self, url: str) -> str:
        """What a migrator must know to drain here.

        :param url: of the HTTP server that serves this below ``/balancer``
        """
        roles = sorted({kind for _, kind in self._shops.values()})
        return MIGRATOR_CONF.format(
            url=url, key_file=self.key_file, roles=', '.join(roles)
        )

    def app(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        with self._lock:
            if environ['REQUEST_METHOD'] == 'GET':
                status, body = '200 OK', self._all()
            else:
                status, body = self._answer(environ)
        return reply(start_response, body, status)

    def _answer(self, environ: Environ) -> tuple[str, Any]:
        body = environ['wsgi.input'].read(int(environ['CONTENT_LENGTH']))
        if not self._is_signed(environ, body):
            return '401 Unauthorized', {'detail': 'not signed by us'}
        document = json.loads(body)
        if document['type'] == 'server.detached':
            return '200 OK', {'detached': list(self._out())}
        server_id = document['server']['id']
        if document['type'] == 'server.reattach':
            return self._reattach(server_id)
        if server_id not in self._shops:
            return '404 Not Found', {'detail': 'no shop of ours'}
        return self._drain(server_id)

    def _is_signed(self, environ: Environ, body: bytes) -> bool:
        at = environ.get('HTTP_WEBHOOK_TIMESTAMP', '')
        if not at.isdecimal() or abs(time.time() - int(at)) > 300:
            return False
        id_ = environ.get('HTTP_WEBHOOK_ID', '')
        right = signature.sign([self._key], id_, int(at), body)
        return hmac.compare_digest(
            right['webhook-signature'].encode(),
            environ.get('HTTP_WEBHOOK_SIGNATURE', '').encode(),
        )

    def _drain(self, server_id: str) -> tuple[str, Any]:
        outage = self._out().get(server_id)
        now = time.monotonic()
        if outage is None:
            outage = self._leave(server_id, now)
        if now - outage.left < _SESSIONS:
            return '202 Accepted', {'detail': 'its sessions end'}
        if outage.empty is None:
            outage.empty = now
            self._say(server_id, 'drained')
        return '200 OK', {}

    def _leave(self, server_id: str, now: float) -> Outage:
        kind = self._shops[server_id][1]
        serving, size = self._serving(kind)
        left = Outage(server_id, now, serving, size)
        self.outages.append(left)
        for outage in self._out().values():
            # One fewer serves, beside each of its kind that is out already.
            if self._shops[outage.server_id][1] == kind:
                outage.fewest = min(outage.fewest, serving - 1)
        return left

    def _reattach(self, server_id: str) -> tuple[str, Any]:
        outage = self._out().get(server_id)
        if outage is not None:
            outage.back = time.monotonic()
            self._say(server_id, 'reattached')
        return '200 OK', {}

    def _out(self) -> dict[str, Outage]:
        return {o.server_id: o for o in self.outages if o.back is None}

    def _serving(self, kind: str) -> tuple[int, int]:
        """How many of a kind are in service, and how many there are."""
        out = self._out()
        ids = [id_ for id_, shop in self._shops.items() if shop[1] == kind]
        return sum(id_ not in out for id_ in ids), len(ids)

    def _say(self, server_id: str, what: str) -> None:
        name, kind = self._shops[server_id]
        serving, size = self._serving(kind)
        self._tell(f'{name} is {what}: {serving} of {size} {kind} shops serve')

    def _all(self) -> dict[str, dict[str, list[str]]]:
        """Names of shops by kind, in service and drained."""
        out = self._out()
        found: dict[str, dict[str, list[str]]] = collections.defaultdict(
            lambda: {'in service': [], 'drained': []}
        )
        for id_, (name, kind) in self._shops.items():
            found[kind]['drained' if id_ in out else 'in service'].append(name)
        return found
