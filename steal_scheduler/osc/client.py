"""A thin client of steal-api: a request, its answer, its errors in words."""

import re
import urllib.parse
from typing import Any, NoReturn

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa
from osc_lib import exceptions

from steal_scheduler import version
from steal_scheduler.edge.text import json_object, one_line

SERVICE_TYPE = 'steal'
#: In seconds: to connect, and for an answer. The migrator that leads is given
#: 30 s for what it writes to Nova, and steal-api asks Keystone before that.
_TIMEOUT = (10, 60)

Answer = dict[str, Any]


class Failed(exceptions.CommandError):
    """The command could not be done; status 1."""


class NotFound(Failed):
    """There is nothing of that name."""


class NoMigratorLeads(Failed):
    """Nobody is there to be asked; soon somebody may be."""


class Refused(Failed):
    """The migrator that leads understood, and said no; status 2."""


def of_manager(manager: Any) -> 'Client':
    """A client with the log-in of the ``openstack`` command."""
    config = manager.get_configuration()
    return Client(
        adapter.Adapter(
            session=manager.session,
            service_type=SERVICE_TYPE,
            interface=manager.interface,
            region_name=manager.region_name,
            endpoint_override=config.get(f'{SERVICE_TYPE}_endpoint_override'),
            client_name='steal-scheduler',
            client_version=version.version_string(),
        )
    )


def path(*names: str) -> str:
    """A path of names, whatever is in them: ``/hosts/a%2Fb``."""
    return ''.join(f'/{urllib.parse.quote(name, safe="")}' for name in names)


class Client:
    """Asks steal-api. Every method answers the JSON object that was sent.

    :raises Failed: in each of them, with a message for a person
    """

    def __init__(self, session: adapter.Adapter) -> None:
        self._session = session

    def get(self, path: str, **query: Any) -> Answer:
        """Look; what is None in the query is left out."""
        return self._ask('GET', path, params=_query(query))

    def rows(self, path: str, name: str, **query: Any) -> list[Answer]:
        """The list of this name in what is looked at."""
        found = self.get(path, **query).get(name)
        rows = found if isinstance(found, list) else []
        return [row for row in rows if isinstance(row, dict)]

    def put(self, path: str, **body: Any) -> Answer:
        return self._ask('PUT', path, json=_known(body))

    def post(self, path: str, **body: Any) -> Answer:
        return self._ask('POST', path, json=_known(body))

    def delete(self, path: str, **query: Any) -> Answer:
        return self._ask('DELETE', path, params=_query(query))

    def _ask(self, method: str, path: str, **more: Any) -> Answer:
        # NOTE: here a log-in happens if there was none; what goes wrong with
        # that the openstack command tells in its own words.
        try:
            base = self._session.get_endpoint()
        except ksa.CatalogException:
            base = None
        if not base:
            raise Failed(self._unlisted())
        base = base.rstrip('/').removesuffix('/v1')
        url = f'{base}/v1{path}'
        try:
            answer = self._session.request(
                url, method, raise_exc=False, timeout=_TIMEOUT, **more
            )
        except ksa.ConnectionError as error:
            raise Failed(
                f'steal-api at {one_line(base)} does not answer: '
                f'{_cause(error)}. See that it runs there.'
            ) from error
        if answer.status_code >= 300:
            _complain(answer, base)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Failed(
                f'What answers at {one_line(url)} is no steal-api: it sent no '
                f'JSON object. Correct the endpoint of the service type '
                f'"{SERVICE_TYPE}".'
            )
        return found

    def _unlisted(self) -> str:
        where = [
            f'{what} {one_line(value)}'
            for what, value in (
                ('region', self._session.region_name),
                ('interface', self._session.interface),
            )
            if value
        ]
        return (
            f'The catalog of Keystone has no endpoint of the service type '
            f'"{SERVICE_TYPE}" ({", ".join(where) or "any region"}). Ask who '
            'operates the cloud, or set steal_endpoint_override in '
            'clouds.yaml.'
        )


def _cause(error: ksa.ConnectionError) -> str:
    """What the network says, without the words that wrap it."""
    if isinstance(error, ksa.ConnectTimeout):
        return 'no answer in time'
    said = re.search(r'\[Errno -?\d+\] ([^\'"()]+)', str(error))
    return one_line(said[1] if said else str(error), 1000)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in values.items() if v is not None}


def _query(values: dict[str, Any]) -> dict[str, str]:
    """As text; of a flag it is JSON's, for requests would write True."""
    return {
        name: str(v).lower() if isinstance(v, bool) else str(v)
        for name, v in _known(values).items()
    }


def _complain(answer: Any, base: str) -> NoReturn:
    """Say what the answer means; what it says is somebody else's text."""
    status = answer.status_code
    error = json_object(answer.content).get('error')
    error = error if isinstance(error, dict) else {}
    message = error.get('message')
    said = one_line(message, 1000) if isinstance(message, str) else ''
    ours = bool(said)
    if not ours:
        # Of a proxy, or of something that is no steal-api.
        said = (
            f'HTTP {status} from {one_line(base)}: '
            f'{one_line(answer.text or answer.reason or "no text", 200)}'
        )
    if status == 503 and error.get('reason') in ('no_leader', 'not_leader'):
        raise NoMigratorLeads(
            said if 'migrator leads' in said else f'no migrator leads: {said}'
        )
    if status == 404 and error.get('reason') == 'not_found':
        raise NotFound(said)
    if status in (409, 429) and ours:
        raise Refused(said)
    if status == 403:
        said = f'You may not do this: {said}'
    elif status == 401:
        said = f'steal-api does not take the token: {said}'
    request_id = one_line(error.get('request_id') or '', 80)
    if status >= 500 and request_id:
        said = f'{said} ({request_id})'
    raise Failed(said)
