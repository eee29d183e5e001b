"""Signals out of a Prometheus: one query for each metric of the preset."""

import collections
import time
from collections.abc import Sequence
from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg
from oslo_log import log as logging

from steal_scheduler.edge.option import number
from steal_scheduler.edge.text import one_line
from steal_scheduler.model.cloud import Signals
from steal_scheduler.signals.base import SignalSource
from steal_scheduler.signals.prometheus import (
    assemble,
    client,
    drops,
    duplicates,
    labels,
    parse,
    preset,
    preset_file,
)

LOG = logging.getLogger(__name__)

OPTS = (
    cfg.StrOpt(
        'url',
        default='http://127.0.0.1:9090',
        help="""
Base URL, without query or fragment, of the Prometheus, or of anything that
speaks its HTTP API. ``/api/v1/query`` is appended to it. Thanos, Mimir and
VictoriaMetrics work as well; give the path prefix that they need. So does
OpenStack's Aetos. To log in set ``auth_type``, ``auth_section`` or
``token_file``.
""",
    ),
    cfg.StrOpt(
        'preset',
        default='steal-exporter',
        help="""
Preset file: what Prometheus is asked, and how the answers are read.
``steal-exporter`` alone tells of bad seconds, of throttling and of the
queue of runnable vCPUs. The others count the cores of a host, and compare
its clock, with the node_exporter that runs on it. Hosts are known by
``instance``: a name or an IP address that Nova has of them, or anything that
the exporter which tells the kernel's name has as well.

Possible values:

* ``steal-exporter``: this project's exporter on hypervisors
* ``steal-exporter-and-guests``: and node_exporter inside the guests
* ``inovex``: inovex' prometheus-libvirt-exporter on hypervisors
* ``tinkoff``: Tinkoff's libvirt-exporter on hypervisors
* ``node_exporter``: node_exporter inside the guests. Prefer an exporter on
  hypervisors: an agent in a guest belongs to the tenant, and a guest whose
  clock source hides steal reads 0.
* The absolute path of a YAML file of your own. It may extend one of these.
""",
    ),
    cfg.StrOpt(
        'selector',
        default='',
        help="""
Which series are those of this cloud: label matchers that are put into every
query, where one Prometheus scrapes several clouds. Without it, hosts that have
the same name in two of them are ambiguous, and no server moves there. A preset
file of your own says by ``$selector`` where.

Possible values:

* A list of PromQL label matchers, without braces: ``region="r1"``
* Empty: all series
""",
    ),
    number(
        'window',
        default=60,
        allowed='5 to 3600 seconds',
        help="""
Seconds over which rates are taken: at least two scrape intervals; four survive
a failed scrape. Short windows see short spikes. A server is unknown until two
samples are in the window, so for about two scrapes after it was started or
moved.
""",
    ),
    cfg.StrOpt(
        'token_file',
        help="""
File with a bearer token, for a Prometheus behind a proxy that wants one, such
as OpenShift's monitoring or oauth2-proxy: no ``auth_type`` of keystoneauth
sends such a token. It is read again for every query, so that a token may be
renewed. Neither ``auth_type`` nor ``auth_section`` may be set beside it.
""",
    ),
    # keystoneauth's own option, which knows no default and no limits.
    number(
        'timeout',
        default=10,
        allowed='1 to 300 seconds',
        help=f"""
Seconds that each query may take, from the connection to the end of its answer:
less than a fourth of ``poll_interval``. There is one query for each metric of
the preset, however many servers. A whole reading takes at most
{client.PATIENCE} times as long, and then fails.
""",
    ),
    *(o for o in loading.get_session_conf_options() if o.name != 'timeout'),
    *loading.get_auth_common_conf_options(),
)


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

    OPTS = OPTS

    def __init__(self, conf: Any) -> None:
        super().__init__(conf)
        self._client = client.PrometheusClient(conf)
        self._preset = preset.load(conf)
        #: PromQL by the metric's name.
        self.promql = self._preset.queries
        self._told: dict[str, Sequence[drops.DropReason | None]] = {}

    def silent(self) -> Sequence[str]:
        return [name for name, told in self._told.items() if None in told]

    def read(self, now: float) -> Signals:
        begun = time.monotonic()
        # By the subject's kind, its name and the metric's field.
        told: dict[str, Any] = {
            subject: collections.defaultdict(dict) for subject in parse.Subject
        }
        ambiguous: dict[str, str] = {}
        self._client.begin()
        domains = self._domains()
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
            samples, clashes = self._ask(metric, promql, usable)
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
            self._tell(subject, found)
        return Signals(
            servers,
            assemble.hosts(told['hosts']),
            now,
            guests=guests,
            guests_by=self._preset.guests_by,
            window=float(self.conf.prometheus.window),
            ambiguous_hosts=ambiguous,
            nodenames=self._nodenames(),
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

    def _domains(self) -> labels.Domains | None:
        """Ask which server each domain is; None where series know it."""
        promql = self.promql.get(preset_file.INFO)
        if promql is None:
            return None
        series = self._client.ask(preset_file.INFO, promql)
        self._tell(preset_file.INFO, drops.Drops(), silent=not series)
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
        self, metric: parse.Metric, promql: str, usable: parse.SampleFilter
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
                next(
                    (f'{host}: {why}.' for host, why in clashes.items()),
                    self._client.cure_of_silence(
                        self._preset.keys.get(f'{metric.subject}.needs')
                    ),
                ),
            )
        self._tell(metric.name, found, silent=not series)
        return samples, clashes

    def _tell(
        self, what: str, found: drops.Drops, silent: bool = False
    ) -> None:
        """Log what was dropped, when the reasons change.

        :param silent: no series has answered at all
        """
        reasons = [None] if silent else sorted(found)
        news = reasons != self._told.get(what, [])
        level = logging.INFO if news else logging.DEBUG
        if silent:
            LOG.log(level, 'Prometheus has no series for query %s', what)
        elif reasons:
            said = found.sentence()
            LOG.log(level, 'Dropped samples of %s: %s', what, said)
        elif news:
            LOG.info('All samples of %s are usable again', what)
        self._told[what] = reasons
