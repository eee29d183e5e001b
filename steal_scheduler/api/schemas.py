"""What goes in and out, as JSON schemas (2020-12): the one source.

Input is checked against them, answers are shaped by them, and the OpenAPI
description shows them. All keys of an answer are always there; what is not
known is null.
"""

from collections.abc import Mapping
from typing import Any

from steal_scheduler.model.pause import Scope

Schema = Mapping[str, Any]

#: Of a schema: in the view of a project it is null, for it may name hosts or
#: tell of others.
OPERATORS_ONLY = 'x-operators-only'

#: No control character, no line break, nothing that turns the direction of
#: writing or cannot be seen.
_PRINTABLE = (
    r'[^\u0000-\u001f\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f'
    r'\u2060-\u206f\ufeff\ufff0-\uffff]'
)


def _what(schema: Schema, description: str) -> Schema:
    return {**schema, 'description': description}


def operators(schema: Schema) -> Schema:
    """One that a project does not get to see."""
    return {**schema, OPERATORS_ONLY: True}


def fields(title: str = '', **properties: Schema) -> Schema:
    """An object that has exactly these keys."""
    return {
        **({'title': title} if title else {}),
        'type': 'object',
        'properties': properties,
        'required': [*properties],
        'additionalProperties': False,
    }


def many(items: Schema) -> Schema:
    return {'type': 'array', 'items': items}


def by_name(values: Schema) -> Schema:
    """An object whose keys are names: of outcomes, of resource classes."""
    return {'type': ['object', 'null'], 'additionalProperties': values}


def or_null(schema: Schema) -> Schema:
    return {'oneOf': [schema, {'type': 'null'}]}


# -- input --------------------------------------------------------------------

_NAME = {
    'type': 'string',
    'minLength': 1,
    'maxLength': 255,
    'pattern': f'^{_PRINTABLE}+$',
}
REASON: Schema = {
    'type': 'string',
    'minLength': 1,
    'maxLength': 200,
    'pattern': f'^{_PRINTABLE}+$',
    'description': 'Why; it stands in the audit log, and where others look.',
}
UNTIL: Schema = {
    'type': 'string',
    'maxLength': 35,
    'format': 'date-time',
    'pattern': (
        r'^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}'
        r'(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})$'
    ),
    'description': (
        'When it ends by itself: ISO 8601 with Z or an offset, for example '
        '2026-11-30T14:00:00Z. Left out: until somebody ends it.'
    ),
}
_HOST: Schema = {
    'type': 'string',
    'minLength': 1,
    'maxLength': 255,
    'pattern': '^[A-Za-z0-9][A-Za-z0-9._:-]*$',
    'description': 'A host as Nova calls it.',
}
_SERVER_ID: Schema = {
    'type': 'string',
    'pattern': '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
    'description': "The server's UUID.",
}
SCOPE: Schema = {
    'type': 'string',
    'enum': [str(scope) for scope in Scope],
    'description': 'What a pause is about.',
}

#: Of paths and of queries, by name.
PARAMETERS: Mapping[str, Schema] = {
    'server_id': _SERVER_ID,
    'host': _HOST,
    'zone': _what(_NAME, 'An availability zone.'),
    'project': {
        'type': 'string',
        'pattern': '^[A-Za-z0-9_-]{1,64}$',
        'description': "A project's id.",
    },
    'server': _SERVER_ID,
    'contended': {
        'type': 'boolean',
        'description': 'true: only those that are; false: only others.',
    },
    'since': {
        'type': 'integer',
        'minimum': 1,
        'maximum': 31536000,
        'description': 'How far back, in seconds.',
    },
    'scope': SCOPE,
    'name': _what(
        _NAME, 'Of the zone or of the host; not with the scope cloud.'
    ),
    'reason': REASON,
}


def asked(*required: str, **properties: Schema) -> Schema:
    """The body of a request: these keys and no other."""
    return {
        'type': 'object',
        'properties': properties,
        'required': [*required],
        'additionalProperties': False,
    }


PAUSE_ASKED = asked(
    *('scope', 'reason'),
    scope=SCOPE,
    name=PARAMETERS['name'],
    until=UNTIL,
    reason=REASON,
)
MOVE_ASKED = asked('server_id', 'reason', server_id=_SERVER_ID, reason=REASON)
TIMED_ASKED = asked('reason', until=UNTIL, reason=REASON)
REASON_ASKED = asked('reason', reason=REASON)
APPROVAL_ASKED = asked(
    'approved',
    'reason',
    approved={'type': 'boolean', 'description': 'false: it is rejected.'},
    reason=REASON,
)
