import dataclasses
import re

from oslotest import base

from steal_scheduler.signals.prometheus.drops import DropReason
from steal_scheduler.signals.prometheus.labels import Domains, Label
from steal_scheduler.signals.prometheus.parse import METRICS, Subject
from tests.unit.signals.prometheus.test_parse import FILTER, LABELS, series


class LabelTest(base.BaseTestCase):
    def test_a_server(self):
        label = LABELS[Subject.SERVERS]
        self.assertEqual('a', label.read(series(id='a')))
        for one in (series(id=''), series(host='h')):
            self.assertEqual(DropReason.UNNAMED, label.read(one))

    def test_a_host(self):
        label = Label('host', re.compile(r'(cmp[^.:]*).*'))
        for labels, name in (
            ({'host': 'cmp-1.a.b:9178'}, 'cmp-1'),
            ({'host': 'ctl-1'}, DropReason.FOREIGN),
            ({'id': 'a'}, DropReason.UNNAMED),
        ):
            self.assertEqual(name, label.read(series(**labels)))


def info(domain, server_id, host='cmp-1:9177'):
    return series(domain=domain, id=server_id, host=host)


class DomainsTest(base.BaseTestCase):
    """Of series that know a domain, and not the server that it is."""

    def _keep(self, told, *answer, metric='servers.used'):
        found = Domains.read(('domain', 'host'), LABELS[Subject.SERVERS], told)
        keeper = dataclasses.replace(FILTER, domains=found)
        kept, drops = keeper.keep(METRICS[metric], answer)
        return kept, dict(drops), drops.sentence()

    def test_joined(self):
        told = [info('i-7', 'a'), info('i-7', 'b', 'cmp-2:9177')]
        kept, drops, _ = self._keep(
            told,
            series(2.0, domain='i-7', host='cmp-1:9177'),
            series(1.0, domain='i-7', host='cmp-2:9177'),
        )
        self.assertEqual({}, drops)
        self.assertEqual(
            {'a': (2.0, 'cmp-1'), 'b': (1.0, 'cmp-2')},
            {name: (s.value, s.host) for name, s in kept.items()},
        )

    def test_a_domain_of_two_servers_costs_these_two(self):
        told = [info('i-7', 'a'), info('i-7', 'b'), info('i-8', 'c')]
        kept, drops, said = self._keep(
            told,
            series(2.0, domain='i-7', host='cmp-1:9177'),
            series(1.0, domain='i-8', host='cmp-1:9177'),
        )
        self.assertEqual({DropReason.TWO_SERVERS: 1}, drops)
        self.assertEqual(['c'], [name for name in kept if kept[name]])
        for word in ('i-7', 'cmp-1:9177', 'a, b'):
            self.assertIn(word, said)

    def test_nor_does_another_domain_tell_of_them(self):
        """a may be i-7 or i-9, and only one of them is what it used."""
        told = [info('i-7', 'a'), info('i-7', 'b'), info('i-9', 'a')]
        for order in (1, -1):
            answer = [
                series(2.0, domain='i-7', host='cmp-1:9177'),
                series(1.0, domain='i-9', host='cmp-1:9177'),
            ][::order]
            kept, drops, _ = self._keep(told, *answer)
            self.assertEqual({'a': None, 'b': None}, kept)
            self.assertEqual(
                {DropReason.TWO_SERVERS: 1, DropReason.AMBIGUOUS: 1}, drops
            )

    def test_told_twice_alike(self):
        kept, drops, _ = self._keep(
            [info('i-7', 'a'), info('i-7', 'a')],
            series(domain='i-7', host='cmp-1:9177'),
        )
        self.assertEqual((['a'], {}), ([*kept], drops))

    def test_a_domain_that_is_no_server(self):
        """It has no uuid, or nobody tells it; or the domain is not named."""
        told = [info('monitoring', ''), info('', 'a'), info('i-7', 'b')]
        for labels, reason in (
            ({'domain': 'monitoring'}, DropReason.NO_SERVER),
            ({'domain': 'i-8'}, DropReason.NO_SERVER),
            ({'domain': 'i-7', 'host': 'cmp-9'}, DropReason.NO_SERVER),
            ({'domain': ''}, DropReason.UNNAMED),
            ({}, DropReason.UNNAMED),
        ):
            kept, drops, _ = self._keep(
                told, series(**{'host': 'cmp-1:9177', **labels})
            )
            self.assertEqual(({}, {reason: 1}), (kept, drops), labels)

    def test_a_series_that_knows_its_server_needs_none(self):
        kept, drops, _ = self._keep([], series(id='a', host='cmp-1'))
        self.assertEqual((['a'], {}), ([*kept], drops))

    def test_of_hosts_no_domain_counts(self):
        kept, drops, _ = self._keep(
            [info('i-7', 'a')], series(domain='i-7'), metric='hosts.cores'
        )
        self.assertEqual(({}, {DropReason.UNNAMED: 1}), (kept, drops))
