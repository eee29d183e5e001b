"""Ask a Prometheus over HTTP; every failure says what to do about it."""

import collections
import json
import re
from typing import Any

import requests
import requests.auth
from oslo_log import log as logging

from steal_scheduler.exception import SignalError
from steal_scheduler.signals import connection, login, sample
from steal_scheduler.signals.keystone import Keystone

LOG = logging.getLogger(__name__)

_CURES = {
    400: 'Mend the query.',
    403: 'Give this user the right to query; of an Aetos, the role admin or '
    'service.',
    404: 'Check url: /api/v1/query is appended to it.',
    422: 'Mend the query, or the series: such that exist twice do not join.',
    503: 'Look at its load, shorten window, or raise timeout.',
}
#: The query is to blame, or its length.
_REFUSED = (400, 414, 422, 431)


class Refused(SignalError):
    """Prometheus answered, and it does not like the query."""


class PrometheusApi:
    """The one call that is made: an instant query."""

    def __init__(self, conf: Any) -> None:
        """Take the configuration; do no I/O.

        :raises ConfigError: an option is wrong
        """
        self._options = conf.prometheus
        connection.check(self._options)
        login.check(self._options)
        self._keystone = Keystone(conf) if self._options.auth_section else None
        self._url = self._options.url.rstrip('/') + '/api/v1/query'
        self._session = requests.Session()
        self._told: dict[str, list[str]] = {}
        #: Queries sent since the start, by the options that hold them.
        self.queries: collections.Counter[str] = collections.Counter()

    def ask(self, option: str, promql: str) -> list[sample.Sample]:
        """Ask one instant query.

        :param option: name of the option that holds it, for messages
        :raises Refused: the query is to blame
        :raises SignalError: no answer, or one that cannot be used
        """
        response = self._send(option, promql)
        if response.status_code == 401 and self._keystone is not None:
            # It has expired sooner than it said, or was revoked.
            self._keystone.renew()
            response = self._send(option, promql)
        # Not response.json() or .text: both may guess at the encoding, which
        # takes long for a large page of something else.
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {}
        status = response.status_code
        if status != 200 or body.get('status') != 'success':
            said = body.get('error') or response.content.decode(
                errors='replace'
            )
            raise self.error(
                option,
                f'answered {status} {response.reason}: {str(said)[:300]!r}',
                login.cure(self._options)
                if status == 401
                else _CURES.get(status)
                or 'Check url, and what answers there.',
                Refused if status in _REFUSED else SignalError,
            )
        self._tell(option, body.get('warnings') or [])
        try:
            return sample.vector(body.get('data'))
        except ValueError as e:
            raise self.error(
                option, f'answered {e}', _CURES[400], Refused
            ) from e

    def error(
        self,
        option: str,
        what: str,
        cure: str,
        kind: type[SignalError] = SignalError,
    ) -> SignalError:
        return kind(
            f'{self._options.url}: [prometheus] {option}: {what}. {cure}'
        )

    def _send(self, option: str, promql: str) -> requests.Response:
        timeout = self._options.timeout
        # Prometheus stops working on what nobody waits for.
        form = {'query': promql, 'timeout': f'{timeout}s'}
        auth = (
            self._keystone.auth()
            if self._keystone
            else login.auth(self._options)
        )
        self.queries[option] += 1
        try:
            return self._session.request(
                # Aetos knows no POST. Elsewhere it is better: a URL may be
                # too long.
                'GET' if self._keystone else 'POST',
                self._url,
                params=form if self._keystone else None,
                data=None if self._keystone else form,
                headers={'Accept': 'application/json'},
                timeout=timeout,
                auth=auth,
                # Given here, since REQUESTS_CA_BUNDLE beats a session's.
                verify=connection.verify(self._options),
                # A redirected POST becomes a GET without its query.
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as e:
            raise self.error(
                option, f'TLS failed: {_said(e)}', 'Check url and cafile.'
            ) from e
        except requests.exceptions.Timeout as e:
            raise self.error(
                option, f'no answer within {timeout} seconds', _CURES[503]
            ) from e
        # requests' own errors are OSErrors, and so is a missing cafile.
        except OSError as e:
            raise self.error(
                option,
                f'no answer: {_said(e)}',
                'Check url, and that it runs.',
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


def _said(error: Exception) -> str:
    """Its text without the query, which is long and stands in a URL."""
    return re.sub(r'\?query=\S*', '', str(error))
