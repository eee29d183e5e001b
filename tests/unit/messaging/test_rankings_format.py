import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.messaging import rankings_format
from steal_scheduler.model.rankings import NO_RANKINGS, Ranking, Rankings
from tests.unit import strategies

HOSTS = ('d', 'a', 'b', 'c')
RANKINGS = Rankings(
    1235.5, {'6f70': Ranking((('d',), ('a', 'c')), frozenset('acd'))}
)
SAMPLE = Path(__file__).parents[2] / 'data/formats/rankings-1.json'


def sent(rankings: Rankings, hosts: Any = HOSTS) -> Any:
    """As it arrives: through JSON."""
    return json.loads(json.dumps(rankings_format.encode(rankings, hosts)))


class TestRankingsFormat(base.BaseTestCase):
    def test_as_the_first_version_writes_it(self) -> None:
        message = json.loads(SAMPLE.read_text())
        self.assertEqual(message, sent(RANKINGS))
        self.assertEqual(RANKINGS, rankings_format.decode(message, HOSTS))

    def test_the_order_of_hosts_does_not_matter(self) -> None:
        found = rankings_format.decode(sent(RANKINGS), sorted(HOSTS))
        self.assertEqual(RANKINGS, found)

    def test_of_another_migrator(self) -> None:
        """One of before makes none; of a later one nothing is understood."""
        for message in (None, {'version': 2, 'what': 'ever'}):
            self.assertEqual(
                NO_RANKINGS, rankings_format.decode(message, HOSTS)
            )

    def test_what_nova_scheduler_is_not_told(self) -> None:
        known = Rankings(
            RANKINGS.at,
            {'6f70': Ranking((('d',),), frozenset('d'), since=1200.0)},
            frozenset({('s', 'b')}),
        )
        found = rankings_format.decode(sent(known), HOSTS)
        self.assertEqual(0.0, found.of['6f70'].since)
        self.assertEqual(frozenset(), found.credited)

    def test_nonsense(self) -> None:
        good = sent(RANKINGS)
        for change in (
            {'at': 'soon'},
            {'at': 'nan'},
            {'servers': None},
            {'servers': {'s': [[[0]]]}},
            {'servers': {'s': [[[0]], 'DQ==', 'more']}},
            {'servers': {'s': [[[4]], 'DQ==']}},
            {'servers': {'s': [[[-1]], 'DQ==']}},
            {'servers': {'s': [[['a']], 'DQ==']}},
            {'servers': {'s': [[0], 'DQ==']}},
            {'servers': {'s': [[[0]], 'DQ']}},
            {'servers': {'s': [[[0]], 'DQ0=']}},
            {'servers': {'s': [[[0]], 'D Q==']}},
            {'servers': {'s': [[[0]], None]}},
            {'servers': {'s': [[[0]], '\u00e4']}},
        ):
            self.assertRaises(
                (AttributeError, LookupError, TypeError, ValueError),
                rankings_format.decode,
                good | change,
                HOSTS,
            )
        self.assertRaises(KeyError, rankings_format.decode, {}, HOSTS)

    @given(st.sets(st.text(max_size=3), max_size=40), st.data())
    def test_round_trip(self, hosts: set[str], data: st.DataObject) -> None:
        some = (
            st.sets(st.sampled_from(sorted(hosts)))
            if hosts
            else st.just(set[str]())
        )
        feasible = data.draw(some)
        best = data.draw(some)
        known = Rankings(
            7.0, {'s': Ranking([sorted(best)], frozenset(feasible))}
        )
        found = rankings_format.decode(sent(known, hosts), hosts).of['s']
        self.assertEqual(feasible, {*found.feasible})
        self.assertEqual(len(feasible), len(found.feasible))
        self.assertEqual((tuple(sorted(best)),), found.best)
        for host in hosts:
            self.assertEqual(host in feasible, host in found.feasible)

    def test_a_byte_for_eight_hosts(self) -> None:
        """8,000 hosts and 30 servers fit beside them into one message."""
        hosts = [f'compute{n:05}' for n in range(8000)]
        own = Ranking([[h] for h in hosts[:256]], frozenset(hosts))
        known = Rankings(7.0, {str(n): own for n in range(30)})
        size = len(json.dumps(rankings_format.encode(known, hosts)))
        self.assertLess(size, 110_000)


class TestVersions(base.BaseTestCase):
    @given(strategies.views())
    def test_a_view_without_movers_has_an_empty_part(self, view: Any) -> None:
        self.assertEqual(
            {'version': 1, 'at': 0.0, 'servers': {}},
            rankings_format.encode(view.rankings, view.hosts),
        )
