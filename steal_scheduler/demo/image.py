"""A stand-in for Glance: one image.

Nova asks Glance for the image's properties at every boot and never for its
data, because the hypervisor is a fake. A real Glance would add a process and a
store, and prove nothing about steal.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable
from wsgiref import util

from steal_scheduler.demo import http

IMAGE_ID = '5a1eb007-0000-4000-8000-000000000001'

#: As Glance shows it.
IMAGE = {
    'id': IMAGE_ID,
    'name': 'demo',
    'status': 'active',
    'visibility': 'public',
    'container_format': 'bare',
    'disk_format': 'raw',
    'min_disk': 0,
    'min_ram': 0,
    'size': 1024,
    'owner': None,
    'checksum': None,
    'created_at': '2026-01-01T00:00:00Z',
    'updated_at': '2026-01-01T00:00:00Z',
}

# Nova's client builds a model class from this at each boot, and checks the
# image against it: properties without types keep that cheap.
_SCHEMA = {
    'name': 'image',
    'properties': {name: {} for name in IMAGE},
}


def app(
    environ: http.Environ, start_response: http.StartResponse
) -> Iterable[bytes]:
    """Answer the calls that nova-compute, nova-api and the CLI make."""
    parts = environ['PATH_INFO'].strip('/').split('/')
    match environ['REQUEST_METHOD'], parts:
        case 'GET', [''] | ['versions']:
            root = util.application_uri(environ)
            link = {'rel': 'self', 'href': f'{root}/v2/'}
            version = {'id': 'v2.9', 'status': 'CURRENT', 'links': [link]}
            return http.reply(start_response, {'versions': [version]})
        case 'GET', ['v2', 'schemas', 'image']:
            return http.reply(start_response, _SCHEMA)
        case 'GET', ['v2', 'images']:
            query = urllib.parse.parse_qs(environ.get('QUERY_STRING', ''))
            wanted = query.get('name', [IMAGE['name']])
            images = [IMAGE] if IMAGE['name'] in wanted else []
            return http.reply(start_response, {'images': images})
        # NOTE: clients that are given a name ask for it as an id first, and
        # list only after a 404.
        case 'GET', ['v2', 'images', image_id] if image_id == IMAGE_ID:
            return http.reply(start_response, IMAGE)
        case 'GET', _:
            text = f'The Glance of the demo has no {environ["PATH_INFO"]}.'
            return _error(start_response, text, '404 Not Found')
    text = f'The Glance of the demo takes no {environ["REQUEST_METHOD"]}.'
    return _error(start_response, text, '501 Not Implemented')


def _error(
    start_response: http.StartResponse, text: str, status: str
) -> Iterable[bytes]:
    # NOTE: clients look for messages in objects; on a bare text they fail.
    return http.reply(start_response, {'error': {'message': text}}, status)
