"""Signals out of a Prometheus, by three queries however large the cloud."""

from typing import Any

from oslo_log import log as logging

from steal_scheduler.model.cloud import Signals
from steal_scheduler.signals import (
    assemble,
    connection,
    guest_opts,
    login,
    names,
    prometheus_opts,
    promql,
    query_opts,
    series,
)
from steal_scheduler.signals.base import SignalSource
from steal_scheduler.signals.lost import Losses, Lost, sentence
from steal_scheduler.signals.presets import PRESETS
from steal_scheduler.signals.quantity import QUANTITIES, About
from steal_scheduler.signals.query import PrometheusApi
from steal_scheduler.signals.sample import Sample
from steal_scheduler.signals.union import Union

LOG = logging.getLogger(__name__)


class PrometheusSource(SignalSource):
    """Reads what servers used and waited, hosts have and guests tell.

    Counters that start again (a server was restarted or moved) are
    Prometheus' business: its rate() takes a fall for a reset.

    NOTE: rate() divides by the whole window, also where a series covers
    only a part of it. So used and waited, and their sum, read low in the
    first window after a move. Their ratio, the steal, does not.
    """

    OPTS = (
        *connection.OPTS,
        *login.OPTS,
        *prometheus_opts.OPTS,
        *guest_opts.OPTS,
        *query_opts.OPTS,
    )

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        options = conf.prometheus
        self._preset = PRESETS[options.preset]
        self._api = PrometheusApi(conf)
        self._names = names.build(options, self._preset)
        #: PromQL by option; of servers, hosts and guests each is asked in
        #: one query.
        self.promql = promql.build(options, self._preset, self._names)
        self.unions = [
            Union(self._api, asked)
            for about in About
            if (
                asked := {
                    option: query
                    for option, query in self.promql.items()
                    if QUANTITIES[option].about is about
                }
            )
        ]
        #: Queries sent since the start, by the options that hold them.
        self.queries = self._api.queries
        self._required = promql.required(self._preset)
        self._told: dict[str, frozenset[Lost | None]] = {}

    def read(self, now: float) -> Signals:
        judge = series.Judge(now, self.conf.prometheus.max_age)
        answers = {
            option: self._pick(option, samples, judge)
            for union in self.unions
            for option, samples in union.ask().items()
        }
        alone = self._preset.guests_only
        servers, lost = assemble.servers(answers, self._names)
        guests, lost_guests = assemble.guests(answers, complete=alone)
        if not (guests if alone else servers):
            raise self._api.error(
                'guest_used_query and guest_waited_query'
                if alone
                else 'used_query and waited_query',
                f'no {"guest" if alone else "server"} is usable in both: '
                f'{sentence(lost_guests if alone else lost)}',
                'Let both queries answer with the same labels.',
            )
        self._tell('servers', lost)
        self._tell('guests', lost_guests)
        return Signals(
            servers,
            assemble.hosts(answers),
            now,
            guests=guests,
            guests_by=self._names.guests_by,
            window=float(self.conf.prometheus.window),
        )

    def _pick(
        self, option: str, samples: list[Sample], judge: series.Judge
    ) -> series.Picked:
        picked = series.pick(samples, self._names, judge, QUANTITIES[option])
        # The others are a bonus. Without these nothing is known, which must
        # not look like nothing is wrong.
        if not picked.kept and option in self._required:
            raise self._api.error(
                option,
                f'none of {len(samples)} series is usable: '
                f'{sentence(picked.lost)}'
                if samples
                else 'no series answers',
                self._cure(option),
            )
        self._tell(option, picked.lost, silent=not samples)
        return picked

    def _cure(self, option: str) -> str:
        about = QUANTITIES[option].about
        preset = self._preset
        needs = preset.hosts_need if about is About.HOSTS else preset.needs
        section = self.conf.prometheus.auth_section
        # Aetos hides what a user may not see, and says nothing.
        rights = (
            f', and the user of [{section}] the role admin or service'
            if section
            else ''
        )
        return f'It needs {needs}{rights}.'

    def _tell(self, what: str, lost: Losses, silent: bool = False) -> None:
        """Log what was left out, when the reasons change.

        :param silent: no series has answered at all
        """
        reasons: frozenset[Lost | None] = frozenset([None] if silent else lost)
        text = 'no series answers' if silent else sentence(lost)
        if reasons != self._told.get(what, frozenset()):
            LOG.info('Left out of %s: %s', what, text or 'nothing more')
        elif reasons:
            LOG.debug('Left out of %s: %s', what, text)
        self._told[what] = reasons
