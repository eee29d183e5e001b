"""How often Prometheus scrapes what is asked for, and the window for that.

A rate needs two samples in its range. Four scrape intervals hold two also
where a scrape fails while the last one is being stored. That is the custom of
Prometheus (Robust Perception, "What range should I use with rate()?") and of
Grafana's ``$__rate_interval``. A scrape interval of 60 s, which is Prometheus'
default and kolla-ansible's, thus wants a window of 240 s.

The samples themselves tell the interval. Nothing else does so everywhere:
Thanos, Mimir and Aetos have no targets and no configuration.

It is what half of the targets show at least, each counted once. One whose
scrapes fail has fewer samples, and a tenant can let those of his guests fail:
that costs these guests, and stretches the window of nobody.
"""

import dataclasses
import itertools
import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_log import log as logging

from steal_scheduler.exception import SignalError
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.drops import DropReason, Drops
from steal_scheduler.signals.prometheus.labels import Series
from steal_scheduler.signals.prometheus.parse import Subject
from steal_scheduler.signals.prometheus.preset import Preset

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
class Asked:
    """A metric and its matchers, and the label that names its targets."""

    metric: str
    matchers: str
    label: str


@dataclasses.dataclass(frozen=True, slots=True)
class Scraped:
    """How often a metric is, judged by one of its series."""

    metric: str
    #: Seconds; None where there are not two samples.
    interval: float | None
    #: Samples in LOOK_BACK, by target.
    counts: Mapping[str, float]

    @property
    def window(self) -> float:
        """The window that suits it."""
        return min(max(LEAST, INTERVALS * (self.interval or 0.0)), MOST)

    def seldom(self, window: float) -> Drops:
        """Targets that have not two samples in such a window, on average."""
        drops = Drops()
        for name, count in self.counts.items():
            if count * window < 2 * LOOK_BACK:
                drops.add(DropReason.SELDOM, name)
        return drops


class Window:
    """The seconds over which rates are taken."""

    def __init__(
        self, conf: Any, client: PrometheusClient, preset: Preset
    ) -> None:
        self._client = client
        self._max_age = conf.signals.max_age
        #: What rates are taken of, by the metric's name.
        self._ranges = {
            name: [
                Asked(metric, matchers, _target(name, preset))
                for metric, matchers in _RANGE.findall(promql)
            ]
            for name, promql in preset.queries.items()
        }
        #: As the option; None where it is to suit the scrape interval.
        self._fixed: float | None = conf.prometheus.window
        #: As last told; and of them the slowest.
        self._known: dict[Asked, Scraped] = {}
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
        firsts: dict[str, Asked] = {}
        for name, ranges in self._ranges.items():
            for asked in ranges:
                firsts.setdefault(name.partition('.')[0], asked)
        for subject, asked in firsts.items():
            try:
                scraped = self._ask(asked)
            except SignalError as error:
                # What a guest tells may cost no host.
                LOG.debug('The scrape interval is not known: %s', error)
                continue
            if scraped is None or not scraped.interval:
                continue
            # Guests that would be too old anyway slow no host down.
            besides = subject == Subject.GUESTS and Subject.SERVERS in firsts
            if not besides or scraped.interval < self._max_age:
                self._known[asked] = scraped
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

    def seldom(self) -> Mapping[str, Drops]:
        """By what was asked, the targets that are too slow for the window."""
        return {
            f'{asked.metric}{asked.matchers}': one.seldom(self.seconds)
            for asked, one in self._known.items()
        }

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
        for asked in self._ranges[name]:
            scraped = self._ask(asked)
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

    def _ask(self, asked: Asked) -> Scraped | None:
        """Look at one series of the median target; None without any."""
        found = self._client.ask(
            WHAT,
            f'topk by ({asked.label}) (1, count_over_time('
            f'{asked.metric}{asked.matchers}[{LOOK_BACK}s]))',
        )
        # Their number can be asked for of all at once, and says who is in the
        # middle; but 10 in 600 s may be 60 s apart, or 66.
        targets = sorted(found, key=_count, reverse=True)
        if not targets:
            return None
        median = targets[(len(targets) - 1) // 2]
        samples = self._client.times(
            WHAT, f'{asked.metric}{{{_exactly(median)}}}[{LOOK_BACK}s]'
        )
        times = max(samples, key=len, default=[])
        gaps = [b - a for a, b in itertools.pairwise(times) if b > a]
        interval = round(statistics.median(gaps), 1) if gaps else None
        counts = {
            str(one['metric'].get(asked.label, '')): _count(one)
            for one in targets
        }
        return Scraped(asked.metric, interval, counts)


def _target(name: str, preset: Preset) -> str:
    """The label that names who is scraped for this metric."""
    guests = name.startswith(f'{Subject.GUESTS}.')
    return preset.labels[Subject.GUESTS if guests else Subject.HOSTS].name


def _count(series: Series) -> float:
    """The value of a series; 0 where it has none."""
    value: Sequence[Any] = series.get('value', ())
    try:
        count = float(value[1])
    except (LookupError, TypeError, ValueError, OverflowError):
        return 0.0
    return count if math.isfinite(count) else 0.0


def _exactly(series: Series) -> str:
    """Matchers of this series alone.

    Those of a label that it lacks would be met as well.
    """
    return ', '.join(
        # Prometheus 3 takes labels of any name.
        f'{name if _PLAIN.fullmatch(name) else json.dumps(name)}'
        f'={json.dumps(str(value), ensure_ascii=False)}'
        for name, value in series['metric'].items()
        if name != '__name__'
    )
