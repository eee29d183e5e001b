"""The description of the API (OpenAPI 3.1), made of the calls and schemas."""

from collections.abc import Iterator, Mapping
from typing import Any

from steal_scheduler import version
from steal_scheduler.api import errors
from steal_scheduler.api.calls import CALLS, Call
from steal_scheduler.api.schemas import PARAMETERS, Schema, fields, many

_STRING: Schema = {'type': 'string'}
_ERROR = fields(
    'Error',
    error={
        'type': 'object',
        'properties': {
            'code': {'type': 'integer'},
            'title': _STRING,
            'message': _STRING,
            'reason': _STRING,
            'request_id': {'type': ['string', 'null']},
        },
        'required': ['code', 'title', 'message', 'request_id'],
        'additionalProperties': False,
    },
)
_LINK = fields('Link', rel=_STRING, href=_STRING)
VERSION = fields(
    'Version',
    id=_STRING,
    status=_STRING,
    links=many(_LINK),
    min_version=_STRING,
    version=_STRING,
)
#: What anybody may ask, by path: what it is, and the schema of the answer.
PUBLIC: Mapping[str, tuple[str, Schema]] = {
    '/': ('The versions of the API.', fields(versions=many(VERSION))),
    '/v1': ('This version of the API.', fields(version=VERSION)),
    '/v1/openapi.json': ('This description.', {'type': 'object'}),
}
_MEANING = {
    200: 'It is so.',
    202: 'It was begun; ask how it goes on.',
    400: 'Something is wrong with what was asked.',
    401: 'Nobody is logged in, or Keystone does not know the token.',
    403: 'Whoever asks has not the right.',
    404: 'There is no such server, host, zone or move.',
    409: 'It cannot be done now; the message says why.',
    413: 'The body is too large.',
    415: 'The body is not JSON.',
    429: 'Too much is asked at a time, or too often by one project.',
    502: 'The migrator that leads failed.',
    503: 'No migrator leads, or Keystone or the message bus is down.',
}


def description() -> dict[str, Any]:
    """The whole document."""
    components: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for path, (summary, schema) in PUBLIC.items():
        answer = _answer(200, _named(schema, components))
        paths[path] = {
            'get': {
                'operationId': f'get {path}',
                'summary': summary,
                'security': [],
                'responses': {'200': answer},
            }
        }
    paths[errors.HEALTH] = {'get': _HEALTH}
    error = _named(_ERROR, components)
    for call in CALLS:
        operation = {
            'operationId': call.name,
            'summary': call.summary,
            'description': _rights(call),
            'parameters': [*_parameters(call)],
            'responses': {
                str(status): _answer(status, schema)
                for status, schema in (
                    (call.status, _named(call.answer, components)),
                    *((status, error) for status in _errors(call)),
                )
            },
        }
        if call.body is not None:
            operation['requestBody'] = {
                'required': True,
                'content': _json(_named(call.body, components)),
            }
        paths.setdefault(call.path, {})[call.method.lower()] = operation
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'steal-api',
            'summary': 'Ask the migrator that leads.',
            'version': version.version_string(),
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'},
        },
        'paths': paths,
        'security': [{'token': []}],
        'components': {
            'schemas': components,
            'securitySchemes': {
                'token': {
                    'type': 'apiKey',
                    'in': 'header',
                    'name': 'X-Auth-Token',
                    'description': 'A token of Keystone.',
                }
            },
        },
    }


_HEALTH = {
    'operationId': 'healthcheck',
    'summary': 'Whether this process is up; no leader is asked.',
    'security': [],
    'responses': {
        '200': {'description': 'It is.'},
        '503': {'description': 'An operator has taken it out of service.'},
    },
}


def _rights(call: Call) -> str:
    text = f'Policy: {call.rule_for_all}'
    if call.of_a_project:
        text += f'; of servers of the own project {call.rule}'
    return f'{text}.'


def _errors(call: Call) -> Iterator[int]:
    yield from errors.OF_ANY_CALL
    if call.in_path or call.changes or call.query:
        yield 404
    if call.changes:
        yield 409
    if call.body is not None:
        yield 415


def _parameters(call: Call) -> Iterator[dict[str, Any]]:
    for name in call.in_path:
        yield _parameter(name, 'path', True)
    for name, needed in call.query.items():
        yield _parameter(name, 'query', needed)


def _parameter(name: str, where: str, needed: bool) -> dict[str, Any]:
    return {
        'name': name,
        'in': where,
        'required': needed,
        'schema': PARAMETERS[name],
    }


def _answer(status: int, schema: Schema) -> dict[str, Any]:
    return {'description': _MEANING[status], 'content': _json(schema)}


def _json(schema: Schema) -> dict[str, Any]:
    return {'application/json': {'schema': schema}}


def _named(schema: Any, components: dict[str, Any]) -> Any:
    """The same, with what has a title put where it can be referred to."""
    if isinstance(schema, list | tuple):
        return [_named(each, components) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {key: _named(of, components) for key, of in schema.items()}
    title = found.get('title')
    if not isinstance(title, str):
        return found
    components[title] = found
    return {'$ref': f'#/components/schemas/{title}'}
