"""A stand-in for Neutron: a cloud without networks or ports.

Nova asks Neutron at every boot and every listing, also for servers that have
no network. A real Neutron would need a database, agents and a minute to start,
and would answer the same: nothing there.
"""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref import util

from steal_scheduler.demo import http


def app(
    environ: http.Environ, start_response: http.StartResponse
) -> Iterable[bytes]:
    """Answer every listing with an empty list, all else with 404."""
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
    error = {'type': 'NotFound', 'message': environ['PATH_INFO'], 'detail': ''}
    return http.reply(start_response, {'NeutronError': error}, '404 Not Found')
