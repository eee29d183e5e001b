"""A stand-in for Keystone: passwords, tokens and a catalog.

Every OpenStack client begins with Keystone, so the demo needs one that any of
them accepts. A real Keystone would bring a database, key repositories and
some 60 packages, to hand out tokens to five users.
"""

from __future__ import annotations

import urllib.parse
import uuid
from collections.abc import Iterable
from typing import Any

from steal_scheduler.demo import catalog, directory, http, users


class Identity:
    """The identity API (a WSGI app), and the guard of the other ones."""

    def __init__(self, url: str) -> None:
        """Serve the cloud at url, for example ``http://127.0.0.1:8000``."""
        self._url = url
        self._tokens: dict[str, users.User] = {}
        self._known = directory.collections(url)

    def issue(self, user: users.User) -> str:
        """A new token of the user, good for as long as the cloud is up."""
        token = uuid.uuid4().hex
        self._tokens[token] = user
        return token

    def guard(self, app: http.App, *public: str) -> http.App:
        """Let only requests with a token reach app, and say whose they are.

        Paths in public need no token ('' is the root of the app). The app
        gets the headers that keystonemiddleware would set.
        """

        def guarded(
            environ: http.Environ, start_response: http.StartResponse
        ) -> Iterable[bytes]:
            if environ['PATH_INFO'].strip('/') in public:
                return app(environ, start_response)
            user = self._tokens.get(environ.get('HTTP_X_AUTH_TOKEN', ''))
            if user is None:
                return self._unauthorized(start_response)
            environ.update(
                HTTP_X_IDENTITY_STATUS='Confirmed',
                HTTP_X_USER_ID=user.id,
                HTTP_X_USER_NAME=user.name,
                HTTP_X_USER_DOMAIN_ID=users.DOMAIN['id'],
                HTTP_X_PROJECT_ID=user.project_id,
                HTTP_X_PROJECT_NAME=user.project,
                HTTP_X_PROJECT_DOMAIN_ID=users.DOMAIN['id'],
                HTTP_X_ROLES=','.join(user.roles),
            )
            return app(environ, start_response)

        return guarded

    def guard_placement(self, app: http.App) -> http.App:
        """As `guard`, for Placement without authentication of its own.

        It believes the token: ``admin`` is an admin, all else is nobody.
        """

        def translated(
            environ: http.Environ, start_response: http.StartResponse
        ) -> Iterable[bytes]:
            is_admin = 'admin' in environ['HTTP_X_ROLES'].split(',')
            environ['HTTP_X_AUTH_TOKEN'] = 'admin' if is_admin else 'nobody'
            return app(environ, start_response)

        return self.guard(translated)

    def __call__(
        self, environ: http.Environ, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        """Answer discovery and log-in to all, the rest to those logged in."""
        version = catalog.version(self._url)
        path = environ['PATH_INFO'].strip('/')
        match environ['REQUEST_METHOD'], path:
            case 'GET', '':
                body: Any = {'versions': {'values': [version]}}
                status = '300 Multiple Choices'
                return http.reply(start_response, body, status)
            case 'GET', 'v3':
                return http.reply(start_response, {'version': version})
            case 'POST', 'v3/auth/tokens':
                return self._log_in(environ, start_response)
        return self.guard(self._look_up)(environ, start_response)

    def _log_in(
        self, environ: http.Environ, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        try:
            user = self._authenticate(http.read_json(environ)['auth'])
        except (ValueError, KeyError, TypeError):
            error = {'error': {'code': 400, 'message': 'Malformed request'}}
            return http.reply(start_response, error, '400 Bad Request')
        if user is None:
            return self._unauthorized(start_response)
        return http.reply(
            start_response,
            {'token': catalog.token(self._url, user)},
            '201 Created',
            [('X-Subject-Token', self.issue(user))],
        )

    def _authenticate(self, auth: dict[str, Any]) -> users.User | None:
        """Whose credentials these are. Raises KeyError or TypeError."""
        identity = auth['identity']
        if 'token' in identity['methods']:
            user = self._tokens.get(identity['token']['id'])
        else:
            user = users.authenticate(identity['password']['user'])
        project = auth.get('scope', {}).get('project', {})
        return users.enter(user, project) if user else None

    def _look_up(
        self, environ: http.Environ, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        """Tokens for services that check them; names for the CLI."""
        query = dict(urllib.parse.parse_qsl(environ.get('QUERY_STRING', '')))
        parts = environ['PATH_INFO'].strip('/').split('/')
        subject = self._tokens.get(environ.get('HTTP_X_SUBJECT_TOKEN', ''))
        body: Any = None
        match environ['REQUEST_METHOD'], parts[1:]:
            case 'GET', ['auth', 'tokens'] if subject:
                body = {'token': catalog.token(self._url, subject)}
            case 'GET', [kind] if kind in self._known:
                found = directory.select(self._known[kind], query)
                body = {kind: found, 'links': {}}
            case 'GET', [kind, id_] if kind in self._known:
                for entry in self._known[kind]:
                    if entry.get('id') == id_:
                        body = {kind.removesuffix('s'): entry}
            case 'GET', _:
                pass
            case method, _:
                text = f'The Keystone of the demo takes no {method}.'
                error = {'error': {'code': 501, 'message': text}}
                status = '501 Not Implemented'
                return http.reply(start_response, error, status)
        if body is None:
            text = f'{"/".join(parts)} is not in the Keystone of the demo.'
            error = {'error': {'code': 404, 'message': text}}
            return http.reply(start_response, error, '404 Not Found')
        return http.reply(start_response, body)

    def _unauthorized(
        self, start_response: http.StartResponse
    ) -> Iterable[bytes]:
        error = {'error': {'code': 401, 'message': 'Not authenticated'}}
        where = f"Keystone uri='{self._url}/identity'"
        headers = [('WWW-Authenticate', where)]
        return http.reply(start_response, error, '401 Unauthorized', headers)
