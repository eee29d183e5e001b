"""Errors as JSON, all of the same form::

{"error": {"code": 409, "title": "Conflict", "message": "it is locked",
           "reason": "conflict", "request_id": "req-..."}}
"""

import http
import json
from collections.abc import Mapping
from typing import Any

import falcon
from oslo_log import log
from oslo_middleware import base

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NoLeader, RequestRefused

LOG = log.getLogger(__name__)

#: Where oslo.middleware keeps the id of a request.
REQUEST_ID = 'openstack.request_id'
#: In the environment of a request that has come to an answer of ours.
OURS = 'steal_scheduler.api.ours'
#: Of what the leader refuses; what it does not know yet is a failure of it.
STATUS: Mapping[str, int] = {
    'invalid': 400,
    'not_found': 404,
    'conflict': 409,
    'busy': 429,
    'failed': 502,
    'not_leader': 503,
}
#: Until another one leads, or a project may ask again, in seconds.
RETRY_AFTER = 10
_LATER = 429, 503
#: What any call may end in besides what it says itself.
OF_ANY_CALL = (400, 401, 403, 413, 429, 502, 503)


class ApiError(falcon.HTTPError):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, reason: str = '') -> None:
        """Say no.

        :param reason: for a program, where the leader gave one
        """
        later = {'Retry-After': str(RETRY_AFTER)}
        headers = later if status in _LATER else None
        super().__init__(status, headers=headers)
        self.message = message
        self.reason = reason


def invalid(message: str) -> ApiError:
    return ApiError(400, message, 'invalid')


def document(
    status: int, message: str, environ: Mapping[str, Any], reason: str = ''
) -> bytes:
    """The body of an answer."""
    found = {
        'code': status,
        'title': http.HTTPStatus(status).phrase,
        'message': message,
        **({'reason': reason} if reason else {}),
        'request_id': environ.get(REQUEST_ID),
    }
    return json.dumps({'error': found}).encode()


def serialize(
    request: falcon.Request, response: falcon.Response, error: falcon.HTTPError
) -> None:
    """Let falcon write its own errors like ours."""
    status = error.status_code
    message = getattr(error, 'message', '') or (
        error.description or _MESSAGES.get(status, error.title) or ''
    )
    reason = getattr(error, 'reason', '')
    response.content_type = falcon.MEDIA_JSON
    response.data = document(status, message, request.env, reason)


_MESSAGES = {
    404: 'There is nothing at this address. See /v1/openapi.json.',
    405: 'This address does not take this method. See the header Allow.',
}


def no_leader(
    request: Any, response: Any, error: Exception, params: Any
) -> None:
    raise ApiError(503, str(error), 'no_leader')


def refused(
    request: Any, response: Any, error: RequestRefused, params: Any
) -> None:
    reason = error.reason
    raise ApiError(STATUS.get(reason, 502), str(error), one_line(reason, 80))


def unexpected(
    request: Any, response: Any, error: Exception, params: Any
) -> None:
    """What is a mistake of ours costs this request alone."""
    # In the handler of falcon, so that it has the traceback.
    LOG.error('A request failed.', exc_info=error)
    raise ApiError(500, 'steal-api made a mistake; its log says more.')


def handle(app: Any) -> None:
    """Let the app answer all errors so."""
    app.set_error_serializer(serialize)
    app.add_error_handler(Exception, unexpected)
    app.add_error_handler(NoLeader, no_leader)
    app.add_error_handler(RequestRefused, refused)


class OneForm(base.ConfigurableMiddleware):
    """Gives errors of the layers below that are not ours the same form."""

    def process_response(self, response: Any, request: Any = None) -> Any:
        """Leave alone what comes from our app, and the health check."""
        environ, status = request.environ, response.status_int
        if status < 400 or environ.get(OURS):
            return response
        if environ['PATH_INFO'] == HEALTH:
            return response
        message = _OF_LAYERS.get(status, 'The request was refused.')
        response.body = document(status, message, environ)
        response.content_type = 'application/json'
        if status == 503:
            response.headers['Retry-After'] = str(RETRY_AFTER)
        return response


HEALTH = '/healthcheck'
_OF_LAYERS = {
    401: 'Log in: send a token of Keystone as X-Auth-Token.',
    413: 'The request is too large.',
    503: 'Keystone does not answer, so nobody knows who asks.',
}
