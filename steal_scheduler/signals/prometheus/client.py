"""Ask a Prometheus over HTTP; every failure says what to do about it."""

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from keystoneauth1 import exceptions, http_basic
from keystoneauth1.identity.base import BaseIdentityPlugin
from oslo_log import log as logging

from steal_scheduler.edge import (
    checks,
    keystone,
    secret_file,
    sense,
    text,
)
from steal_scheduler.exception import ConfigError, SignalError
from steal_scheduler.signals.prometheus import parse
from steal_scheduler.signals.prometheus.labels import Series

LOG = logging.getLogger(__name__)

_T = TypeVar('_T')

GROUP = 'prometheus'
#: A whole reading may take so many times as long as one answer.
PATIENCE = 3

_CURES = {
    400: 'Correct the query.',
    403: 'Give this user the right to query; of an Aetos, the role admin or '
    'service.',
    404: 'Check url: /api/v1/query is appended to it.',
    414: 'Shorten the query, or let the web server before it take longer '
    'URLs.',
    422: 'Correct the query, or the series: such that exist twice do not '
    'join.',
    503: 'Look at its load, shorten window, or raise timeout.',
}


class PrometheusClient:
    """The one call that is made: an instant query.

    Who we are to Prometheus says keystoneauth's log-in, or a token of a file.
    """

    def __init__(self, conf: Any) -> None:
        """Take the configuration; do no I/O.

        :raises ConfigError: an option is wrong, or two contradict each other
        """
        self._options = options = conf[GROUP]
        _check_url(options.url)
        checks.check_trust(GROUP, options)
        self._url = options.url.rstrip('/') + '/api/v1/query'
        #: Whose options say how to log in.
        self._section = section = options.auth_section or GROUP
        self._auth = auth = keystone.load_auth(
            conf, GROUP, needed=bool(options.auth_section)
        )
        if isinstance(auth, http_basic.HTTPBasicAuth) and (
            not auth.username or auth.password is None
        ):
            raise ConfigError(
                f'[{section}] auth_type = http_basic: username or password '
                'is not set. Set both.'
            )
        if auth is not None and options.token_file:
            raise ConfigError(
                f'[prometheus] token_file = {options.token_file} and '
                f'[{section}] auth_type exclude each other. Unset one.'
            )
        # As an Aetos wants it.
        self._at_keystone = isinstance(auth, BaseIdentityPlugin)
        # It logs in when it is first used.
        self.session = keystone.load_session(conf, GROUP, auth)
        # It also stands where requests would put what a .netrc says.
        self.session.session.auth = self._show_token
        self._warned: dict[str, list[str]] = {}
        self._ends_at = 0.0
        #: Of what time an answer tells, as a parameter.
        self._at: dict[str, str] = {}

    def begin(self, at: float | None = None) -> None:
        """Begin a reading, which ends in time however slow Prometheus is.

        :param at: epoch seconds of which it is to tell; None for now
        """
        self._ends_at = time.monotonic() + PATIENCE * self._options.timeout
        self._at = {} if at is None else {'time': f'{at:.3f}'}

    def ask(self, name: str, promql: str) -> list[Series]:
        """Ask one instant query.

        :param name: of the metric, for messages
        :raises SignalError: no answer, or one that cannot be used
        """
        return self._ask(name, promql, parse.vector)

    def ranges(self, name: str, promql: str) -> list[Series]:
        """Ask for a range, or a subquery: series with their ``values``.

        :raises SignalError: as in ``ask``
        """
        return self._ask(name, promql, parse.ranges)

    def times(self, name: str, promql: str) -> list[list[float]]:
        """Ask for a range, such as ``up[60s]``: when each series has samples.

        :raises SignalError: as in ``ask``
        """
        return self._ask(name, promql, parse.matrix)

    def _ask(self, name: str, promql: str, read: Callable[[Any], _T]) -> _T:
        """The ``data`` of the answer, taken apart.

        :raises SignalError: no answer, or one that cannot be used
        """
        if time.monotonic() > self._ends_at:
            raise self.error(
                name,
                f'not sent, since this reading took more than {PATIENCE} '
                f'times timeout = {self._options.timeout} seconds',
                _CURES[503],
            )
        response = self._send(name, promql)
        if response.status_code == 401 and self._at_keystone:
            # The token has expired sooner than it said, or was revoked.
            self._auth.invalidate()
            response = self._send(name, promql)
        # Not response.json() or .text: both may guess at the encoding, which
        # takes long for a large page of something else.
        body = text.json_object(response.content)
        status = response.status_code
        if status != 200 or body.get('status') != 'success':
            cures = _CURES | {401: self._cure_of_401()}
            said = body.get('error') or response.content.decode(
                errors='replace'
            )
            raise self.error(
                name,
                f'answered {status} {response.reason}: {str(said)[:300]!r}',
                cures.get(status, 'Check url, and what answers there.'),
            )
        self._warn(name, body.get('warnings') or [])
        try:
            return read(body.get('data'))
        except ValueError as e:
            raise self.error(name, f'answered {e}', _CURES[400]) from e

    def error(self, name: str, what: str, cure: str) -> SignalError:
        return SignalError(
            f'{self._options.url}: [prometheus] preset = '
            f'{self._options.preset}, query {name}: '
            f'{text.one_line(what, 600)}. {cure}'
        )

    def _send(self, name: str, promql: str) -> requests.Response:
        timeout = self._options.timeout
        self._log_in()
        try:
            response: requests.Response = self.session.request(
                self._url,
                # Aetos knows no POST.
                'GET',
                # Prometheus stops working on what nobody waits for.
                params={'query': promql, 'timeout': f'{timeout}s'} | self._at,
                headers={'Accept': 'application/json'},
                raise_exc=False,
                allow_reauth=False,
                # Or the token would go wherever an answer points to.
                redirect=False,
                # An answer is as large as the cloud.
                log=False,
            )
            return response
        except secret_file.UnusableFile as e:
            raise SignalError(
                f'[prometheus] token_file = {e}. Give a file that holds one '
                'token and that this service may read.'
            ) from e
        except exceptions.ConnectTimeout as e:
            raise self.error(
                name, f'no answer within {timeout} seconds', _CURES[503]
            ) from e
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as e:
            # The query is long, and stands in the URL.
            said = re.sub(r'\?query=\S*', '', str(e))
            tls = isinstance(e, exceptions.SSLError)
            raise self.error(
                name,
                f'{"TLS failed" if tls else "no answer"}: {said}',
                'Check url and [prometheus] cafile, and that it runs.',
            ) from e

    def _warn(self, name: str, warnings: list[str]) -> None:
        """Log warnings when they change.

        A warning says that a part is missing (one of several stores did not
        answer). What was answered is true all the same; what is missing is
        absent, which means unknown, and the floor under the coverage keeps
        too small a part from passing as the whole.
        """
        if warnings and warnings != self._warned.get(name):
            LOG.warning(
                'The answer of Prometheus %s to query %s may lack a part: %s',
                self._options.url,
                name,
                text.one_line('; '.join(map(str, warnings)), 600),
            )
        self._warned[name] = warnings

    def _show_token(
        self, request: requests.PreparedRequest
    ) -> requests.PreparedRequest:
        """Add the token of the file, which is read anew each time."""
        if path := self._options.token_file:
            token = secret_file.read_token(path)
            request.headers['Authorization'] = f'Bearer {token}'
        return request

    def _log_in(self) -> None:
        """Get a token of Keystone, unless there is one that still holds.

        :raises SignalError: Keystone does not let us in
        """
        where = f'[{self._section}] auth_url'
        try:
            if self._at_keystone:
                self.session.get_auth_headers()
        except exceptions.Unauthorized as e:
            raise SignalError(
                f'{where}: {keystone.refused(self._section, e)}'
            ) from e
        # A missing cafile is an OSError.
        except (exceptions.ClientException, OSError) as e:
            raise SignalError(
                f'{where}: Keystone does not answer: {e}. Check auth_url and '
                '[prometheus] cafile, and that Keystone runs.'
            ) from e
        except sense.NONSENSE as e:
            raise SignalError(f'{where}: {keystone.nonsense(e)}') from e

    def _cure_of_401(self) -> str:
        if self._options.token_file:
            return 'Check the token in [prometheus] token_file.'
        if self._at_keystone:
            return (
                f"Check the user of [{self._section}], and Aetos' "
                '[keystone_authtoken]: both must know the same Keystone.'
            )
        if self._auth is not None:
            return f'Check username and password of [{self._section}].'
        return (
            'Set [prometheus] auth_type = http_basic with username and '
            'password, or token_file.'
        )

    def cure_of_silence(self, needs: str | None) -> str:
        """What to do when no series answers.

        :param needs: what must run, where the preset says it
        """
        cure = 'Look whether the series that it asks for exist'
        if needs:
            cure = f'What it needs: {needs}'
        if selector := self._options.selector:
            cure += f'; [prometheus] selector = {selector} must select them'
        # Aetos hides what a user may not see, and says nothing.
        if self._at_keystone:
            user = f'the user of [{self._section}]'
            cure += f'; {user} in the role admin or service'
        return f'{cure}.'


def _check_url(said: str) -> None:
    url = checks.http_url(said)
    if url is None or url.query:
        shown = checks.without_password(said)
        raise ConfigError(
            f'[prometheus] url = {shown!r} is no address of a server. Use, '
            'for example, http://127.0.0.1:9090: no user and password, which '
            'would be logged (set auth_type = http_basic, username and '
            'password), no query, fragment or space.'
        )
