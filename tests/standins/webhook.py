"""A stand-in for whoever receives a webhook, such as a load balancer.

It is written by hand, with nothing of ours, from the text of the
specification Standard Webhooks 1.0 and of
``doc/source/configuration/webhook.rst``. ``tests/contract/webhook.py`` holds
it, the receiver that this page shows, and the demo's balancer to the same.
"""

import base64
import hashlib
import hmac
from typing import Any

from tests.standins.app import Answer, Request, StandIn

KEY = bytes(range(32))
SECRET = 'whsec_' + base64.b64encode(KEY).decode()


class Receiver(StandIn):
    """Takes servers out of service, and puts them back."""

    def __init__(self) -> None:
        super().__init__()
        #: Ids of the servers that are out by our doing.
        self.out: set[str] = set()
        #: Its key.
        self.key = KEY

    def ids(self) -> list[str]:
        """The ids of the messages, in order."""
        return [request.headers['webhook-id'] for request in self.asked]

    def documents(self) -> list[Any]:
        return [request.json for request in self.asked]

    def answer(self, request: Request) -> Answer:
        if not signed_by(request, self.key):
            return 401, {'detail': 'key or clock is wrong'}
        document = request.json
        match document['type']:
            case 'server.detached':
                return 200, {'detached': sorted(self.out)}
            case 'server.drain':
                self.out.add(document['server']['id'])
            case 'server.reattach':
                self.out.discard(document['server']['id'])
            case other:
                return 400, {'detail': f'{other} is not known'}
        return 200, {}


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
