import dataclasses
import math
import re

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.signals.prometheus import parse
from steal_scheduler.signals.prometheus.drops import DropReason
from steal_scheduler.signals.prometheus.labels import Label
from steal_scheduler.signals.prometheus.parse import (
    METRICS,
    Sample,
    SampleFilter,
    Subject,
)

NOW = 1_000_000.0
MAX_AGE = 100.0
_REGEX = re.compile(r'(.+?)(?::\d+)?')
LABELS = {
    Subject.SERVERS: Label('id', re.compile('(.+)')),
    Subject.HOSTS: Label('host', _REGEX),
    Subject.GUESTS: Label('vm', _REGEX),
}
FILTER = SampleFilter(LABELS, NOW, MAX_AGE)


def keep(*series, metric='servers.used'):
    return FILTER.keep(METRICS[metric], series)


def series(value=1.0, at=NOW, **labels):
    """As Prometheus answers it."""
    return {'metric': labels, 'value': [at, str(value)]}


class VectorTest(base.BaseTestCase):
    def test_good(self):
        one = series(math.nan, 1.5, a='b')
        data = {'resultType': 'vector', 'result': [one]}
        self.assertEqual([one], parse.vector(data))

    def test_other_shapes(self):
        for data in (
            None,
            [],
            {},
            {'resultType': 'matrix', 'result': []},
            {'resultType': 'vector'},
            *(
                {'resultType': 'vector', 'result': result}
                for result in (None, 7, {})
            ),
        ):
            self.assertRaises(ValueError, parse.vector, data)

    def test_one_without_labels_costs_itself(self):
        one = series(a='b')
        for bad in (7, None, {'value': [1, '2']}, {'metric': []}):
            data = {'resultType': 'vector', 'result': [bad, one]}
            self.assertEqual([{'metric': {}}, one], parse.vector(data))


class KeepTest(base.BaseTestCase):
    def _dropped(self, *answer, metric='servers.used'):
        kept, drops = keep(*answer, metric=metric)
        self.assertFalse(any(kept.values()))
        return dict(drops)

    def test_good(self):
        one = series(0.5, NOW - 3, id='a', host='h:9177')
        self.assertEqual(({'a': Sample(0.5, NOW - 3, 'h')}, {}), keep(one))

    def test_without_a_host(self):
        kept, _ = keep(series(id='a'))
        self.assertEqual({'a': Sample(1.0, NOW, None)}, kept)
        # Only of a server its host is asked.
        kept, _ = keep(series(vm='a', host='h'), metric='guests.used')
        self.assertEqual({'a': Sample(1.0, NOW, None)}, kept)

    def test_of_a_foreign_host(self):
        labels = LABELS | {Subject.HOSTS: Label('host', re.compile('(h.*)'))}
        keeper = dataclasses.replace(FILTER, labels=labels)
        kept, drops = keeper.keep(
            METRICS['servers.used'],
            [series(id='a', host='x'), series(id='b', host='h')],
        )
        self.assertEqual({'b': Sample(1.0, NOW, 'h')}, kept)
        self.assertEqual({DropReason.FOREIGN: 1}, drops)

    def test_no_plain_number(self):
        """A native histogram has no value, and nobody else may lie either."""
        for rest in (
            {'histogram': [NOW, {}]},
            {'value': None},
            {'value': [NOW, 'x']},
            {'value': [NOW, '1', '2']},
            {'value': [10**400, '1']},
        ):
            for metric in ('servers.used', 'servers.bad_seconds'):
                kept, drops = keep(
                    {'metric': {'id': 'a'}, **rest},
                    series(0.5, id='b'),
                    metric=metric,
                )
                self.assertEqual(['b'], [*kept])
                self.assertEqual({DropReason.NOT_A_NUMBER: 1}, drops)

    def test_zero_is_a_number(self):
        kept, _ = keep(series(0.0, id='a'))
        self.assertEqual(['a'], list(kept))

    def test_faults(self):
        for fault, one in (
            (DropReason.UNNAMED, series(host='h')),
            (DropReason.UNNAMED, series(id='')),
            (DropReason.NOT_A_NUMBER, series(math.nan, id='a')),
            (DropReason.NOT_A_NUMBER, series(math.inf, id='a')),
            (DropReason.NEGATIVE, series(-0.1, id='a')),
            (DropReason.IMPOSSIBLE, series(1e9, id='a')),
            (DropReason.STALE, series(at=NOW - MAX_AGE - 1, id='a')),
            (DropReason.STALE, series(at=math.nan, id='a')),
            (DropReason.FUTURE, series(at=NOW + MAX_AGE + 1, id='a')),
        ):
            self.assertEqual({fault: 1}, self._dropped(one))

    def test_one_server_on_two_hosts(self):
        drops = self._dropped(
            series(id='a', host='h'), series(id='a', host='i')
        )
        self.assertEqual({DropReason.TWO_HOSTS: 2}, drops)

    def test_two_exporters_of_one_host(self):
        one = series(1.0, id='a', host='h:1')
        kept, drops = keep(one, series(1.05, id='a', host='h:2'))
        self.assertEqual(({'a': Sample(1.0, NOW, 'h')}, {}), (kept, drops))
        for other in (
            # They do not agree; or may be parts of a sum.
            series(2.0, id='a', host='h:2'),
            series(1.0, id='a', host='h:2', vcpu='1'),
            series(1.0, id='a'),
        ):
            self.assertTrue(self._dropped(one, other))

    def test_a_broken_part_spoils_the_whole(self):
        drops = self._dropped(series(id='a'), series(math.nan, id='a'))
        self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)

    def test_each_query_has_its_own_key(self):
        one = series(id='a', host='h:9178', vm='web:9100')
        for metric, name in (
            ('servers.throttled', 'a'),
            ('hosts.cores', 'h'),
            ('guests.load', 'web'),
        ):
            kept, _ = keep(one, metric=metric)
            self.assertEqual([name], [*kept])

    def test_a_share_is_at_most_one(self):
        for value, fault in (
            (0.0, None),
            (1.0, None),
            (1.0 + 1e-9, None),
            (1.01, DropReason.IMPOSSIBLE),
            (-0.1, DropReason.NEGATIVE),
            (math.inf, DropReason.NOT_A_NUMBER),
        ):
            kept, drops = keep(
                series(value, id='a'), metric='servers.bad_seconds'
            )
            self.assertEqual([fault] if fault else [], [*drops], value)
            self.assertEqual(fault is None, 'a' in kept)

    def test_a_ratio_of_nothing_is_no_fault(self):
        for metric in ('servers.bad_seconds', 'hosts.runnable'):
            one = series(math.nan, id='a', host='h')
            self.assertEqual(({}, {}), keep(one, metric=metric))

    def test_a_clock_may_be_behind(self):
        kept, drops = keep(series(-1e6, host='h'), metric='hosts.clock_offset')
        self.assertEqual((-1e6, {}), (kept['h'].value, drops))
        drops = self._dropped(
            series(math.nan, host='h'), metric='hosts.clock_offset'
        )
        self.assertEqual({DropReason.NOT_A_NUMBER: 1}, drops)

    def test_two_guests_of_one_name(self):
        kept, drops = keep(
            series(vm='web:1'),
            series(vm='web:2'),
            series(vm='db'),
            metric='guests.load',
        )
        self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)
        # That there are two is told: another query may answer for one alone.
        self.assertEqual({'web': None, 'db': Sample(1.0, NOW)}, kept)

    def test_a_host_that_two_jobs_scrape(self):
        for values, metric in (
            ((16.0, 16.0), 'hosts.cores'),
            ((3.9, 4.1), 'hosts.used'),
            ((0.4, math.nan), 'hosts.runnable'),
        ):
            kept, drops = keep(
                *(series(value, host='h', job=str(value)) for value in values),
                metric=metric,
            )
            self.assertEqual(values[0], kept['h'].value)
            self.assertEqual({}, drops)

    def test_two_hosts_of_one_name(self):
        for one, two, metric in (
            (4.0, 64.0, 'hosts.cores'),
            (1.0, 60.0, 'hosts.used'),
            (16.0, math.nan, 'hosts.cores'),
            (16.0, -1.0, 'hosts.cores'),
        ):
            kept, drops = keep(
                series(one, host='h:1'), series(two, host='h:2'), metric=metric
            )
            self.assertEqual({'h': None}, kept)
            self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)


class LimitsTest(base.BaseTestCase):
    def test_the_limits_are_usable(self):
        metric = dataclasses.replace(
            METRICS['servers.used'], least=1.0, most=2.0
        )
        for value, at in (
            (1.0, NOW),
            (2.0, NOW),
            (1.5, NOW - MAX_AGE),
            (1.5, NOW + MAX_AGE),
        ):
            kept, _ = FILTER.keep(metric, [series(value, at, id='a')])
            self.assertEqual({'a': Sample(value, at)}, kept)

    def test_what_rounding_adds_is_taken_away(self):
        kept, _ = keep(series(1 + 1e-9, id='a'), metric='servers.bad_seconds')
        self.assertEqual(1.0, kept['a'].value)


SERIES = st.lists(
    st.builds(
        lambda labels, value, at: series(value, at, **labels),
        labels=st.fixed_dictionaries(
            {},
            optional={
                'id': st.sampled_from(['a', 'b', 'c', '']),
                'host': st.sampled_from(['h', 'h:1', 'i', ':1', '']),
            },
        ),
        value=st.floats() | st.floats(0, 64),
        at=st.floats() | st.floats(NOW - 150, NOW + 150),
    ),
    max_size=6,
)


class AnyMixTest(base.BaseTestCase):
    @hypothesis.settings(deadline=None)
    @hypothesis.given(SERIES)
    def test_nothing_is_lost_uncounted(self, answer):
        kept, drops = keep(*answer)
        # Several that agree tell of one.
        usable = sum(
            kept.get(one['metric'].get('id')) is not None for one in answer
        )
        self.assertEqual(len(answer), usable + drops.total())
