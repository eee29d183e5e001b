import collections
import dataclasses
import math
import re

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals.prometheus import parse
from steal_scheduler.signals.prometheus.parse import (
    METRICS,
    DropReason,
    Names,
    Sample,
    SampleFilter,
)

NOW = 1_000_000.0
MAX_AGE = 100.0
_REGEX = re.compile(r'(.+?)(?::\d+)?')
NAMES = Names('id', 'host', 'vm', GuestKey.NAME, _REGEX, _REGEX)
FILTER = SampleFilter(NAMES, NOW, MAX_AGE)


def keep(*samples, metric='servers.used'):
    filtered = FILTER.keep(METRICS[metric], samples)
    return filtered.kept, filtered.drops


def sample(value=1.0, at=NOW, **labels):
    return Sample(labels, value, at)


class SentenceTest(base.BaseTestCase):
    def test_the_most_frequent_first(self):
        drops = collections.Counter(
            {DropReason.STALE: 1, DropReason.NEGATIVE: 3}
        )
        self.assertEqual(
            '3 negative, 1 older than [signals] max_age',
            parse.sentence(drops),
        )
        self.assertEqual('', parse.sentence(collections.Counter()))


class VectorTest(base.BaseTestCase):
    def test_good(self):
        data = {
            'resultType': 'vector',
            'result': [{'metric': {'a': 'b'}, 'value': [1.5, 'NaN']}],
        }
        (one,) = parse.vector(data)
        self.assertEqual(({'a': 'b'}, 1.5), (one.labels, one.at))
        self.assertTrue(math.isnan(one.value))

    def test_other_shapes(self):
        for data in (
            None,
            [],
            {},
            {'resultType': 'matrix', 'result': []},
            {'resultType': 'vector'},
            *(
                {'resultType': 'vector', 'result': result}
                for result in (
                    None,
                    [7],
                    [{'metric': {}}],
                    [{'value': [1, '2']}],
                    [{'metric': [], 'value': [1, '2']}],
                    [{'metric': {}, 'value': [1, 'x']}],
                    [{'metric': {}, 'value': [1, '2', '3']}],
                    # A native histogram has no value.
                    [{'metric': {}, 'histogram': [1, {}]}],
                )
            ),
        ):
            self.assertRaises(ValueError, parse.vector, data)


class NamesTest(base.BaseTestCase):
    def test_a_server(self):
        self.assertEqual('a', NAMES.server(sample(id='a')))
        for one in (sample(id=''), sample(host='h')):
            self.assertEqual(DropReason.UNNAMED, NAMES.server(one))

    def test_a_host(self):
        names = dataclasses.replace(
            NAMES, host_regex=re.compile(r'(cmp[^.:]*).*')
        )
        for labels, name in (
            ({'host': 'cmp-1.a.b:9178'}, 'cmp-1'),
            ({'host': 'ctl-1'}, DropReason.FOREIGN),
            ({'id': 'a'}, DropReason.UNNAMED),
        ):
            self.assertEqual(name, names.host(sample(**labels)))


class KeepTest(base.BaseTestCase):
    def _dropped(self, *samples, metric='servers.used'):
        kept, drops = keep(*samples, metric=metric)
        self.assertEqual({}, kept)
        return dict(drops)

    def test_good(self):
        one = sample(id='a', host='h')
        self.assertEqual(({'a': one}, {}), keep(one))

    def test_zero_is_a_number(self):
        kept, _ = keep(sample(0.0, id='a'))
        self.assertEqual(['a'], list(kept))

    def test_faults(self):
        for fault, one in (
            (DropReason.UNNAMED, sample(host='h')),
            (DropReason.UNNAMED, sample(id='')),
            (DropReason.NOT_A_NUMBER, sample(math.nan, id='a')),
            (DropReason.NOT_A_NUMBER, sample(math.inf, id='a')),
            (DropReason.NEGATIVE, sample(-0.1, id='a')),
            (DropReason.IMPOSSIBLE, sample(1e9, id='a')),
            (DropReason.STALE, sample(at=NOW - MAX_AGE - 1, id='a')),
            (DropReason.STALE, sample(at=math.nan, id='a')),
            (DropReason.FUTURE, sample(at=NOW + MAX_AGE + 1, id='a')),
        ):
            self.assertEqual({fault: 1}, self._dropped(one))

    def test_one_server_on_two_hosts(self):
        drops = self._dropped(
            sample(id='a', host='h'), sample(id='a', host='i')
        )
        self.assertEqual({DropReason.TWO_HOSTS: 2}, drops)

    def test_two_ports_are_one_host(self):
        drops = self._dropped(
            sample(id='a', host='h:1'), sample(id='a', host='h:2')
        )
        self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)

    def test_a_broken_part_spoils_the_whole(self):
        drops = self._dropped(sample(id='a'), sample(math.nan, id='a'))
        self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)

    def test_each_query_has_its_own_key(self):
        one = sample(id='a', host='h:9178', vm='web:9100')
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
            (1.01, DropReason.NO_SHARE),
            (-0.1, DropReason.NEGATIVE),
            (math.inf, DropReason.NOT_A_NUMBER),
        ):
            kept, drops = keep(
                sample(value, id='a'), metric='servers.bad_seconds'
            )
            self.assertEqual([fault] if fault else [], [*drops], value)
            self.assertEqual(fault is None, 'a' in kept)

    def test_a_ratio_of_nothing_is_no_fault(self):
        for metric in ('servers.bad_seconds', 'hosts.runnable'):
            one = sample(math.nan, id='a', host='h')
            self.assertEqual(({}, {}), keep(one, metric=metric))

    def test_a_clock_may_be_behind(self):
        kept, drops = keep(sample(-1e6, host='h'), metric='hosts.clock_offset')
        self.assertEqual((-1e6, {}), (kept['h'].value, drops))
        drops = self._dropped(
            sample(math.nan, host='h'), metric='hosts.clock_offset'
        )
        self.assertEqual({DropReason.NOT_A_NUMBER: 1}, drops)

    def test_two_guests_of_one_name(self):
        filtered = FILTER.keep(
            METRICS['guests.load'],
            [sample(vm='web:1'), sample(vm='web:2'), sample(vm='db')],
        )
        self.assertEqual({DropReason.AMBIGUOUS: 2}, filtered.drops)
        self.assertEqual({'web'}, filtered.ambiguous)
        self.assertEqual(['db'], [*filtered.kept])

    def test_two_ports_of_one_host(self):
        drops = self._dropped(
            sample(host='h:1'), sample(host='h:2'), metric='hosts.cores'
        )
        self.assertEqual({DropReason.AMBIGUOUS: 2}, drops)


class FaultTest(base.BaseTestCase):
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
            self.assertIsNone(FILTER.fault(metric, sample(value, at)))


SAMPLES = st.lists(
    st.builds(
        Sample,
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
    @hypothesis.given(SAMPLES)
    def test_nothing_is_lost_uncounted(self, samples):
        kept, drops = keep(*samples)
        self.assertEqual(len(samples), len(kept) + drops.total())
