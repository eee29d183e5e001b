"""What is asked, checked: all of it, and nothing that is not known."""

import datetime
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, NoReturn

import falcon
import jsonschema

from steal_scheduler.api.calls import Call
from steal_scheduler.api.errors import ApiError, invalid
from steal_scheduler.api.schemas import PARAMETERS, Schema
from steal_scheduler.edge.text import one_line

#: Keys of a query, at most.
_MOST_KEYS = 20

_FORMATS = jsonschema.FormatChecker(())


def _is_time(text: object) -> bool:
    """Whether there is such a day and such an hour."""
    return not isinstance(text, str) or bool(_utc(text))


_FORMATS.checks('date-time', raises=ValueError)(_is_time)


def arguments(
    call: Call, request: falcon.Request, in_path: Mapping[str, str]
) -> dict[str, Any]:
    """All that is asked, by name, as the leader takes it.

    :raises ApiError: something is wrong with it: what, and what to do
    """
    found: dict[str, Any] = {}
    for name, value in in_path.items():
        found[name] = _checked(name, PARAMETERS[name], value)
    for name, value in _query(call, request.query_string).items():
        found[name] = _checked(name, PARAMETERS[name], value)
    if call.body is not None:
        found |= _body(call.body, request)
    if 'scope' in found:
        _check_scope(found)
    return {name: _spelt(name, value) for name, value in found.items()}


def _query(call: Call, text: str) -> Mapping[str, Any]:
    """The query's keys, each once, with what they mean."""
    if not text.isascii():
        raise invalid('The query is not percent-encoded.')
    try:
        pairs = urllib.parse.parse_qsl(
            text,
            keep_blank_values=True,
            errors='strict',
            max_num_fields=_MOST_KEYS,
        )
    except ValueError as error:
        raise invalid(
            f'The query cannot be read: {one_line(error, 100)}.'
        ) from error
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in call.query:
            _unknown('query', name, [*call.query])
        if name in found:
            raise invalid(f'{name} stands twice in the query. Give it once.')
        found[name] = _meant(PARAMETERS[name]['type'], value)
    for name, needed in call.query.items():
        if needed and name not in found:
            raise invalid(f'The query lacks {name}. Give it.')
    return found


def _meant(kind: str, text: str) -> Any:
    """A number or a boolean, if the text says one; else the text."""
    if kind == 'boolean':
        return {'true': True, 'false': False}.get(text, text)
    if kind == 'integer' and text.isascii() and text.isdecimal():
        # Python reads no number of more than 4,300 digits.
        return int(text[:20])
    return text


def _body(schema: Schema, request: falcon.Request) -> dict[str, Any]:
    kind = (request.content_type or '').partition(';')[0].strip().lower()
    if kind != falcon.MEDIA_JSON:
        raise ApiError(
            415, 'The body has to be JSON: set Content-Type: application/json.'
        )
    raw = request.bounded_stream.read()
    try:
        said = json.loads(
            raw.decode('utf-8'),
            object_pairs_hook=_once,
            parse_constant=_no_number,
        )
        # Half of a pair of surrogates is no text that anybody can send on.
        json.dumps(said, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        why = one_line(error, 100)
        raise invalid(f'The body is no JSON: {why}. Correct it.') from error
    if not isinstance(said, dict):
        raise invalid('The body is not a JSON object. Give one.')
    known = schema['properties']
    for name in said:
        if name not in known:
            _unknown('body', name, [*known])
    for name in schema['required']:
        if name not in said:
            raise invalid(f'The body lacks {name}. Give it.')
    return {n: _checked(n, known[n], value) for n, value in said.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError('a key stands twice')
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f'{text} is no number of JSON')


def _unknown(where: str, name: str, known: list[str]) -> NoReturn:
    cure = f'Known are {", ".join(known)}.' if known else 'Leave it out.'
    raise invalid(
        f'{one_line(name, 80)} in the {where} is not known here. {cure}'
    )


def _checked(name: str, schema: Schema, value: Any) -> Any:
    """The value.

    :raises ApiError: it is not what the schema wants
    """
    checker = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
    if checker.is_valid(value):
        # NOTE: to Python a $ matches before a new line at the end, too.
        pattern = schema.get('pattern')
        if pattern is None or re.fullmatch(pattern, value):
            return value
    raise invalid(
        f'{name} = {one_line(json.dumps(value), 80)} is not allowed. Give '
        f'{_wanted(schema)}.'
    )


def _wanted(schema: Schema) -> str:
    """For a person: what would be right."""
    if 'enum' in schema:
        return f'one of {", ".join(schema["enum"])}'
    if schema.get('format') == 'date-time':
        return 'a time with a zone, such as 2026-11-30T14:00:00Z'
    if schema['type'] == 'boolean':
        return 'true or false'
    if schema['type'] == 'integer':
        return f'{schema["minimum"]} to {schema["maximum"]}'
    if 'maxLength' in schema:
        most = schema['maxLength']
        return f'1 to {most} printable characters, of a name its own ones'
    return 'an id as Keystone and Nova have them'


def _check_scope(found: Mapping[str, Any]) -> None:
    """A pause of a zone or of a host names it, one of the cloud does not."""
    has_name = 'name' in found
    if has_name and found['scope'] == 'cloud':
        raise invalid('name goes with the scopes zone and host. Leave it out.')
    if not has_name and found['scope'] != 'cloud':
        raise invalid(f'name is missing: which {found["scope"]}? Give it.')


def _spelt(name: str, value: Any) -> Any:
    """As the leader has it: ids in small letters, times in UTC."""
    if name in ('server_id', 'server'):
        return value.lower()
    return _utc(value) if name == 'until' else value


def _utc(text: str) -> str:
    """2026-11-30T16:00+02:00 is 2026-11-30T14:00:00Z.

    :raises ValueError: there is no such time
    """
    try:
        at = datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    except OverflowError as error:
        raise ValueError(text) from error
    return at.strftime('%Y-%m-%dT%H:%M:%SZ')
