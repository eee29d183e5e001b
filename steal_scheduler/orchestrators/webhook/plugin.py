"""Anything that takes a signed POST as the orchestrator.

Each verb is one request, and its status is the answer::

    200 204                done
    202                    under way: asked again at the next tick
    408 425 429 5xx        no answer, like none in time: asked again
    anything else          refused

A receiver is told what should be, not what happened: a request is repeated
until it is done, and each time the answer is how things stand then.

To a notice 409 says that somebody objects; whatever else is refused there is
no answer, and holds up no move.
"""

import hashlib
import json
import secrets
import time
from typing import Any

import requests

from steal_scheduler.edge.http import Tls, exchange
from steal_scheduler.edge.text import json_object, last_line, one_line
from steal_scheduler.exception import OrchestratorError, told_as
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.proposal import Notice
from steal_scheduler.model.until import iso
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.webhook.options import OPTS, check_options
from steal_scheduler.orchestrators.webhook.signature import read_keys, sign

#: Bytes of an answer: ids of 25,000 servers.
_LONGEST = 1024 * 1024
#: Not now, says whoever answers for the receiver.
_LATER = (408, 425, 429)
#: No, says whoever is told of a move to come.
_OBJECTS = 409


class Webhook(base.Orchestrator):
    OPTS = OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        check_options(section, self.options)
        self.seconds = self.options.timeout

    def drain(self, server: Server, node: str) -> base.Answer:
        return self._answer('drain', server, node)

    def reattach(self, server: Server, node: str) -> base.Answer:
        return self._answer('reattach', server, node)

    def notice(self, server: Server, node: str, notice: Notice) -> base.Answer:
        if not self.options.takes_notices:
            return base.DONE
        until = iso(notice.due_at)
        asked = [self.section, server.server_id, node, until]
        said = {'until': until, 'reason': notice.reason}
        reply = self._post(
            'notice',
            _digest('notice', *asked),
            {**self._about(server, node), **said},
        )
        if reply.status_code == _OBJECTS:
            return base.refused(_detail(reply))
        return self._read('notice', reply)

    def detached(self) -> frozenset[str]:
        if not self.options.lists_detached:
            return frozenset()
        reply = self._post('detached', secrets.token_hex(16), {})
        found: Any = json_object(reply.content).get('detached')
        are_ids = isinstance(found, list) and all(
            isinstance(each, str) for each in found
        )
        if reply.status_code != 200 or not are_ids:
            raise OrchestratorError(
                f'[{self.section}] url answered "detached" with status '
                f'{reply.status_code}, and not with a list of ids: '
                f'{_detail(reply)}'
            )
        return frozenset(found)

    def _about(self, server: Server, node: str) -> dict[str, Any]:
        about = {
            'id': server.server_id,
            'name': server.name,
            'host': server.host,
            'zone': server.zone,
            'role': server.role,
            'project': server.project_id,
            'addresses': server.addresses,
            'metadata': dict(server.metadata),
        }
        return {'node': node, 'server': about, 'leadership': self.leadership}

    def _answer(self, verb: str, server: Server, node: str) -> base.Answer:
        message_id = _message_id(self.section, verb, server, node)
        reply = self._post(verb, message_id, self._about(server, node))
        return self._read(verb, reply)

    def _read(self, verb: str, reply: requests.Response) -> base.Answer:
        if reply.status_code in (200, 204):
            return base.DONE
        if reply.status_code == 202:
            return base.waiting(_detail(reply))
        status = f'status {reply.status_code}: {_detail(reply)}'
        later = reply.status_code in _LATER or reply.status_code >= 500
        if later or verb == 'notice':
            raise OrchestratorError(f'[{self.section}] url {verb}: {status}')
        return base.refused(status)

    def _post(
        self, verb: str, message_id: str, about: dict[str, Any]
    ) -> requests.Response:
        """Send it, in the same words whenever it is sent again."""
        options = self.options
        document = {
            'type': f'server.{verb}',
            'orchestrator': self.section,
            **about,
        }
        body = json.dumps(document, sort_keys=True).encode()
        with told_as(f'[{self.section}] signing_key_file = '):
            keys = read_keys(options.signing_key_file)
        with told_as(f'[{self.section}] url {verb}: '):
            return exchange(
                'POST',
                options.url,
                Tls(options.cafile, options.certfile),
                seconds=options.timeout,
                most=_LONGEST,
                data=body,
                headers={
                    'Content-Type': 'application/json',
                    'Accept': 'application/json, text/plain',
                    'User-Agent': 'steal-scheduler',
                    **sign(keys, message_id, int(time.time()), body),
                },
            )


def _message_id(section: str, verb: str, server: Server, node: str) -> str:
    """The same for each repetition, and never that of another move.

    Our tag at the server tells the moves apart: it carries the time at which
    this stage of this move began. A tenant can add tags, so all of them
    count. Where none is left, each repetition counts as a message of its own:
    that costs nothing, while a reattach that is taken for an old one does.
    """
    ours = sorted(t for t in server.tags if t.startswith('steal:'))
    if not ours:
        return secrets.token_hex(16)
    return _digest(section, verb, server.server_id, node, ours)


def _digest(*what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _detail(reply: requests.Response) -> str:
    """What it says to the operator: ``detail`` of JSON, or the last line."""
    said = json_object(reply.content).get('detail')
    if isinstance(said, str):
        return one_line(said, 200)
    return last_line(reply.content.decode(errors='replace'))
