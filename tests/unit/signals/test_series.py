import math
import re

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.signals import series
from steal_scheduler.signals.series import Lost, Sample

NOW = 1_000_000.0
MAX_AGE = 100.0
NAMES = series.Names('id', 'host', re.compile(r'(.+?)(?::\d+)?'))
JUDGE = series.Judge(NOW, MAX_AGE)


def pick(*samples):
    return series.pick(samples, NAMES, NAMES.server, JUDGE)


def sample(value=1.0, at=NOW, **labels):
    return Sample(labels, value, at)


class PickTest(base.BaseTestCase):
    def _lost(self, *samples):
        kept, lost = pick(*samples)
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


class JoinTest(base.BaseTestCase):
    def _join(self, used, waited, load=()):
        return series.join(
            *(pick(*side)[0] for side in (used, waited, load)), NAMES
        )

    def test_complete(self):
        servers, lost = self._join(
            [sample(2.0, id='a', host='h:9177')],
            [sample(0.5, NOW - 3, id='a', host='h:9177')],
            [sample(1.5, id='a')],
        )
        self.assertEqual({}, lost)
        server = servers['a']
        self.assertEqual(
            ('a', 'h', 2.0, 0.5, 1.5, NOW - 3),
            (
                server.server_id,
                server.host,
                server.used,
                server.waited,
                server.load,
                server.at,
            ),
        )

    def test_without_waited_it_is_unknown(self):
        servers, lost = self._join([sample(id='a')], [])
        self.assertEqual(({}, {Lost.INCOMPLETE: 1}), (servers, lost))

    def test_hosts_disagree(self):
        servers, lost = self._join(
            [sample(id='a', host='h')], [sample(id='a', host='i')]
        )
        self.assertEqual(({}, {Lost.TWO_HOSTS: 1}), (servers, lost))

    def test_foreign_host(self):
        names = series.Names('id', 'host', re.compile('(cmp.*)'))
        one = {'a': sample(id='a', host='other')}
        self.assertEqual(
            ({}, {Lost.FOREIGN: 1}), series.join(one, one, {}, names)
        )

    def test_a_guest_does_not_know_its_host(self):
        servers, _ = self._join([sample(id='a')], [sample(id='a')])
        self.assertIsNone(servers['a'].host)
        self.assertIsNone(servers['a'].load)


class CapacitiesTest(base.BaseTestCase):
    def test_no_cores_is_no_host(self):
        hosts = series.capacities({'h': sample(8.0), 'i': sample(0.0)})
        self.assertEqual({'h': 8.0}, {h: s.cores for h, s in hosts.items()})


class VectorTest(base.BaseTestCase):
    def test_good(self):
        data = {
            'resultType': 'vector',
            'result': [{'metric': {'a': 'b'}, 'value': [1.5, 'NaN']}],
        }
        (one,) = series.vector(data)
        self.assertEqual(({'a': 'b'}, 1.5), (one.labels, one.at))
        self.assertTrue(math.isnan(one.value))

    def test_other_shapes(self):
        for data in (
            None,
            [],
            {},
            {'resultType': 'matrix', 'result': []},
            {'resultType': 'vector'},
            {'resultType': 'vector', 'result': None},
            {'resultType': 'vector', 'result': [7]},
            {'resultType': 'vector', 'result': [{'metric': {}}]},
            {'resultType': 'vector', 'result': [{'value': [1, '2']}]},
            {
                'resultType': 'vector',
                'result': [{'metric': [], 'value': [1, '2']}],
            },
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'value': [1, 'x']}],
            },
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'value': [1, '2', '3']}],
            },
            # A native histogram has no value.
            {
                'resultType': 'vector',
                'result': [{'metric': {}, 'histogram': [1, {}]}],
            },
        ):
            self.assertRaises(ValueError, series.vector, data)


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
    @hypothesis.given(SAMPLES, SAMPLES, SAMPLES)
    def test_only_the_complete_and_fresh(self, used, waited, load):
        servers, _ = series.join(
            *(pick(*side)[0] for side in (used, waited, load)), NAMES
        )
        for server_id, server in servers.items():
            sides = [
                [s for s in side if s.labels.get('id') == server_id]
                for side in (used, waited)
            ]
            # One series on each side and no more, with these very numbers.
            self.assertEqual([1, 1], [len(side) for side in sides])
            (mine,), (theirs,) = sides
            self.assertEqual(
                (mine.value, theirs.value), (server.used, server.waited)
            )
            for one in mine, theirs:
                self.assertTrue(0 <= one.value < math.inf)
                self.assertLessEqual(abs(NOW - one.at), MAX_AGE)
                self.assertIn(NAMES.host(one), (server.host, Lost.UNNAMED))
            self.assertEqual(min(mine.at, theirs.at), server.at)
            loads = [s for s in load if s.labels.get('id') == server_id]
            if server.load is not None:
                self.assertEqual([server.load], [s.value for s in loads])
                self.assertLessEqual(abs(NOW - loads[0].at), MAX_AGE)

    @hypothesis.settings(deadline=None)
    @hypothesis.given(SAMPLES)
    def test_nothing_is_lost_uncounted(self, samples):
        kept, lost = pick(*samples)
        self.assertEqual(len(samples), len(kept) + lost.total())
