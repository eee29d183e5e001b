"""What servers used while they did not wait, of those that may wait now.

Nobody needs it of the others, and of 100,000 servers it would be millions of
samples. So it is asked for by their ids, some at a time, and again when there
may be more to tell. Where it is recorded, Prometheus has little to do.
"""

import collections
import logging as levels
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from oslo_log import log as logging

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.demand import CALM, STEP, History
from steal_scheduler.signals.prometheus import preset_file
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.labels import Label
from steal_scheduler.signals.prometheus.parse import MOST_CORES

LOG = logging.getLogger(__name__)

#: Servers for each query: their ids stand in its URL, thrice, and web servers
#: take 8 KiB. Four hours of them are 150,000 samples, if they are scraped
#: every 15 s.
AT_A_TIME = 40
#: Servers for each reading; those of the hosts that wait most come first.
MOST = 200
#: An id that is one in a regular expression, too.
_PLAIN = re.compile(r'[\w-]+', re.ASCII)


class Histories:
    """Asks for them, and keeps them for as long as they are new."""

    def __init__(
        self,
        client: PrometheusClient,
        queries: Mapping[str, str],
        label: Label | None,
    ) -> None:
        """:param queries: PromQL with $servers in it, by the key of a preset

        :param label: that holds the id of a server
        """
        self._client = client
        self._queries = [
            queries[k] for k in preset_file.HISTORY if k in queries
        ]
        self._label = label
        #: By server id: when it was asked for, and what was told.
        self._known: dict[str, tuple[float, History]] = {}
        self._failing = ''

    def read(
        self, servers: Mapping[str, ServerSignal], now: float
    ) -> dict[str, History]:
        """Those of the servers whose host waits now, as far as they are known.

        What fails costs nothing else: it is said once, and what is known
        stays.
        """
        if not self._queries or self._label is None:
            return {}
        # In this order, and of 10,000 each is looked for.
        wanted = dict.fromkeys(suspects(servers.values()))
        self._known = {s: k for s, k in self._known.items() if s in wanted}
        old = [s for s in wanted if now - self._asked_at(s) >= STEP]
        try:
            for n in range(0, min(len(old), MOST), AT_A_TIME):
                self._ask(old[n : n + AT_A_TIME], now)
        except SignalError as error:
            self._warn(error)
        else:
            self._failing = ''
        return {s: history for s, (_, history) in self._known.items()}

    def _asked_at(self, server_id: str) -> float:
        asked_at, _ = self._known.get(server_id, (-math.inf, None))
        return asked_at

    def _ask(self, server_ids: Sequence[str], now: float) -> None:
        found: dict[str, History] = {}
        for query in self._queries:
            promql = query.replace('$servers', '|'.join(server_ids))
            told = self._client.ranges(preset_file.HISTORY[-1], promql)
            found = self._read(told, set(server_ids))
            if found:
                break
        for server_id in server_ids:
            self._known[server_id] = now, found.get(server_id, History())

    def _read(
        self, told: Sequence[Mapping[str, object]], asked: Collection[str]
    ) -> dict[str, History]:
        """By server id; of one that has moved several series may tell."""
        found = collections.defaultdict[str, list[float]](list)
        for series in told:
            server_id = self._label.read(series) if self._label else ''
            if server_id in asked:
                found[str(server_id)] += _numbers(series.get('values'))
        return {s: History(tuple(cores)) for s, cores in found.items()}

    def _warn(self, error: SignalError) -> None:
        """Say it once, until it is answered again."""
        level = levels.DEBUG if self._failing else levels.WARNING
        self._failing = said = one_line(error, 1000)
        LOG.log(level, 'What servers used before is not known: %s', said)


def suspects(servers: Collection[ServerSignal]) -> Iterator[str]:
    """Ids of all servers of the hosts that wait, those that do most first.

    For example of a host whose servers used 15 cores and waited for 1.
    """
    here = collections.defaultdict[str | None, list[ServerSignal]](list)
    for server in servers:
        here[server.host].append(server)
    waiting = []
    for host, there in here.items():
        waited = sum(server.contention for server in there)
        if waited > CALM * sum(server.asked for server in there):
            waiting.append((-waited, host or ''))
    for _, host in sorted(waiting):
        for server in here[host or None]:
            if _PLAIN.fullmatch(server.server_id):
                yield server.server_id


def _numbers(values: object) -> Iterator[float]:
    """Cores, without what cannot be."""
    for pair in values if isinstance(values, list) else ():
        try:
            _, value = map(float, pair)
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 <= value <= MOST_CORES:
            yield value
