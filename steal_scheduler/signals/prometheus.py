"""Signals out of a Prometheus, by four queries however large the cloud."""

import re
from collections.abc import Mapping
from typing import Any

from oslo_log import log as logging

from steal_scheduler.exception import ConfigError
from steal_scheduler.model import Signals
from steal_scheduler.signals import connection, prometheus_opts, series
from steal_scheduler.signals.base import SignalSource
from steal_scheduler.signals.presets import PRESETS, Preset, render
from steal_scheduler.signals.query import PrometheusApi
from steal_scheduler.signals.series import Losses, Sample

LOG = logging.getLogger(__name__)


class PrometheusSource(SignalSource):
    """Reads used and waited cores per server, and cores per host.

    Counters that start again (a server was restarted or moved) are
    Prometheus' business: its rate() takes a fall for a reset.

    NOTE: rate() divides by the whole window, also where a series covers
    only a part of it. So used and waited, and their sum, read low in the
    first window after a move. Their ratio, the steal, does not.
    """

    OPTS = (*connection.OPTS, *prometheus_opts.OPTS)

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        options = conf.prometheus
        self._preset = PRESETS[options.preset]
        self._api = PrometheusApi(options)
        self._names = _names(options, self._preset)
        #: PromQL by option. At most four, and that is what a read costs.
        self.promql = _promql(options, self._preset, self._names)
        #: Queries sent since the start, by option.
        self.queries = self._api.queries
        self._told: dict[str, frozenset[series.Lost]] = {}

    def read(self, now: float) -> Signals:
        judge = series.Judge(now, self.conf.prometheus.max_age)
        names = self._names
        cores = self._read('cores_query', names.host, judge)
        used = self._read('used_query', names.server, judge)
        waited = self._read('waited_query', names.server, judge)
        load = self._read('load_query', names.server, judge)
        servers, lost = series.join(used, waited, load, names)
        if not servers:
            raise self._api.error(
                'used_query and waited_query',
                f'no server is usable in both: {_sentence(lost)}',
                'Let both queries answer with the same labels.',
            )
        self._tell('servers', lost)
        return Signals(servers, series.capacities(cores), now)

    def _read(
        self, option: str, key: series.Key, judge: series.Judge
    ) -> Mapping[str, Sample]:
        if option not in self.promql:
            return {}
        samples = self._api.ask(option, self.promql[option])
        kept, lost = series.pick(samples, self._names, key, judge)
        # Load is a bonus: guests without an agent have none. Without the
        # others nothing is known, which must not look like nothing is wrong.
        if not kept and option != 'load_query':
            raise self._api.error(
                option,
                f'none of {len(samples)} series is usable: {_sentence(lost)}'
                if samples
                else 'no series answers',
                f'It needs {self._preset.needs}.'
                if option != 'cores_query'
                else 'It needs node_exporter on every hypervisor.',
            )
        self._tell(option, lost)
        return kept

    def _tell(self, what: str, lost: Losses) -> None:
        """Log what was left out, when the reasons change."""
        reasons = frozenset(lost)
        if reasons != self._told.get(what, frozenset()):
            LOG.info(
                'Left out of %s: %s', what, _sentence(lost) or 'nothing more'
            )
        elif reasons:
            LOG.debug('Left out of %s: %s', what, _sentence(lost))
        self._told[what] = reasons


def _sentence(lost: Losses) -> str:
    return ', '.join(f'{n} {why}' for why, n in lost.most_common())


def _names(options: Any, preset: Preset) -> series.Names:
    labels = {
        'server_label': options.server_label or preset.server_label,
        'host_label': options.host_label or preset.host_label,
    }
    for option, label in labels.items():
        if not re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', label):
            raise ConfigError(
                f'[prometheus] {option} = {label!r} is no name of a label. '
                'Use letters, digits and underscores.'
            )
    try:
        regex = re.compile(options.host_regex)
    except re.error as e:
        raise ConfigError(
            f'[prometheus] host_regex = {options.host_regex!r}: {e}. Use a '
            'Python regular expression with a group.'
        ) from e
    if not regex.groups:
        raise ConfigError(
            f'[prometheus] host_regex = {options.host_regex!r} has no group. '
            "Put Nova's name of the host in parentheses."
        )
    return series.Names(host_regex=regex, **labels)


def _promql(
    options: Any, preset: Preset, names: series.Names
) -> dict[str, str]:
    values = {
        'window': f'{options.window}s',
        'max_age': str(options.max_age),
        'server_label': names.server_label,
        'host_label': names.host_label,
    }
    templates = {
        'used_query': options.used_query or preset.used,
        'waited_query': options.waited_query or preset.waited,
        'load_query': options.load_query or preset.load,
        'cores_query': options.cores_query or preset.cores,
    }
    for option, template in templates.items():
        if not template and option != 'load_query':
            raise ConfigError(
                f'[prometheus] {option} is not set, and preset = '
                f'{options.preset} has none. Set it, or choose another '
                'preset.'
            )
    return {
        option: render(option, template, values)
        for option, template in templates.items()
        if template
    }
