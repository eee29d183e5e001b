"""Ids of what a person names."""

import re
from typing import Any

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa

from steal_scheduler.edge.text import one_line, several
from steal_scheduler.osc.client import Client, Failed, NotFound

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.I)
#: Of Keystone, unless somebody made them by hand.
_PROJECT_ID = re.compile(r'[0-9a-f]{32}|' + _UUID.pattern, re.I)


def server_id(client: Client, wanted: str) -> str:
    """The id of a server; a name stands for the one server that has it.

    :raises Failed: nobody has it, or several have
    """
    if _UUID.fullmatch(wanted):
        return wanted.lower()
    rows = client.rows('/servers', 'servers')
    ids = [str(r['server_id']) for r in rows if r.get('name') == wanted]
    return _one('server', wanted, ids, 'See "openstack steal server list".')


def project_id(manager: Any, wanted: str | None) -> str | None:
    """The id of a project; names are Keystone's to know.

    :param manager: the client manager of the ``openstack`` command
    :raises Failed: nobody has it, or several have, or Keystone does not say
    """
    if wanted is None or _PROJECT_ID.fullmatch(wanted):
        return wanted
    identity = adapter.Adapter(
        session=manager.session,
        service_type='identity',
        interface=manager.interface,
        region_name=manager.region_name,
        min_version='3',
        max_version='3.latest',
    )
    try:
        answer = identity.get(
            '/projects', params={'name': wanted}, timeout=(10, 60)
        )
        found = answer.json()['projects']
        ids = [str(project['id']) for project in found]
    except (ksa.ClientException, ValueError, KeyError, TypeError) as error:
        raise Failed(
            f'Keystone does not say which project is called {wanted!r}: '
            f'{one_line(error)}. Give its ID.'
        ) from error
    return _one('project', wanted, ids, 'See "openstack project list".')


def _one(kind: str, wanted: str, ids: list[str], where: str) -> str:
    if not ids:
        raise NotFound(f'No {kind} is called {wanted!r}. {where}')
    if len(ids) > 1:
        names = one_line(several(sorted(ids)))
        raise Failed(
            f'{len(ids)} {kind}s are called {wanted!r}: {names}. Give the ID.'
        )
    return ids[0]
