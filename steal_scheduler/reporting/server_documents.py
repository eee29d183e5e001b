"""What people are told of servers and their moves; see ``documents.py``.

Whoever may see one project is told of its servers alone, and of no host: a
text in which one could stand is left out.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from steal_scheduler.decision import detector, eligibility
from steal_scheduler.exception import RequestRefused
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.history import from_ended
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.policy import Key
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.until import iso
from steal_scheduler.reporting import history
from steal_scheduler.reporting.documents import Document, end, rounded
from steal_scheduler.reporting.picture import Picture

#: When ends what somebody has to end: a time that nobody sees.
NEVER = '9999-12-31T23:59:59Z'
#: Of what is asked: the id of the only project that may be told of, or None.
PROJECT = 'of_project'


def servers(picture: Picture, args: Mapping[str, Any]) -> Document:
    """:param args: zone, project, host, contended"""
    fleet, project = picture.snapshot.fleet, args.get(PROJECT)
    host, contended = args.get('host'), args.get('contended')
    here: Iterable[Server] = fleet.servers.values()
    if host is not None:
        # Or who asks for a project's would learn who is there.
        here = picture.here.get(host, ()) if project is None else ()
    elif contended:
        here = [fleet.servers[s] for s in picture.findings]
    return {
        'servers': [
            server(found, picture, project)
            for found in here
            if args.get('zone') in (None, found.zone)
            and args.get('project') in (None, found.project_id)
            and project in (None, found.project_id)
            and contended in (None, found.server_id in picture.findings)
        ]
    }


def server(
    found: Server, picture: Picture, project: str | None = None
) -> Document:
    """One of them in short.

    :param project: the only one that may be told of; None for all
    """
    server_id = found.server_id
    signal = picture.snapshot.signals.servers.get(server_id)
    move = picture.snapshot.moves.get(server_id)
    no = next(iter(picture.refusals.get(server_id, ())), None)
    return {
        'server_id': server_id,
        'name': found.name,
        'project_id': found.project_id,
        'zone': found.zone,
        'host': found.host if project is None else None,
        'role': found.role,
        'steal': rounded(signal.steal) if signal else None,
        'load': rounded(detector.load(signal, found), 2) if signal else None,
        'contended': server_id in picture.findings,
        'state': str(move.stage) if move else found.status.lower(),
        'moves_next': server_id in picture.next_ones,
        'reason': str(no.reason) if no else None,
        'detail': no.detail if no and project is None else None,
        'skip_until': _skip_until(found, picture),
    }


def _skip_until(found: Server, picture: Picture) -> str | None:
    """Until when it stays; NEVER where somebody has to end that."""
    skip = picture.snapshot.fleet.skips.get(found.server_id)
    if skip is None or not skip.in_force(picture.snapshot.now):
        return None
    return end(skip) or NEVER


def known_server(picture: Picture, args: Mapping[str, Any]) -> Server:
    """The server that is asked for.

    :param args: server_id
    :raises RequestRefused: Nova tells of none, or of one of others
    """
    server_id, project = args['server_id'], args.get(PROJECT)
    found = picture.snapshot.fleet.servers.get(server_id)
    if found is None or project not in (None, found.project_id):
        raise RequestRefused(
            'not_found',
            f'The migrator knows no server {server_id}: see "openstack server '
            'list". One that has just been made is known after a minute.',
        )
    return found


def one_server(picture: Picture, args: Mapping[str, Any]) -> Document:
    """One of them in full: why it moves, or why not.

    Of one that does not wait as well: what would not let it move now.
    """
    found, project = known_server(picture, args), args.get(PROJECT)
    server_id, snapshot = found.server_id, picture.snapshot
    nos = list(picture.refusals.get(server_id, ()))
    no = eligibility.refusal(server_id, snapshot)
    if no is not None and no.reason not in {each.reason for each in nos}:
        nos.append(no)
    move, last = snapshot.moves.get(server_id), snapshot.ended.get(server_id)
    finding = picture.findings.get(server_id)
    signal = snapshot.signals.servers.get(server_id)
    demand = finding.demand if finding else None
    low = demand.low if demand else signal.used if signal else None
    high = demand.high if demand else signal.asked if signal else None
    return {
        **server(found, picture, project),
        'refusals': [_no(each, project) for each in nos],
        'demand_low': rounded(low, 2),
        'demand_expected': rounded(demand.expected, 2) if demand else None,
        'demand_high': rounded(high, 2),
        'move': one_move(move, project) if move else None,
        'last': ended(last, project) if last else None,
        'window': _window(found, picture, project),
    }


def _window(
    found: Server, picture: Picture, project: str | None
) -> str | None:
    """When it may leave, by its owner's words and those of its host."""
    said = [found.metadata.get(Key.WINDOW)]
    if project is None:
        policies = picture.snapshot.fleet.policies
        said += [s.text for s in policies.all(found.host, Key.WINDOW)]
    return ' and '.join(filter(None, said)) or None


def _no(no: Refusal, project: str | None) -> Document:
    detail = no.detail if project is None else None
    return {'reason': str(no.reason), 'detail': detail}


def moves(picture: Picture, args: Mapping[str, Any]) -> Document:
    project = args.get(PROJECT)
    return {
        'moves': [
            one_move(move, project)
            for move in picture.snapshot.moves.values()
            if project in (None, move.server.project_id)
        ]
    }


def move(picture: Picture, args: Mapping[str, Any]) -> Document:
    """The move of one server.

    :param args: server_id
    :raises RequestRefused: it is not moving
    """
    server_id, project = args['server_id'], args.get(PROJECT)
    found = picture.snapshot.moves.get(server_id)
    if found is None or project not in (None, found.server.project_id):
        raise RequestRefused(
            'not_found', f'No move of server {server_id} is under way.'
        )
    return one_move(found, project)


def one_move(found: Move, project: str | None = None) -> Document:
    """:param project: the only one that may be told of; None for all"""
    everything = project is None
    waits, copy = found.waits, found.progress
    return {
        'server_id': found.server_id,
        'name': found.server.name,
        'project_id': found.server.project_id,
        'source': found.source if everything else None,
        'target': (found.target or None) if everything else None,
        'stage': str(found.stage),
        'since': iso(found.since),
        'reason': _why(found, project),
        'steal_before': rounded(found.steal_before),
        'copied_mb': rounded(copy.processed_mb, 1) if copy else None,
        'copy_mb': found.copy_mb,
        'waits': waits.detail if waits and everything else None,
        'trouble': (found.trouble or found.failure or None)
        if everything
        else None,
        'requested_by': (found.asked_by or None) if everything else None,
    }


def _why(found: Move, project: str | None) -> str | None:
    """Why it moves; not where others are named in it."""
    if project is None:
        return found.reason
    return found.own_reason or None


def ended(found: Ended, project: str | None = None) -> Document:
    """The last move of a server, as this migrator remembers it."""
    return history.row(from_ended(found), project)
