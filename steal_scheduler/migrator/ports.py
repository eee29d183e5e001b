"""Ports: bindings that a live migration has left behind in Neutron.

For a live migration Nova binds each port of the server to the target as well,
and takes one of the two bindings away at its end. Where a nova-compute or a
nova-conductor died, both may stay; then Neutron refuses the next migration to
that host, or the port is active where the server is not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from keystoneauth1 import exceptions

from steal_scheduler.edge import http, keystone, sense
from steal_scheduler.edge.text import json_object, one_line
from steal_scheduler.exception import NovaError
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.moves.leftovers import Kind, Leftover
from steal_scheduler.nova_client.client import GROUP

#: Servers that are looked at, those that migrated last; and seconds for all.
MOST = 200
SECONDS = 60.0
_NONE = 'Neutron was not asked: the catalog names none.'


def left_bindings(conf: Any, fleet: Fleet) -> tuple[list[Leftover], str]:
    """What Neutron tells of servers that have been migrated.

    :returns: also a note, '' where all of them were looked at
    """
    suspects = _suspects(fleet)
    auth = keystone.load_auth(conf, GROUP)
    session = keystone.load_session(conf, GROUP, auth)
    found: list[Leftover] = []
    try:
        with http.within(SECONDS), sense.sensible('Neutron', NovaError):
            url = session.get_endpoint(
                service_type='network',
                interface=conf[GROUP].valid_interfaces or ['public'],
                region_name=conf[GROUP].region_name,
                skip_discovery=True,
            )
            if not url:
                return [], _NONE
            base = url.rstrip('/').removesuffix('/v2.0') + '/v2.0'
            for server in suspects[:MOST]:
                for port, bindings in _bindings(session, base, server):
                    found += _leftovers(server, f'{base}{port}', bindings)
    except exceptions.CatalogException:
        return [], _NONE
    except (exceptions.ClientException, OSError, NovaError) as error:
        return found, f'Neutron was not asked for all ports: {one_line(error)}'
    if len(suspects) > MOST:
        left = len(suspects) - MOST
        return found, f'Neutron was not asked for {left} servers more.'
    return found, ''


def _suspects(fleet: Fleet) -> list[Server]:
    """Servers whose last live migration is over, the last of them first."""
    last = {
        server_id: records[0].updated_at
        for server_id, records in fleet.migrations.items()
        if records and records[0].ended and fleet.is_current(server_id)
    }
    known = [fleet.servers[s] for s in last if s in fleet.servers]
    there = [s for s in known if s.host and not s.migrating]
    return sorted(there, key=lambda s: (-last[s.server_id], s.server_id))


def _bindings(
    session: Any, base: str, server: Server
) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """The path of each of its ports that has more than one binding."""
    query = {'device_id': server.server_id, 'fields': 'id'}
    for port in _ask(session, f'{base}/ports', query).get('ports', ()):
        path = f'/ports/{port["id"]}/bindings'
        found = _ask(session, f'{base}{path}', {}).get('bindings', ())
        if len(found) > 1:
            yield path, found


def _ask(session: Any, url: str, query: Mapping[str, str]) -> Any:
    """An object; empty where there is no such thing.

    Neutron has bindings of their own only with its extension
    ``binding-extended``, and ports may go.

    :raises NovaError: Neutron does not tell
    """
    response = session.get(url, params=query, raise_exc=False, redirect=False)
    if response.status_code == 404:
        return {}
    if response.status_code != 200:
        raise NovaError(f'GET {url}: {response.status_code}')
    return json_object(response.content)


def _leftovers(
    server: Server, url: str, bindings: Iterable[Mapping[str, Any]]
) -> Iterator[Leftover]:
    state = {str(b['host']): str(b['status']) for b in bindings}
    port = url.split('/')[-2]
    which = ', '.join(f'{s} on {host}' for host, s in sorted(state.items()))
    detail = (
        f'its port {port} is {which}, and the server is on {server.host}: see '
        '"virsh list --uuid" there that its guest runs, and that no live '
        'migration goes on'
    )
    login = '"X-Auth-Token: $(openstack token issue -f value -c id)"'
    here = str(server.host)
    if state.get(here) == 'ACTIVE':
        asked = [
            f'-X DELETE -H {login} {url}/{host}'
            for host in sorted(state)
            if host != here
        ]
    elif here in state:
        asked = [f'-X PUT -H {login} {url}/{here}/activate']
    else:
        # Whichever of them is right, only somebody who looks can tell.
        asked = [f'-H {login} {url}']
    for each in asked:
        yield Leftover(
            Kind.PORT_BINDING,
            server.server_id,
            server.host,
            detail,
            f'curl {each}',
        )
