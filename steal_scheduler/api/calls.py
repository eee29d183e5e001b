"""Every call there is, as data: the routes, rights, checks and the
description are made of this table.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from steal_scheduler.api import answers, schemas
from steal_scheduler.api.schemas import Schema, fields, many


@dataclasses.dataclass(frozen=True)
class Call:
    #: Its name in the description, and what the leader is asked for.
    name: str
    method: str
    path: str
    #: The policy's rule; one that is about a project's own servers has a
    #: second one for those of all, whose name ends in ALL.
    rule: str
    #: One sentence.
    summary: str
    answer: Schema
    #: Names in the query, each with whether it has to be there.
    query: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    body: Schema | None = None
    #: Of success.
    status: int = 200
    #: Who has a right in a project may ask it about servers of the project.
    of_a_project: bool = False

    @property
    def in_path(self) -> tuple[str, ...]:
        """Names of its parameters in the path."""
        return tuple(re.findall(r'{(\w+)}', self.path))

    @property
    def changes(self) -> bool:
        """Whether something is asked for that changes what happens."""
        return self.method != 'GET'

    @property
    def rule_for_all(self) -> str:
        return f'{self.rule}{ALL}' if self.of_a_project else self.rule


#: How the name of a rule ends that is about the servers of all projects.
ALL = ':all_projects'

_ZONE = {'zone': False}
_MOVES = '/v1/moves/{server_id}'
_SERVER = '/v1/servers/{server_id}'
_HOST = '/v1/hosts/{host}'


def _look(
    name: str, path: str, summary: str, answer: Schema, **more: Any
) -> Call:
    kind = 'get' if '{' in path or not name.endswith('s') else 'list'
    of = path.split('/')[2]
    return Call(
        name, 'GET', path, f'steal:{of}:{kind}', summary, answer, **more
    )


LOOKS = (
    _look(
        'summary',
        '/v1/summary',
        'What the migrator that leads judged at its last step, in short.',
        answers.SUMMARY,
    ),
    _look(
        'hosts',
        '/v1/hosts',
        'Hosts: their tier, steal, demand and room.',
        fields('Hosts', hosts=many(answers.HOST_ROW)),
        query=_ZONE,
    ),
    _look('host', _HOST, 'One host, with its servers.', answers.ONE_HOST),
    _look(
        'servers',
        '/v1/servers',
        'Servers: which are contended, and why they move or do not.',
        fields('Servers', servers=many(answers.SERVER)),
        query={**_ZONE, 'project': False, 'host': False, 'contended': False},
        of_a_project=True,
    ),
    _look(
        'server',
        _SERVER,
        'One server, and why it moves or does not.',
        answers.ONE_SERVER,
        of_a_project=True,
    ),
    _look(
        'plan',
        '/v1/plan',
        'What would begin to move now, and why not more.',
        answers.PLAN,
    ),
    _look(
        'moves',
        '/v1/moves',
        'Moves that are under way.',
        fields('Moves', moves=many(answers.MOVE)),
        of_a_project=True,
    ),
    _look(
        'move',
        _MOVES,
        'The move of one server that is under way.',
        answers.MOVE,
        of_a_project=True,
    ),
    _look(
        'history',
        '/v1/history',
        'Moves that have ended.',
        answers.HISTORY,
        query={'since': True, **_ZONE, 'project': False, 'server': False},
        of_a_project=True,
    ),
    _look(
        'relief',
        '/v1/relief',
        'What moves have brought, by zone.',
        answers.RELIEF,
    ),
    _look(
        'settings',
        '/v1/settings',
        'The options that are in force; no secret is among them.',
        answers.SETTINGS,
    ),
    _look(
        'approvals',
        '/v1/approvals',
        'Moves that wait for an approval.',
        answers.APPROVALS,
    ),
)

_PAUSED = fields('Paused', pause=answers.PAUSE)
_MOVED = fields('MoveAsked', move=answers.MOVE)
_SKIPPED = fields('ServerSkipped', server=answers.SERVER)
_DRAINED = fields('HostDrained', host=answers.HOST_ROW)
_RELIEVED = fields(
    'HostRelieved',
    admitted=many(answers.ADMITTED),
    refusals=many(answers.REFUSAL),
)

ASKS = (
    Call(
        'pause',
        'PUT',
        '/v1/pauses',
        'steal:pauses:set',
        'Let nothing begin to move in the cloud, a zone or on a host.',
        _PAUSED,
        body=schemas.PAUSE_ASKED,
    ),
    Call(
        'resume',
        'DELETE',
        '/v1/pauses',
        'steal:pauses:delete',
        'End a pause.',
        answers.NOTHING,
        query={'scope': True, 'name': False},
    ),
    Call(
        'move_create',
        'POST',
        '/v1/moves',
        'steal:moves:create',
        'Move a server now, by the same gate as all others.',
        _MOVED,
        body=schemas.MOVE_ASKED,
        status=202,
    ),
    Call(
        'move_cancel',
        'DELETE',
        _MOVES,
        'steal:moves:cancel',
        'Cancel the move of a server: it goes back into service.',
        _MOVED,
        query={'reason': True},
        status=202,
    ),
    Call(
        'server_skip',
        'PUT',
        f'{_SERVER}/skip',
        'steal:servers:skip',
        'Let a server stay where it is.',
        _SKIPPED,
        body=schemas.TIMED_ASKED,
        of_a_project=True,
    ),
    Call(
        'server_unskip',
        'DELETE',
        f'{_SERVER}/skip',
        'steal:servers:unskip',
        'Let a server move again.',
        _SKIPPED,
        of_a_project=True,
    ),
    Call(
        'host_drain',
        'PUT',
        f'{_HOST}/drain',
        'steal:hosts:drain',
        'Empty a host for maintenance; its progress is in the host.',
        _DRAINED,
        body=schemas.TIMED_ASKED,
    ),
    Call(
        'host_undrain',
        'DELETE',
        f'{_HOST}/drain',
        'steal:hosts:undrain',
        'Do not empty a host any more.',
        _DRAINED,
    ),
    Call(
        'host_relieve',
        'POST',
        f'{_HOST}/relieve',
        'steal:hosts:relieve',
        'Relieve a host now, whatever the polls say.',
        _RELIEVED,
        body=schemas.REASON_ASKED,
        status=202,
    ),
    Call(
        'approve',
        'PUT',
        '/v1/approvals/{server_id}',
        'steal:approvals:set',
        'Approve or reject a move that waits for it.',
        answers.NOTHING,
        body=schemas.APPROVAL_ASKED,
    ),
)

CALLS = (*LOOKS, *ASKS)


def asked_of_the_leader(
    call: Call, args: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """The leader's name of it, and its arguments."""
    if 'approved' in args:
        rest = {name: v for name, v in args.items() if name != 'approved'}
        return ('approve' if args['approved'] else 'reject'), rest
    return call.name, args
