"""The schemas of answers, and an answer made to fit one.

What the leader says is shaped here: keys that the schema has not are left
out, those that are missing are null. And what only operators may see is null
in the view of a project, whatever the leader has put there.
"""

import math
from collections.abc import Mapping
from typing import Any

from steal_scheduler.api.schemas import (
    OPERATORS_ONLY,
    Schema,
    by_name,
    fields,
    many,
    operators,
    or_null,
)

TEXT: Schema = {'type': ['string', 'null']}
NUMBER: Schema = {'type': ['number', 'null']}
COUNT: Schema = {'type': ['integer', 'null']}
FLAG: Schema = {'type': ['boolean', 'null']}
TIME: Schema = {'type': ['string', 'null'], 'format': 'date-time'}
#: 0 to 1.
SHARE: Schema = {'type': ['number', 'null']}
#: A host's name, or a text that may have one in it.
HOST = operators(TEXT)
#: What an operator, or another tenant, did.
WHO = operators(TEXT)

REASONED = fields('Reason', reason=TEXT, detail=HOST)
PAUSE = fields('Pause', scope=TEXT, name=TEXT, until=TIME, reason=TEXT)
SATURATION = fields('Saturation', zone=TEXT, scarce=TEXT, detail=TEXT)
REFUSAL = fields(
    'Refusal', server_id=TEXT, host=HOST, reason=TEXT, detail=HOST
)
MOVE = fields(
    'Move',
    server_id=TEXT,
    name=TEXT,
    project_id=TEXT,
    source=HOST,
    target=HOST,
    stage=TEXT,
    since=TIME,
    reason=TEXT,
    steal_before=SHARE,
    copied_mb=NUMBER,
    copy_mb=NUMBER,
    waits=HOST,
    trouble=HOST,
    requested_by=WHO,
)
ENDED = fields(
    'EndedMove',
    server_id=TEXT,
    name=TEXT,
    project_id=TEXT,
    source=HOST,
    target=HOST,
    zone=TEXT,
    requested_at=TIME,
    ended_at=TIME,
    reason=TEXT,
    outcome=TEXT,
    steal_before=SHARE,
    steal_after=SHARE,
    seconds_out=NUMBER,
    copied_mb=NUMBER,
    relief_core_seconds=NUMBER,
    asked_by=WHO,
    source_of_truth=TEXT,
)
_SERVER: Mapping[str, Schema] = {
    'server_id': TEXT,
    'name': TEXT,
    'project_id': TEXT,
    'zone': TEXT,
    'host': HOST,
    'role': TEXT,
    'steal': SHARE,
    'load': NUMBER,
    'contended': FLAG,
    'state': TEXT,
    'moves_next': FLAG,
    'reason': TEXT,
    'detail': HOST,
    'skip_until': TIME,
}
SERVER = fields('Server', **_SERVER)
ONE_SERVER = fields(
    'ServerInFull',
    **_SERVER,
    demand_low=NUMBER,
    demand_expected=NUMBER,
    demand_high=NUMBER,
    window=TEXT,
    refusals=many(REASONED),
    move=or_null(MOVE),
    last=or_null(ENDED),
)
_HOST: Mapping[str, Schema] = {
    'host': TEXT,
    'zone': TEXT,
    'tier': TEXT,
    'steal': SHARE,
    'cores': NUMBER,
    'servers': COUNT,
    'demand_low': NUMBER,
    'demand_expected': NUMBER,
    'demand_high': NUMBER,
    'room': by_name(NUMBER),
    'unreliable': TEXT,
    'paused': TEXT,
    'drained': TEXT,
    'policy': by_name(fields('Setting', value=TEXT, source=TEXT)),
}
HOST_ROW = fields('Host', **_HOST)
ONE_HOST = fields('HostInFull', **{**_HOST, 'servers': many(SERVER)})
ADMITTED = fields(
    'PlannedMove',
    server_id=TEXT,
    name=TEXT,
    source=TEXT,
    zone=TEXT,
    reason=TEXT,
    detail=TEXT,
    copy_mb=NUMBER,
)
LAST_DAY = fields(
    moves=by_name(COUNT),
    relief_core_seconds=NUMBER,
    harm_core_seconds=NUMBER,
    copied_mb=NUMBER,
)
SUMMARY = fields(
    'Summary',
    leader=TEXT,
    judged_at=TIME,
    leadership=TEXT,
    dry_run=FLAG,
    servers=COUNT,
    contended=COUNT,
    coverage_percent=NUMBER,
    hosts=fields(cold=COUNT, unknown=COUNT, hot=COUNT),
    moves=COUNT,
    pauses=many(PAUSE),
    saturations=many(SATURATION),
    holds=many(REASONED),
    last_day=LAST_DAY,
)
PLAN = fields(
    'Plan',
    holds=many(REASONED),
    admitted=many(ADMITTED),
    refusals=many(REFUSAL),
    saturations=many(SATURATION),
)
HISTORY = fields('History', moves=many(ENDED), notes=operators(many(TEXT)))
RELIEF = fields(
    'Relief',
    since=TIME,
    zones=many(
        fields(
            zone=TEXT,
            moves=COUNT,
            helped=COUNT,
            not_helped=COUNT,
            unmeasured=COUNT,
            relief_core_seconds=NUMBER,
            harm_core_seconds=NUMBER,
            copied_mb=NUMBER,
            relief_per_gib=NUMBER,
        )
    ),
)
SETTINGS = fields(
    'Settings', options=many(fields(group=TEXT, name=TEXT, value=TEXT))
)
APPROVALS = fields(
    'Approvals',
    approvals=many(
        fields(
            server_id=TEXT,
            name=TEXT,
            source=TEXT,
            reason=TEXT,
            asked_at=TIME,
            expires_at=TIME,
        )
    ),
)
NOTHING = fields('Nothing')

_KINDS: Mapping[str, tuple[type, ...]] = {
    'string': (str,),
    'number': (int, float),
    'integer': (int,),
    'boolean': (bool,),
}


def shaped(schema: Schema, said: Any, project_id: str | None = None) -> Any:
    """An answer of the leader as the schema has it.

    :param project_id: whose view it is; None of an operator's
    :returns: None for a server or a move of another project than that
    """
    if project_id is not None and OPERATORS_ONLY in schema:
        return [] if schema['type'] == 'array' else None
    if 'oneOf' in schema:
        is_null = said is None
        return (
            None if is_null else shaped(schema['oneOf'][0], said, project_id)
        )
    match schema['type']:
        case 'object':
            known = said if isinstance(said, dict) else {}
            of = schema['properties']
            of_one = project_id is not None and 'project_id' in of
            if of_one and known.get('project_id') != project_id:
                # Whatever the leader says, it is nothing of theirs.
                return None
            return {
                name: shaped(of[name], known.get(name), project_id)
                for name in of
            }
        case ['object', _]:
            of = schema['additionalProperties']
            if not isinstance(said, dict):
                return None
            return {
                str(name): shaped(of, value, project_id)
                for name, value in said.items()
            }
        case 'array':
            rows = said if isinstance(said, list) else []
            every = (shaped(schema['items'], r, project_id) for r in rows)
            return [row for row in every if row is not None]
        case kinds:
            return _scalar(kinds[0], said)


def _scalar(kind: str, said: Any) -> Any:
    """It, or None where it is of another kind. A bool is no number."""
    fits = isinstance(said, _KINDS[kind])
    if isinstance(said, bool) and kind != 'boolean':
        fits = False
    if isinstance(said, float) and not math.isfinite(said):
        fits = False
    return said if fits else None
