import dataclasses
import math
import re

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.cloud import GuestKey
from steal_scheduler.signals import series
from steal_scheduler.signals.lost import Lost
from steal_scheduler.signals.names import Names
from steal_scheduler.signals.quantity import QUANTITIES
from steal_scheduler.signals.sample import Sample

NOW = 1_000_000.0
MAX_AGE = 100.0
_REGEX = re.compile(r'(.+?)(?::\d+)?')
NAMES = Names('id', 'host', 'vm', GuestKey.NAME, _REGEX, _REGEX)
JUDGE = series.Judge(NOW, MAX_AGE)


def pick(*samples, option='used_query'):
    picked = series.pick(samples, NAMES, JUDGE, QUANTITIES[option])
    return picked.kept, picked.lost


def sample(value=1.0, at=NOW, **labels):
    return Sample(labels, value, at)


class PickTest(base.BaseTestCase):
    def _lost(self, *samples, option='used_query'):
        kept, lost = pick(*samples, option=option)
        self.assertEqual({}, kept)
        return dict(lost)

    def test_good(self):
        one = sample(id='a', host='h')
        self.assertEqual(({'a': one}, {}), pick(one))

    def test_zero_is_a_number(self):
        kept, _ = pick(sample(0.0, id='a'))
        self.assertEqual(['a'], list(kept))

    def test_faults(self):
        for fault, one in (
            (Lost.UNNAMED, sample(host='h')),
            (Lost.UNNAMED, sample(id='')),
            (Lost.NOT_A_NUMBER, sample(math.nan, id='a')),
            (Lost.NOT_A_NUMBER, sample(math.inf, id='a')),
            (Lost.NEGATIVE, sample(-0.1, id='a')),
            (Lost.IMPOSSIBLE, sample(1e9, id='a')),
            (Lost.STALE, sample(at=NOW - MAX_AGE - 1, id='a')),
            (Lost.STALE, sample(at=math.nan, id='a')),
            (Lost.FUTURE, sample(at=NOW + MAX_AGE + 1, id='a')),
        ):
            self.assertEqual({fault: 1}, self._lost(one))

    def test_one_server_on_two_hosts(self):
        lost = self._lost(sample(id='a', host='h'), sample(id='a', host='i'))
        self.assertEqual({Lost.TWO_HOSTS: 2}, lost)

    def test_two_ports_are_one_host(self):
        lost = self._lost(
            sample(id='a', host='h:1'), sample(id='a', host='h:2')
        )
        self.assertEqual({Lost.AMBIGUOUS: 2}, lost)

    def test_a_broken_part_spoils_the_whole(self):
        lost = self._lost(sample(id='a'), sample(math.nan, id='a'))
        self.assertEqual({Lost.AMBIGUOUS: 2}, lost)

    def test_each_query_has_its_own_key(self):
        one = sample(id='a', host='h:9178', vm='web:9100')
        for option, name in (
            ('throttled_query', 'a'),
            ('cores_query', 'h'),
            ('guest_load_query', 'web'),
        ):
            kept, _ = pick(one, option=option)
            self.assertEqual([name], [*kept])

    def test_a_share_is_at_most_one(self):
        for value, fault in (
            (0.0, None),
            (1.0, None),
            (1.0 + 1e-9, None),
            (1.01, Lost.NO_SHARE),
            (-0.1, Lost.NEGATIVE),
            (math.inf, Lost.NOT_A_NUMBER),
        ):
            kept, lost = pick(
                sample(value, id='a'), option='bad_seconds_query'
            )
            self.assertEqual([fault] if fault else [], [*lost], value)
            self.assertEqual(fault is None, 'a' in kept)

    def test_a_ratio_of_nothing_is_no_loss(self):
        for option in ('bad_seconds_query', 'runnable_query'):
            one = sample(math.nan, id='a', host='h')
            self.assertEqual(({}, {}), pick(one, option=option))

    def test_a_clock_may_be_behind(self):
        kept, lost = pick(sample(-1e6, host='h'), option='clock_query')
        self.assertEqual((-1e6, {}), (kept['h'].value, lost))
        lost = self._lost(sample(math.nan, host='h'), option='clock_query')
        self.assertEqual({Lost.NOT_A_NUMBER: 1}, lost)

    def test_two_guests_of_one_name(self):
        picked = series.pick(
            [sample(vm='web:1'), sample(vm='web:2'), sample(vm='db')],
            NAMES,
            JUDGE,
            QUANTITIES['guest_load_query'],
        )
        self.assertEqual({Lost.AMBIGUOUS: 2}, picked.lost)
        self.assertEqual({'web'}, picked.ambiguous)
        self.assertEqual(['db'], [*picked.kept])

    def test_two_ports_of_one_host(self):
        lost = self._lost(
            sample(host='h:1'), sample(host='h:2'), option='cores_query'
        )
        self.assertEqual({Lost.AMBIGUOUS: 2}, lost)


class JudgeTest(base.BaseTestCase):
    def test_the_limits_are_usable(self):
        quantity = dataclasses.replace(
            QUANTITIES['used_query'], least=1.0, most=2.0
        )
        for value, at in (
            (1.0, NOW),
            (2.0, NOW),
            (1.5, NOW - MAX_AGE),
            (1.5, NOW + MAX_AGE),
        ):
            self.assertIsNone(JUDGE.fault(sample(value, at), quantity))


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
        kept, lost = pick(*samples)
        self.assertEqual(len(samples), len(kept) + lost.total())
