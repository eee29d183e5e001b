#!/usr/bin/env python3
"""Receive what steal-scheduler's webhook sends, and act on it.

A server that is out has a file in OUT, named by its id. APPLY makes it so:
your program that writes the balancer's configuration from these files, and
reloads it. Whoever takes a server out by hand writes such a file as well, and
that is left alone: ours say so.

Run it behind a proxy that speaks TLS.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

ADDRESS = ('127.0.0.1', 8040)
KEY_FILE = Path('/etc/rotation/webhook.key')
OUT = Path('/var/lib/rotation/out')
#: Ids of servers that are not to be moved, one a line: see ``takes_notices``.
STAY = Path('/etc/rotation/stay')
APPLY = ['/usr/local/bin/apply-rotation']

OURS = 'steal-scheduler\n'
#: Seconds by which the sender's clock, or the message, may be off.
TOLERANCE = 300

#: Server id -> when the sender last asked for it to be put back.
put_back = {}
#: And who asked last for it to be taken out (his leadership), and when.
drained = {}
#: The greatest that was seen; a sender with a lower one leads no more.
leadership = 0


def is_signed(headers, body):
    """As the specification Standard Webhooks 1.0 has it."""
    sent = headers.get('webhook-timestamp', '')
    if not sent.isdecimal() or abs(time.time() - int(sent)) > TOLERANCE:
        return False
    message = f'{headers.get("webhook-id")}.{sent}.'.encode() + body
    found = headers.get('webhook-signature', '').split()
    for line in KEY_FILE.read_text().split():
        key = base64.b64decode(line.removeprefix('whsec_') + '==')
        right = base64.b64encode(hmac.digest(key, message, hashlib.sha256))
        for each in found:
            if hmac.compare_digest(b'v1,' + right, each.encode()):
                return True
    return False


def drain(server_id):
    try:
        with open(OUT / server_id, 'x') as file:
            file.write(OURS)
    except FileExistsError:
        pass  # Ours from the last time, or somebody else's.


def reattach(server_id):
    path = OUT / server_id
    if path.exists() and path.read_text() == OURS:
        path.unlink()


def answer(document, sent):
    """Status, and what the operator is told.

    :param sent: epoch seconds at which the sender asked
    """
    if document['type'] == 'server.detached':
        ours = [p.name for p in OUT.iterdir() if p.read_text() == OURS]
        return 200, {'detached': ours}
    global leadership
    if document['leadership'] < leadership:
        return 425, {'detail': 'another migrator leads by now'}
    leadership = document['leadership']
    # Names and metadata are the tenant's words; the id is Nova's.
    server_id = str(uuid.UUID(document['server']['id']))
    if document['type'] == 'server.notice':
        if STAY.exists() and server_id in STAY.read_text().split():
            return 409, {'detail': f'it is in {STAY}'}
        return 200, {}
    if document['type'] == 'server.drain':
        # One that was on its way for long must not undo the way back.
        if sent <= put_back.get(server_id, 0):
            return 425, {'detail': 'it was put back meanwhile'}
        drained[server_id] = leadership, sent
        drain(server_id)
    elif document['type'] == 'server.reattach':
        # Nor may a way back undo a later drain: Nova may be migrating it.
        if (leadership, sent) < drained.get(server_id, (0, 0)):
            return 425, {'detail': 'it was drained meanwhile'}
        put_back[server_id] = sent
        reattach(server_id)
    else:
        return 400, {'detail': f'{document["type"]} is not known'}
    # Answer 202 instead while there are sessions that should end first.
    if subprocess.run(APPLY, timeout=5).returncode:
        return 503, {'detail': f'{APPLY[0]} failed: see the log'}
    return 200, {}


class Handler(BaseHTTPRequestHandler):
    timeout = 5

    def do_POST(self):
        try:
            body = self.rfile.read(int(self.headers['Content-Length']))
            if is_signed(self.headers, body):
                sent = int(self.headers['webhook-timestamp'])
                status, said = answer(json.loads(body), sent)
            else:
                status, said = 401, {'detail': 'key or clock is wrong'}
        except (ValueError, TypeError, KeyError) as error:
            status, said = 400, {'detail': f'no request of ours: {error!r}'}
        except (OSError, subprocess.TimeoutExpired) as error:
            status, said = 503, {'detail': str(error)}
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())


if __name__ == '__main__':
    HTTPServer(ADDRESS, Handler).serve_forever()
