"""Ask a Prometheus over HTTP; every failure says what to do about it."""

import collections
import json
from typing import Any

import requests
from oslo_log import log as logging

from steal_scheduler.exception import SignalError
from steal_scheduler.signals import connection, series

LOG = logging.getLogger(__name__)

_CURES = {
    400: 'Mend the query.',
    401: 'Check username and password, or token_file.',
    403: 'Give this user the right to query.',
    404: 'Check url: /api/v1/query is appended to it.',
    422: 'Mend the query, or the series: such that exist twice do not join.',
    503: 'Look at its load, shorten window, or raise timeout.',
}


class PrometheusApi:
    """The one call that is made: an instant query."""

    def __init__(self, options: Any) -> None:
        """Take the group of options; do no I/O.

        :raises ConfigError: an option is wrong
        """
        connection.check(options)
        self._options = options
        self._url = options.url.rstrip('/') + '/api/v1/query'
        self._session = requests.Session()
        self._told: dict[str, list[str]] = {}
        #: Queries sent since the start, by option.
        self.queries: collections.Counter[str] = collections.Counter()

    def ask(self, option: str, promql: str) -> list[series.Sample]:
        """Ask one instant query.

        :param option: name of the option that holds it, for messages
        :raises SignalError: no answer, or one that cannot be used
        """
        auth = connection.auth(self._options)
        response = self._send(option, promql, auth)
        # Not response.json() or .text: both may guess at the encoding, which
        # takes long for a large page of something else.
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {}
        if response.status_code != 200 or body.get('status') != 'success':
            said = body.get('error') or response.content.decode(
                errors='replace'
            )
            raise self.error(
                option,
                f'answered {response.status_code} {response.reason}: '
                f'{str(said)[:300]!r}',
                _CURES.get(response.status_code)
                or 'Check url, and what answers there.',
            )
        self._tell(option, body.get('warnings') or [])
        try:
            return series.vector(body.get('data'))
        except ValueError as e:
            raise self.error(option, f'answered {e}', _CURES[400]) from e

    def error(self, option: str, what: str, cure: str) -> SignalError:
        return SignalError(
            f'{self._options.url}: [prometheus] {option}: {what}. {cure}'
        )

    def _send(
        self, option: str, promql: str, auth: requests.auth.AuthBase | None
    ) -> requests.Response:
        timeout = self._options.timeout
        self.queries[option] += 1
        try:
            return self._session.post(
                self._url,
                # Prometheus stops working on what nobody waits for.
                data={'query': promql, 'timeout': f'{timeout}s'},
                timeout=timeout,
                auth=auth,
                # Given here, since REQUESTS_CA_BUNDLE beats a session's.
                verify=connection.verify(self._options),
                # A redirected POST becomes a GET without its query.
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as e:
            raise self.error(
                option, f'TLS failed: {e}', 'Check url and cafile.'
            ) from e
        except requests.exceptions.Timeout as e:
            raise self.error(
                option, f'no answer within {timeout} seconds', _CURES[503]
            ) from e
        # requests' own errors are OSErrors, and so is a missing cafile.
        except OSError as e:
            raise self.error(
                option, f'no answer: {e}', 'Check url, and that it runs.'
            ) from e

    def _tell(self, option: str, warnings: list[str]) -> None:
        """Log warnings when they change.

        A warning says that a part is missing (one of several stores did not
        answer). What was answered is true all the same; what is missing is
        absent, which means unknown, and the floor under the coverage keeps
        too small a part from passing as the whole.
        """
        if warnings and warnings != self._told.get(option):
            LOG.warning(
                '%s: [prometheus] %s: the answer may lack a part: %s',
                self._options.url,
                option,
                '; '.join(map(str, warnings)),
            )
        self._told[option] = warnings
