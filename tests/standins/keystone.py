"""A stand-in for Keystone: one user, tokens, a catalog, and discovery.

It is written by hand, after the reference of the identity API v3. No real
one holds it to that: a Keystone is a dependency of nothing here.
"""

import uuid
from typing import Any

from tests.standins.app import Answer, Request, StandIn, route

USER = 'monitor'
PASSWORD = 'hush-hush'
PROJECT = 'service'


class Keystone(StandIn):
    """The identity API is below ``/v3``."""

    def __init__(self) -> None:
        super().__init__()
        #: Those that were given out.
        self.tokens: list[str] = []
        #: URLs of the public endpoints in the region r, by service type.
        self.catalog: dict[str, str] = {}

    @route('GET', '/v3')
    def _version(self, request: Request) -> Answer:
        href = f'http://{request.headers["host"]}/v3'
        links = [{'rel': 'self', 'href': href}]
        version = {'id': 'v3.14', 'status': 'stable', 'links': links}
        return 200, {'version': version}

    @route('POST', '/v3/auth/tokens')
    def _log_in(self, request: Request) -> Answer:
        auth = request.json['auth']
        user = auth['identity']['password']['user']
        if (user['name'], user['password'], auth['scope']['project']) != (
            USER,
            PASSWORD,
            {'name': PROJECT, 'domain': {'id': 'default'}},
        ):
            error = {'code': 401, 'message': 'The request requires a log-in.'}
            return 401, {'error': error}
        self.tokens.append(uuid.uuid4().hex)
        token = {
            'methods': ['password'],
            'expires_at': '2999-01-01T00:00:00.000000Z',
            'issued_at': '2026-01-01T00:00:00.000000Z',
            'user': {'id': 'u', 'name': USER, 'domain': {'id': 'default'}},
            'catalog': [_service(*each) for each in self.catalog.items()],
        }
        return 201, {'token': token}, {'X-Subject-Token': self.tokens[-1]}


def login(url: str) -> dict[str, str]:
    """The options of keystoneauth with which the user logs in.

    :param url: where the stand-in is
    """
    return {
        'auth_type': 'password',
        'auth_url': f'{url}/v3',
        'username': USER,
        'password': PASSWORD,
        'project_name': PROJECT,
        'user_domain_id': 'default',
        'project_domain_id': 'default',
    }


def _service(name: str, url: str) -> dict[str, Any]:
    where = {'interface': 'public', 'region_id': 'r', 'region': 'r'}
    return {'type': name, 'endpoints': [{**where, 'id': 'e', 'url': url}]}
