"""How often Prometheus scrapes what is asked for, and the window for that.

A rate needs two samples in its range. Four scrape intervals hold two also
where a scrape fails while the last one is being stored. That is the custom of
Prometheus (Robust Perception, "What range should I use with rate()?") and of
Grafana's ``$__rate_interval``. A scrape interval of 60 s, which is Prometheus'
default and kolla-ansible's, thus wants a window of 240 s.

The samples themselves tell the interval. Nothing else does so everywhere:
Thanos, Mimir and Aetos have no targets and no configuration.
"""

import dataclasses
import itertools
import json
import re
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from oslo_log import log as logging

from steal_scheduler.exception import SignalError
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.parse import Subject

LOG = logging.getLogger(__name__)

#: In messages.
WHAT = 'scrape interval'
INTERVALS = 4
#: Seconds. What happens in one of them is counted by exporters that look each
#: second; a shorter window would only be noise.
LEAST = 60.0
MOST = 3600.0
#: Seconds in which samples are looked at, and after which they are again.
LOOK_BACK = 600
#: The range of a rate: a metric and its matchers.
_RANGE = re.compile(r'([A-Za-z_:][\w:]*)\s*(\{[^{}]*\})\s*\[\$window\]')

#: A label's name that needs no quotes.
_PLAIN = re.compile(r'[A-Za-z_]\w*', re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Scraped:
    """How often a metric is, judged by one of its series."""

    metric: str
    #: Seconds; None where there are not two samples.
    interval: float | None

    @property
    def window(self) -> float:
        """The window that suits it."""
        return min(max(LEAST, INTERVALS * (self.interval or 0.0)), MOST)


class Window:
    """The seconds over which rates are taken."""

    def __init__(
        self, conf: Any, client: PrometheusClient, queries: Mapping[str, str]
    ) -> None:
        """:param queries: PromQL by the metric's name, with $window in it"""
        self._client = client
        self._queries = queries
        self._max_age = conf.signals.max_age
        #: As the option; None where it is to suit the scrape interval.
        self._fixed: float | None = conf.prometheus.window
        #: By metric and matchers, as last told; and of them the slowest.
        self._known: dict[tuple[str, str], Scraped] = {}
        self._scraped: Scraped | None = None
        self._read_at = 0.0
        self.seconds = float(self._fixed or LEAST)

    def read(self, now: float) -> None:
        """Look how often is scraped what rates are taken of.

        What cannot be told stays as it was told last.
        """
        if self._scraped and 0 <= now - self._read_at < LOOK_BACK:
            return
        self._read_at = now
        firsts: dict[str, tuple[str, str]] = {}
        for name, promql in self._queries.items():
            for found in _ranges(promql):
                firsts.setdefault(name.partition('.')[0], found)
        for subject, found in firsts.items():
            try:
                scraped = self._ask(found)
            except SignalError as error:
                # What a guest tells may cost no host.
                LOG.debug('The scrape interval is not known: %s', error)
                continue
            if scraped is None or not scraped.interval:
                continue
            # A guest that would be too old anyway slows no host down.
            besides = subject == Subject.GUESTS and Subject.SERVERS in firsts
            if not besides or scraped.interval < self._max_age:
                self._known[found] = scraped
        if not self._known:
            return
        self._scraped = max(
            self._known.values(), key=lambda one: one.interval or 0.0
        )
        if self._fixed is None and self._scraped.window != self.seconds:
            self.seconds = self._scraped.window
            LOG.info(
                '%s is scraped every %g seconds: rates are taken over %g '
                'seconds',
                self._scraped.metric,
                self._scraped.interval,
                self.seconds,
            )

    def advice(self) -> Iterable[str]:
        """What a person should change, a sentence each."""
        scraped = self._scraped
        if scraped is None or not scraped.interval:
            return
        if self.seconds < INTERVALS * scraped.interval:
            yield self._too_short(scraped)
        if scraped.interval >= self._max_age:
            yield (
                f'{scraped.metric} is scraped every {scraped.interval:g} '
                f'seconds, and [signals] max_age = {self._max_age:g} seconds '
                'is not more: what is known is too old before the next '
                f'scrape. Set max_age to {2 * scraped.interval:g} or more'
            )

    def why_silent(self, name: str) -> str:
        """Why a query answers nothing; '' where it is not the interval.

        :raises SignalError: Prometheus does not tell
        """
        for found in _ranges(self._queries[name]):
            scraped = self._ask(found)
            if scraped is None:
                continue
            if scraped.interval is None:
                return (
                    f'{scraped.metric} has fewer than two samples in the last '
                    f'{LOOK_BACK} seconds, and a rate needs two: wait for the '
                    'next scrape, or scrape more often than every '
                    f'{LOOK_BACK // INTERVALS} seconds'
                )
            if self.seconds < INTERVALS * scraped.interval:
                return self._too_short(scraped)
        # Or they are too old.
        return next(iter(self.advice()), '')

    def _too_short(self, scraped: Scraped) -> str:
        return (
            f'{scraped.metric} is scraped every {scraped.interval:g} seconds, '
            f'and [prometheus] window = {self.seconds:g} seconds is less than '
            f'{INTERVALS} scrape intervals: a rate needs two samples, also '
            'where a scrape fails. Unset window, or set it to '
            f'{INTERVALS * (scraped.interval or 0):g} or more'
        )

    def _ask(self, found: tuple[str, str]) -> Scraped | None:
        """Look at one series; None where there is none.

        The one that has counted most has been there for long.
        """
        metric, matchers = found
        series = self._client.ask(WHAT, f'topk(1, {metric}{matchers})')
        if not series:
            return None
        # Matchers of a label that the series lacks would be met as well.
        exact = ', '.join(
            # Prometheus 3 takes labels of any name.
            f'{name if _PLAIN.fullmatch(name) else json.dumps(name)}'
            f'={json.dumps(str(value), ensure_ascii=False)}'
            for name, value in series[0]['metric'].items()
            if name != '__name__'
        )
        samples = self._client.times(
            WHAT, f'{metric}{{{exact}}}[{LOOK_BACK}s]'
        )
        times = max(samples, key=len, default=[])
        gaps = [b - a for a, b in itertools.pairwise(times) if b > a]
        interval = round(statistics.median(gaps), 1) if gaps else None
        return Scraped(metric, interval)


def _ranges(promql: str) -> list[tuple[str, str]]:
    """Metrics and matchers of which a query takes rates."""
    return _RANGE.findall(promql)
