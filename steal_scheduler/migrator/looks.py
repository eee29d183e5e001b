"""What people may look at: names, and what is said then."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from steal_scheduler.edge.text import several
from steal_scheduler.exception import RequestRefused
from steal_scheduler.migrator.request import Request
from steal_scheduler.reporting import (
    documents,
    policy_documents,
    server_documents,
)
from steal_scheduler.reporting.documents import Document, Look
from steal_scheduler.reporting.picture import Picture


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
        raise RequestRefused(
            'not_found',
            f'Nova knows no host {name}: see "openstack compute service '
            'list".',
        )
    there = picture.here.get(name, ())
    return {
        **documents.host(found, picture),
        'servers': [server_documents.server(s, picture) for s in there],
    }


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
        value = request.args.get(name)
        if name == 'contended':
            if value is not None and not isinstance(value, bool):
                raise RequestRefused('invalid', 'contended is true or false.')
        elif name in looking.needs or value is not None:
            request.text(name)
