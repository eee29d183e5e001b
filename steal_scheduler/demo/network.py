"""A stand-in for Neutron: a cloud without networks or ports.

Nova asks Neutron at every boot and every listing, also for servers that have
no network. A real Neutron would need a database, agents and a minute to start,
and would answer the same: nothing there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from wsgiref import util

from steal_scheduler.demo import http

#: Nothing is limited, for nothing can be made.
_QUOTA = dict.fromkeys(
    (
        'floatingip',
        'network',
        'port',
        'rbac_policy',
        'router',
        'security_group',
        'security_group_rule',
        'subnet',
        'subnetpool',
    ),
    -1,
)


def app(
    environ: http.Environ, start_response: http.StartResponse
) -> Iterable[bytes]:
    """Answer every listing with an empty list; nothing can be made."""
    parts = environ['PATH_INFO'].strip('/').split('/')
    match environ['REQUEST_METHOD'], parts:
        case 'GET', ['']:
            root = util.application_uri(environ)
            link = {'rel': 'self', 'href': f'{root}/v2.0/'}
            version = {'id': 'v2.0', 'status': 'CURRENT', 'links': [link]}
            return http.reply(start_response, {'versions': [version]})
        case 'GET', ['v2.0', collection]:
            key = collection.replace('-', '_')
            return http.reply(start_response, {key: []})
        case 'GET', ['v2.0', 'quotas', _] | ['v2.0', 'quotas', _, 'default']:
            return http.reply(start_response, {'quota': _QUOTA})
        case 'GET', ['v2.0', 'quotas', _, 'details']:
            used = {
                name: {'limit': limit, 'used': 0, 'reserved': 0}
                for name, limit in _QUOTA.items()
            }
            return http.reply(start_response, {'quota': used})
        case 'GET', _:
            status = '404 Not Found'
            text = f'The Neutron of the demo has no {environ["PATH_INFO"]}.'
        case method, _:
            status = '501 Not Implemented'
            text = f'The Neutron of the demo takes no {method}.'
    error = {'type': 'Demo', 'message': text, 'detail': ''}
    return http.reply(start_response, {'NeutronError': error}, status)


def none_if_auto(nova: http.App) -> http.App:
    """Boot without a network where Nova is to make one.

    The ``openstack`` client asks for that whenever no network is named, and
    Neutron would have to make one.
    """

    def changed(
        environ: http.Environ, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        parts = environ['PATH_INFO'].strip('/').split('/')
        if (environ['REQUEST_METHOD'], parts[1:]) == ('POST', ['servers']):
            raw = _without_auto(http.read(environ))
            environ['CONTENT_LENGTH'] = str(len(raw))
            environ['wsgi.input'] = io.BytesIO(raw)
        return nova(environ, start_response)

    return changed


def _without_auto(raw: bytes) -> bytes:
    try:
        body = json.loads(raw)
        if body['server']['networks'] != 'auto':
            return raw
    except (ValueError, KeyError, TypeError):
        # Nova says what is wrong with it.
        return raw
    body['server']['networks'] = 'none'
    return json.dumps(body).encode()
