"""What people may ask for: names, what is done, and what is answered.

A request begins at the start of a tick: what it changes in Nova is changed,
and what has to be decided on is noted. It is answered at the end of the same
tick, by what has become of it.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import policies
from steal_scheduler.exception import RequestRefused
from steal_scheduler.migrator import emptying, looks, skip
from steal_scheduler.migrator import pause as pauses
from steal_scheduler.migrator.request import Request, no_such_host
from steal_scheduler.migrator.work import Answer, Ask, Work, ends_at
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.emptying import Emptying
from steal_scheduler.model.move import Stage
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.proposal import Vote
from steal_scheduler.model.skip import Skip
from steal_scheduler.reporting import documents, server_documents
from steal_scheduler.reporting.picture import Picture
from steal_scheduler.reporting.server_documents import PROJECT

# -- pauses ----------------------------------------------------------------


def _where(request: Request) -> tuple[Scope, str]:
    scopes = [str(scope) for scope in Scope]
    scope = request.args.get('scope')
    if scope not in scopes:
        raise RequestRefused(
            'invalid', f'scope is none of {", ".join(scopes)}.'
        )
    if scope == Scope.CLOUD:
        return Scope.CLOUD, ''
    return Scope(scope), request.text('name')


def _pause(request: Request, work: Work) -> None:
    until = ends_at(request, work.now)
    wanted = Pause(*_where(request), until, request.wish.said)
    work.effects.check_lease()
    try:
        pauses.pause(work.nova, wanted, work.now)
    except pauses.NoSuchPlace as error:
        raise RequestRefused('not_found', str(error)) from error
    except pauses.PauseError as error:
        raise RequestRefused('conflict', str(error)) from error


def _paused(request: Request, picture: Picture) -> Answer:
    now = picture.snapshot.now
    where = _where(request)
    found = [p for p in picture.snapshot.fleet.pauses if p.same(*where)]
    longest = max(found, key=lambda p: p.until, default=None)
    if longest is None or not longest.in_force(now):
        raise RequestRefused(
            'conflict', 'Somebody else has ended the pause just now.'
        )
    return {'pause': documents.pause(longest)}


def _resume(request: Request, work: Work) -> None:
    work.effects.check_lease()
    document, still = pauses.resume(work.nova, *_where(request), work.now)
    if still:
        notes = [item['note'] for item in document['notes']]
        raise RequestRefused('conflict', ' '.join(notes))


def _nothing(request: Request, picture: Picture) -> Answer:
    return {}


# -- servers to stay -------------------------------------------------------


def _known(request: Request, picture: Picture) -> Server:
    asked = {'server_id': request.text('server_id'), PROJECT: request.project}
    return server_documents.known_server(picture, asked)


def _skip(request: Request, work: Work) -> None:
    server, why = _known(request, work.picture), request.wish.said
    by_owner = request.project is not None
    until_when = ends_at(request, work.now)
    wanted = Skip(server.server_id, until_when, why, by_owner)
    servers = work.picture.snapshot.fleet.servers
    work.effects.check_lease()
    try:
        skip.skip(work.nova, wanted, work.now, servers)
    except skip.TooMany as error:
        raise RequestRefused('conflict', str(error)) from error


def _unskip(request: Request, work: Work) -> None:
    server = _known(request, work.picture)
    work.effects.check_lease()
    skip.unskip(work.nova, server.server_id, request.project is not None)


def _unskipped(request: Request, picture: Picture) -> Answer:
    server = _known(request, picture)
    found = picture.snapshot.fleet.skips.get(server.server_id)
    if found is not None and found.in_force(picture.snapshot.now):
        raise RequestRefused(
            'conflict', 'An operator wants it to stay where it is.'
        )
    return _skipped(request, picture)


def _skipped(request: Request, picture: Picture) -> Answer:
    server = _known(request, picture)
    return {
        'server': server_documents.server(server, picture, request.project)
    }


# -- moves -----------------------------------------------------------------


def _move(request: Request, work: Work) -> None:
    server_id = request.text('server_id')
    if server_id in work.moves:
        stage = work.moves[server_id].stage
        raise RequestRefused('conflict', f'Its move is at: {stage}.')
    work.servers[server_id] = request.wish


def _moved(request: Request, picture: Picture) -> Answer:
    asked = {'server_id': request.text('server_id')}
    found = server_documents.known_server(picture, asked)
    move = picture.snapshot.moves.get(found.server_id)
    if move is not None:
        return {'move': server_documents.one_move(move)}
    for no in picture.refusals.get(found.server_id, ()):
        raise RequestRefused('conflict', f'{no.reason}: {no.detail}.')
    last = picture.snapshot.ended.get(found.server_id)
    why = f'It did not begin: {last.detail}.' if last else 'It did not begin.'
    held_up = _held_up(found.host, picture)
    raise RequestRefused('conflict', held_up or why)


def _held_up(host: str | None, picture: Picture) -> str:
    """Why nothing begins on a host; '' where something could."""
    for no in picture.holds:
        return f'{no.reason}: {no.detail}.'
    dry = policies.dry_by(host, picture.snapshot)
    return f'dry_run: it would begin, but for {dry}.' if dry else ''


def _cancel(request: Request, work: Work) -> None:
    server_id = request.text('server_id')
    move = work.moves.get(server_id)
    if move is None:
        raise RequestRefused(
            'not_found', f'No move of server {server_id} is under way.'
        )
    begun = Stage.DRAIN, Stage.REQUEST, Stage.MIGRATE
    if move.stage not in begun or move.orphan:
        raise RequestRefused(
            'conflict',
            f'Its move is at: {move.stage}; it goes back into service.',
        )
    why = f'cancelled by {request.wish.said}'
    work.proposals.cancel(move, work.now)
    work.moves[server_id] = dataclasses.replace(move, cancelled=why)


def _cancelled(request: Request, picture: Picture) -> Answer:
    asked = {'server_id': request.text('server_id')}
    return {'move': server_documents.move(picture, asked)}


def _relieve(request: Request, work: Work) -> None:
    work.hosts[request.text('host')] = request.wish


def _relieved(request: Request, picture: Picture) -> Answer:
    name = request.text('host')
    if name not in picture.snapshot.fleet.hosts:
        raise no_such_host(name)
    if why := _held_up(name, picture):
        raise RequestRefused('conflict', why)
    there = {server.server_id for server in picture.here.get(name, ())}
    admitted = [m for m in picture.decision.admitted if m.source == name]
    nos = [
        no
        for server_id, nos in picture.refusals.items()
        if server_id in there
        for no in nos
    ]
    if not admitted and not nos:
        raise RequestRefused(
            'conflict', f'No server of host {name} is contended now.'
        )
    return {
        'admitted': [documents.planned(move, picture) for move in admitted],
        'refusals': [documents.refusal(no, picture) for no in nos],
    }


# -- approvals -------------------------------------------------------------


def _approve(request: Request, work: Work) -> None:
    _give(Vote.APPROVED, request, work)


def _reject(request: Request, work: Work) -> None:
    _give(Vote.REJECTED, request, work)


def _give(vote: Vote, request: Request, work: Work) -> None:
    said, now = request.wish.said, work.now
    work.proposals.answer(request.text('server_id'), vote, said, now)


# -- hosts to be emptied ----------------------------------------------------


def _drain(request: Request, work: Work) -> None:
    host, until = request.text('host'), ends_at(request, work.now)
    wanted = Emptying(host, until, request.wish.said)
    work.effects.check_lease()
    emptying.order(work.nova, wanted, work.now)


def _undrain(request: Request, work: Work) -> None:
    work.effects.check_lease()
    emptying.stop(work.nova, request.text('host'))


def _drained(request: Request, picture: Picture) -> Answer:
    asked = {'host': request.text('host')}
    return {'host': looks.LOOKS['host'].look(picture, asked)}


#: By name; add here what else can be asked for.
ASKS: Mapping[str, Ask] = {
    'pause': Ask(_pause, _paused),
    'resume': Ask(_resume, _nothing),
    'server_skip': Ask(_skip, _skipped, of_projects=True),
    'server_unskip': Ask(_unskip, _unskipped, of_projects=True),
    'move_create': Ask(_move, _moved),
    'move_cancel': Ask(_cancel, _cancelled),
    'host_relieve': Ask(_relieve, _relieved),
    'approve': Ask(_approve, _nothing),
    'reject': Ask(_reject, _nothing),
    'host_drain': Ask(_drain, _drained),
    'host_undrain': Ask(_undrain, _drained),
}
