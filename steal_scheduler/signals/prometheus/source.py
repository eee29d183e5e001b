"""Signals out of a Prometheus: one query for each metric of the preset."""

import collections
import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log as logging

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import Signals
from steal_scheduler.signals.base import SignalSource
from steal_scheduler.signals.prometheus import (
    assemble,
    client,
    drops,
    duplicates,
    histories,
    interval,
    labels,
    options,
    parse,
    preset,
    preset_file,
)
from steal_scheduler.signals.prometheus.said import Said


class PrometheusSource(SignalSource):
    """Reads what servers used and waited, hosts have and guests tell.

    A number has three forms here: a series of Prometheus' JSON, which names
    whom it is about by labels; the ``Sample`` of its subject; and a field of
    ServerSignal, HostSignal or GuestSignal, once all that is known of the
    subject is joined.

    Counters that start again (a server was restarted or moved) are
    Prometheus' business: its rate() takes a fall for a reset.

    NOTE: rate() divides by the whole window, also where a series covers
    only a part of it. So used and waited, and their sum, read low in the
    first window after a move. Their ratio, the steal, does not.
    """

    OPTS = options.OPTS

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        self._client = client.PrometheusClient(conf)
        self._preset = preset.load(conf)
        self._window = interval.Window(conf, self._client, self._preset)
        self._histories = histories.Histories(
            self._client,
            self._preset.histories,
            self._preset.labels.get(parse.Subject.SERVERS),
        )
        #: PromQL by the metric's name.
        self.promql = self._preset.promql(self._window.seconds)
        self._said = Said(logging.INFO, logging.WARNING)

    def advice(self) -> Sequence[str]:
        return [*self._window.advice(), *self._said.failing.values()]

    def silent(self) -> Sequence[str]:
        return self._said.silent()

    def read(self, now: float) -> Signals:
        self._client.begin()
        self._window.read(now)
        for name, seldom in self._window.seldom().items():
            self._said.tell(name, seldom)
        signals = self._read(now, self._window.seconds, self._said)
        # Last, for nothing else may wait for it.
        history = self._histories.read(signals.servers, now)
        return dataclasses.replace(signals, history=history)

    def read_past(self, at: float, seconds: float) -> Signals:
        self._client.begin(at)
        # What was wrong then is no news.
        return self._read(at, seconds, Said(logging.DEBUG, logging.DEBUG))

    def _read(self, now: float, window: float, said: Said) -> Signals:
        """Ask all queries, with rates over so many seconds."""
        begun = time.monotonic()
        # By the subject's kind, its name and the metric's field.
        told: dict[str, Any] = {
            subject: collections.defaultdict(dict) for subject in parse.Subject
        }
        ambiguous: dict[str, str] = {}
        self.promql = self._preset.promql(window)
        domains = self._domains(said)
        # Before the guests, who may let us wait until the end.
        nodenames = self._nodenames()
        for name, metric in parse.METRICS.items():
            promql = self.promql.get(name)
            if promql is None:
                continue
            usable = parse.SampleFilter(
                self._preset.labels,
                # A query before this one may have taken its time.
                now + time.monotonic() - begun,
                self.conf.signals.max_age,
                domains,
            )
            try:
                samples, clashes = self._ask(metric, promql, usable, said)
            except SignalError as error:
                if metric.subject in (parse.Subject.HOSTS, self._preset.who):
                    raise
                # Tenants tell what they like, and as much: servers are judged
                # without.
                said.warn(name, error)
                continue
            said.failing.pop(name, None)
            ambiguous = clashes | ambiguous
            for key, sample in samples.items():
                told[metric.subject][key][metric.field] = sample
        who = self._preset.who
        servers, unused = assemble.servers(told['servers'])
        guests, unused_guests = assemble.guests(
            told['guests'], complete=who == 'guests'
        )
        for subject, known, found in (
            ('servers', servers, unused),
            ('guests', guests, unused_guests),
        ):
            if subject == who and not known:
                raise self._client.error(
                    f'{who}.used and {who}.waited',
                    f'none of the {who} is usable in both: {found.sentence()}',
                    'Let both queries answer with the same labels.',
                )
            said.tell(subject, found)
        return Signals(
            servers,
            assemble.hosts(told['hosts']),
            now,
            guests=guests,
            guests_by=self._preset.guests_by,
            window=window,
            ambiguous_hosts=ambiguous,
            nodenames=nodenames,
        )

    def _nodenames(self) -> dict[str, set[str]]:
        """Ask what the kernels of hosts call themselves, where that helps."""
        found: dict[str, set[str]] = {}
        if promql := self.promql.get(preset_file.NODENAMES):
            series = self._client.ask(preset_file.NODENAMES, promql)
            label = self._preset.labels[parse.Subject.HOSTS]
            for one in series:
                host, name = label.read(one), one['metric'].get('nodename')
                if name and not isinstance(host, drops.DropReason):
                    found.setdefault(host, set()).add(one_line(name))
        return found

    def _domains(self, said: Said) -> labels.Domains | None:
        """Ask which server each domain is; None where series know it."""
        promql = self.promql.get(preset_file.INFO)
        if promql is None:
            return None
        series = self._client.ask(preset_file.INFO, promql)
        said.tell(preset_file.INFO, drops.Drops(), silent=not series)
        by = self._preset.labels
        return labels.Domains.read(
            (
                self._preset.keys[preset_file.DOMAIN],
                by[parse.Subject.HOSTS].name,
            ),
            by[parse.Subject.SERVERS],
            series,
        )

    def _ask(
        self,
        metric: parse.Metric,
        promql: str,
        usable: parse.SampleFilter,
        said: Said,
    ) -> tuple[parse.Samples, dict[str, str]]:
        """Ask one query.

        :returns: what it tells, and of which hosts it does not, for several
            may be meant
        :raises SignalError: it fails, or tells nothing of what must be known
        """
        series = self._client.ask(metric.name, promql)
        samples, found = usable.keep(metric, series)
        clashes = {}
        if metric.subject is parse.Subject.HOSTS:
            twice = {name for name, one in samples.items() if one is None}
            label = self._preset.labels[metric.subject]
            clashes = duplicates.ambiguous(label, twice, series)
        # The others are a bonus. Without these nothing is known, which must
        # not look like nothing is wrong.
        if metric.name in self._preset.required and not any(samples.values()):
            raise self._client.error(
                metric.name,
                f'none of {len(series)} series is usable: {found.sentence()}'
                if series
                else 'no series answers',
                self._cure(metric, clashes, found),
            )
        said.tell(metric.name, found, silent=not series)
        return samples, clashes

    def _cure(
        self,
        metric: parse.Metric,
        clashes: Mapping[str, str],
        found: drops.Drops,
    ) -> str:
        """What to do where a query tells nothing that can be used."""
        for host, why in clashes.items():
            return f'{host}: {why}.'
        if found:
            cure = 'Look at these series, and at the labels that name them.'
            if {
                drops.DropReason.TWO_SERVERS,
                drops.DropReason.TWO_HOSTS,
            } & found.keys():
                cure += (
                    ' Where Prometheus has several clouds, set [prometheus] '
                    'selector, so that only those of this cloud are read.'
                )
            return cure
        if why := self._window.why_silent(metric.name):
            return f'{why}.'
        needs = self._preset.keys.get(f'{metric.subject}.needs')
        return self._client.cure_of_silence(needs)
