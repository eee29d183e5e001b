"""A stand-in for whoever receives a webhook, such as a load balancer.

It is written by hand, with nothing of ours, from the text of the
specification Standard Webhooks 1.0 and of
``doc/source/configuration/webhook.rst``. ``tests/contract/webhook.py`` holds
it and the receiver that this page shows to the same.
"""

import base64
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.standins.app import Answer, Request, StandIn

KEY = bytes(range(32))
SECRET = 'whsec_' + base64.b64encode(KEY).decode()


class Receiver(StandIn):
    """Takes servers out of service, and puts them back."""

    def __init__(self) -> None:
        super().__init__()
        #: Ids of the servers that are out, by us and by others.
        self.out: set[str] = set()
        self.others: set[str] = set()
        #: Of those whose owners do not want them moved.
        self.stay: set[str] = set()
        self.keys = [KEY]
        #: Seconds by which a message's clock may be off.
        self.tolerance = 300.0
        self.clock: Callable[[], float] = lambda: time.time()
        #: By id: when the sender last asked for it to be put back.
        self.put_back: dict[str, int] = {}
        #: And who asked last for it to be taken out, and when.
        self.drained: dict[str, tuple[int, int]] = {}
        #: The greatest number of a sender.
        self.leadership = 0
        #: It refuses the sender before, and a reattach that comes late.
        self.fences = True

    def is_out(self, server_id: str) -> bool:
        return server_id in self.out | self.others

    def ids(self) -> list[str]:
        """The ids of the messages, in order."""
        return [request.headers['webhook-id'] for request in self.asked]

    def documents(self) -> list[Any]:
        return [request.json for request in self.asked]

    def answer(self, request: Request) -> Answer:
        sent = int(request.headers['webhook-timestamp'])
        if not self._trusts(request, sent):
            return 401, {'detail': 'key or clock is wrong'}
        document = request.json
        if document['type'] == 'server.detached':
            return 200, {'detached': sorted(self.out)}
        try:
            server_id = str(uuid.UUID(document['server']['id']))
        except ValueError:
            return 400, {'detail': 'no request of ours'}
        leadership = document['leadership']
        if self.fences and leadership < self.leadership:
            return 425, {'detail': 'another migrator leads by now'}
        self.leadership = leadership
        return self._act(document, server_id, sent)

    def _act(self, document: Any, server_id: str, sent: int) -> Answer:
        leadership = self.leadership
        match document['type']:
            case 'server.drain':
                # One that was on its way for long.
                if sent < self.put_back.get(server_id, 0):
                    return 425, {'detail': 'it was put back meanwhile'}
                self.drained[server_id] = leadership, sent
                if server_id not in self.others:
                    self.out.add(server_id)
            case 'server.reattach':
                drained = self.drained.get(server_id, (0, 0))
                if self.fences and (leadership, sent) < drained:
                    return 425, {'detail': 'it was drained meanwhile'}
                self.put_back[server_id] = sent
                self.out.discard(server_id)
            case 'server.notice':
                if server_id in self.stay:
                    return 409, {'detail': 'its owner objects'}
            case other:
                return 400, {'detail': f'{other} is not known'}
        return 200, {}

    def _trusts(self, request: Request, sent: int) -> bool:
        in_time = abs(self.clock() - sent) <= self.tolerance
        return in_time and any(signed_by(request, key) for key in self.keys)


def signed_by(request: Request, key: bytes) -> bool:
    """Whether one of the message's signatures was made with this key."""
    headers = request.headers
    content = b'.'.join(
        [
            headers['webhook-id'].encode(),
            headers['webhook-timestamp'].encode(),
            request.body,
        ]
    )
    right = base64.b64encode(hmac.digest(key, content, hashlib.sha256))
    return f'v1,{right.decode()}' in headers['webhook-signature'].split(' ')
