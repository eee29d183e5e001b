"""What people may look at: names, and what is said then."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from steal_scheduler.edge.text import several
from steal_scheduler.exception import RequestRefused
from steal_scheduler.migrator.request import Request, no_such_host
from steal_scheduler.reporting import (
    documents,
    history,
    policy_documents,
    server_documents,
)
from steal_scheduler.reporting.documents import Document, Look
from steal_scheduler.reporting.picture import Picture
from steal_scheduler.reporting.server_documents import PROJECT

#: Seconds: of the sums of the relief, and the longest that history goes back,
#: in steal-api, too.
_DAY, _LONGEST = 86400, 365 * 86400


class Looking(NamedTuple):
    look: Look
    #: Arguments that have to be there, and others that may be.
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    #: Of the servers of one project it may be asked by whoever has that.
    of_projects: bool = False


def _host(picture: Picture, args: Mapping[str, Any]) -> Document:
    """One host, with its servers.

    :raises RequestRefused: Nova tells of none that is called like that
    """
    name = args['host']
    found = picture.snapshot.fleet.hosts.get(name)
    if found is None:
        raise no_such_host(name)
    there = picture.here.get(name, ())
    return {
        **documents.host(found, picture),
        'servers': [server_documents.server(s, picture) for s in there],
    }


def _history(picture: Picture, args: Mapping[str, Any]) -> Document:
    """Moves that are over, as far as this process knows of them."""
    snapshot, project = picture.snapshot, args.get(PROJECT)
    wanted = history.Wanted(
        snapshot.now - args['since'],
        args.get('zone'),
        args.get('project'),
        args.get('server'),
    )
    return history.answer(picture.past, snapshot.fleet, wanted, project)


def _relief(picture: Picture, args: Mapping[str, Any]) -> Document:
    """What moves of the last day have brought, by zone."""
    snapshot = picture.snapshot
    since = snapshot.now - _DAY
    return history.relief_answer(picture.past, snapshot.fleet, since)


#: By name; add here what else there is to be seen.
LOOKS: Mapping[str, Looking] = {
    'summary': Looking(documents.summary),
    'plan': Looking(documents.plan),
    'hosts': Looking(documents.hosts, takes=('zone',)),
    'host': Looking(_host, needs=('host',)),
    'approvals': Looking(policy_documents.approvals),
    'servers': Looking(
        server_documents.servers,
        takes=('zone', 'project', 'host', 'contended'),
        of_projects=True,
    ),
    'server': Looking(
        server_documents.one_server, needs=('server_id',), of_projects=True
    ),
    'moves': Looking(server_documents.moves, of_projects=True),
    'move': Looking(
        server_documents.move, needs=('server_id',), of_projects=True
    ),
    'history': Looking(
        _history,
        needs=('since',),
        takes=('zone', 'project', 'server'),
        of_projects=True,
    ),
    'relief': Looking(_relief),
}


def check_all(request: Request) -> None:
    """Whether it may be told of all projects.

    :raises RequestRefused: it may not
    """
    if request.project is not None:
        raise RequestRefused(
            'invalid', f'{request.method} is about more than one project.'
        )


def check(request: Request) -> None:
    """Whether it can be answered.

    :raises RequestRefused: it cannot be, and why
    """
    looking = LOOKS[request.method]
    if not looking.of_projects:
        check_all(request)
    known = {*looking.needs, *looking.takes}
    if unknown := sorted(request.args.keys() - known):
        raise RequestRefused(
            'invalid',
            f'{request.method} takes {several(sorted(known)) or "nothing"}, '
            f'and not {several(unknown)}.',
        )
    for name in known:
        value: Any = request.args.get(name)
        if name == 'contended':
            if value is not None and not isinstance(value, bool):
                raise RequestRefused('invalid', 'contended is true or false.')
        elif name == 'since':
            # Of a truth value Python makes a number.
            fits = isinstance(value, int | float) and value is not True
            if not fits or not 0 < value <= _LONGEST:
                raise RequestRefused(
                    'invalid',
                    f'since is a number of seconds, {_LONGEST} at most.',
                )
        elif name in looking.needs or value is not None:
            request.text(name)
