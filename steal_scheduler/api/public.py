"""What anybody may read: which versions there are, and the description."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import falcon

from steal_scheduler.api import description

_DESCRIPTION = json.dumps(description.description()).encode()


def _version(request: falcon.Request) -> dict[str, Any]:
    """As keystoneauth looks for it where the catalog leads."""
    link = {'rel': 'self', 'href': f'{request.prefix}/v1'}
    return {
        'id': 'v1',
        'status': 'CURRENT',
        'links': [link],
        # There are no microversions.
        'min_version': '',
        'version': '',
    }


def _json(response: falcon.Response, raw: bytes) -> None:
    response.content_type = falcon.MEDIA_JSON
    response.data = raw


def _versions(request: falcon.Request, response: falcon.Response) -> None:
    found = {'versions': [_version(request)]}
    _json(response, json.dumps(found).encode())


def _this_version(request: falcon.Request, response: falcon.Response) -> None:
    found = {'version': _version(request)}
    _json(response, json.dumps(found).encode())


def _openapi(request: falcon.Request, response: falcon.Response) -> None:
    _json(response, _DESCRIPTION)


#: By path; ``description.PUBLIC`` says what each is.
RESPONDERS: Mapping[str, Callable[..., None]] = {
    '/': _versions,
    '/v1': _this_version,
    '/v1/openapi.json': _openapi,
}
