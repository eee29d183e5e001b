"""Nova's API as one user calls it, over HTTP."""

from __future__ import annotations

from typing import Any

import requests

from steal_scheduler.demo import users

# The newest that Nova 33 knows. Ours needs 2.74 to boot on a given host.
MICROVERSION = '2.100'
_TIMEOUT = 60.0


class ApiError(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f'HTTP {status}: {text}')
        self.status = status


class Api:
    """Call Nova as a user; log in at the first call."""

    def __init__(self, url: str, user: users.User = users.ADMIN) -> None:
        """Be a client of the cloud at url. Nothing is sent yet."""
        self._url = url
        self._user = user
        self._session = requests.Session()
        # Neither proxies nor .netrc: both are looked up at each request.
        self._session.trust_env = False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON body of the answer, or None if there is none.

        Path is below ``/v2.1``. Raises ApiError for a status from 400 on, and
        requests.RequestException if there is no answer.
        """
        if 'X-Auth-Token' not in self._session.headers:
            self._session.headers['X-Auth-Token'] = self._log_in()
        response = self._session.request(
            method,
            f'{self._url}/compute/v2.1{path}',
            json=body,
            headers={'OpenStack-API-Version': f'compute {MICROVERSION}'},
            timeout=_TIMEOUT,
        )
        if not response.ok:
            raise ApiError(response.status_code, response.text)
        return response.json() if response.content else None

    def _log_in(self) -> str:
        domain = {'id': users.DOMAIN['id']}
        user = {'name': self._user.name, 'password': self._user.password}
        project = {'name': self._user.project, 'domain': domain}
        auth: Any = {
            'identity': {
                'methods': ['password'],
                'password': {'user': user | {'domain': domain}},
            },
            'scope': {'project': project},
        }
        response = self._session.post(
            f'{self._url}/identity/v3/auth/tokens',
            json={'auth': auth},
            timeout=_TIMEOUT,
        )
        if not response.ok:
            raise ApiError(response.status_code, response.text)
        return response.headers['X-Subject-Token']
