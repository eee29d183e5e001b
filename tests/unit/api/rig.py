"""steal-api with a leader and a Keystone that tests can bend."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from falcon import testing
from oslotest import base

from steal_scheduler.api import app, calls
from steal_scheduler.api.schemas import Schema
from steal_scheduler.conf import api as options

#: What is put wherever a host's name, or another's, may stand.
SECRET = 'host-7.secret'
MINE, THEIRS = 'a' * 32, 'b' * 32
SERVER_ID = '0d5a1f6e-8f1c-4a55-9a0e-6ff6c1a8f5d1'

#: Who asks, by the token that they send: what Keystone says of them.
PEOPLE: Mapping[str, Mapping[str, str]] = {
    'admin': {'HTTP_X_ROLES': 'admin', 'HTTP_X_PROJECT_ID': THEIRS},
    'system-reader': {
        'HTTP_X_ROLES': 'reader',
        'HTTP_OPENSTACK_SYSTEM_SCOPE': 'all',
    },
    'member': {'HTTP_X_ROLES': 'member,reader', 'HTTP_X_PROJECT_ID': MINE},
    'reader': {'HTTP_X_ROLES': 'reader', 'HTTP_X_PROJECT_ID': MINE},
    # Of a project, and yet nobody.
    'nobody': {'HTTP_X_ROLES': 'swift', 'HTTP_X_PROJECT_ID': MINE},
    'domain-admin': {
        'HTTP_X_ROLES': 'admin',
        'HTTP_X_DOMAIN_ID': 'default',
    },
    'unscoped': {},
}


def login(inner: Callable[..., Any]) -> Callable[..., Any]:
    """What keystonemiddleware does, for the people above."""

    def entry(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        who = environ.get('HTTP_X_AUTH_TOKEN')
        if who not in PEOPLE:
            start('401 Unauthorized', [('WWW-Authenticate', 'Keystone')])
            return [b'no JSON']
        # What a client says of itself does not count.
        for name in [*environ]:
            if name.startswith(('HTTP_X_', 'HTTP_OPENSTACK_')):
                del environ[name]
        user = {'HTTP_X_USER_ID': f'{who}-id', 'HTTP_X_USER_NAME': who}
        environ.update(user | {**PEOPLE[who]})
        answer: Iterable[bytes] = inner(environ, start)
        return answer

    return entry


class Leader:
    """Answers all, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Mapping[str, Any], str, Any]] = []
        #: Instead of what the schemas say, by method; an error is raised.
        self.answers: dict[str, Any] = {}

    def call(
        self, who: Mapping[str, Any], method: str, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        # As it would be on the bus.
        self.asked.append(json.loads(json.dumps([who, method, args])))
        name = 'approve' if method == 'reject' else method
        found = self.answers.get(method)
        if isinstance(found, Exception):
            raise found
        if found is None:
            [schema] = [c.answer for c in calls.CALLS if c.name == name]
            found = filled(schema, who['scope'])
        answer: dict[str, Any] = found
        return answer


def filled(schema: Schema, scope: Mapping[str, str] | None) -> Any:
    """Something in every place; a secret in every text."""
    if 'oneOf' in schema:
        return filled(schema['oneOf'][0], scope)
    match schema['type']:
        case 'object':
            found = {
                name: filled(of, scope)
                for name, of in schema['properties'].items()
            }
            if 'project_id' in found:
                found['project_id'] = (scope or {}).get('project_id', THEIRS)
            return found
        case ['object', _]:
            return {'key': filled(schema['additionalProperties'], scope)}
        case 'array':
            rows = [filled(schema['items'], scope)]
            if isinstance(rows[0], dict) and 'project_id' in rows[0]:
                # A leader that does not do its part.
                rows.append(rows[0] | {'project_id': THEIRS})
            return rows
        case ['string', *_]:
            is_time = 'format' in schema
            return '2026-11-30T14:00:00Z' if is_time else SECRET
        case ['boolean', *_]:
            return True
    return 1


class ApiTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.leader = Leader()
        self.conf = self.configuration()
        self.app = app.build(self.conf, self.leader, login)
        self.client = testing.TestClient(self.app)

    def configuration(self, *lines: str) -> Any:
        [path] = self.create_tempfiles([('steal-api', '\n'.join(lines))])
        return options.load([f'--config-file={path}'], 'test')

    def ask(
        self, who: str | None, method: str, path: str, **more: Any
    ) -> testing.Result:
        headers = {'X-Auth-Token': who} if who else {}
        headers |= more.pop('headers', {})
        return self.client.simulate_request(
            method, path, headers=headers, **more
        )

    def ask_for(self, who: str | None, call: calls.Call) -> testing.Result:
        """A request that is right."""
        said = body(call)
        more = {} if said is None else {'json': said}
        return self.ask(who, *request(call), **more)

    def error(self, status: int, found: testing.Result) -> dict[str, Any]:
        """It is one, of the form that all have."""
        self.assertEqual(status, found.status_code, found.text)
        self.assertEqual('application/json', found.headers['content-type'])
        error: dict[str, Any] = found.json['error']
        self.assertEqual(status, error['code'])
        self.assertEqual(
            found.headers['x-openstack-request-id'], error['request_id']
        )
        return error


_VALUES: Mapping[str, Any] = {
    'server_id': SERVER_ID,
    'host': 'compute-1',
    'scope': 'zone',
    'name': 'az1',
    'reason': 'a new kernel',
    'approved': True,
    'since': '3600',
}


def request(call: calls.Call) -> tuple[str, str]:
    """Method and path, with the query that is needed."""
    path = call.path.format_map(_VALUES)
    query = {n: _VALUES[n] for n, needed in call.query.items() if needed}
    if 'scope' in query:
        query['name'] = _VALUES['name']
    if query:
        path += '?' + '&'.join(f'{n}={v}' for n, v in query.items())
    return call.method, path.replace(' ', '%20')


def body(call: calls.Call) -> dict[str, Any] | None:
    """What has to be in the body of one."""
    if call.body is None:
        return None
    names = [*call.body['required']]
    if 'scope' in names:
        names.append('name')
    return {name: _VALUES[name] for name in names}


def texts(found: Any, path: str = '') -> Iterator[str]:
    """Where something stands in an answer: ``servers.name``."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from texts(value, f'{path}.{name}'.lstrip('.'))
    elif isinstance(found, list):
        for value in found:
            yield from texts(value, path)
    elif found is not None:
        yield path
