from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model import policy
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.policy import NEVER, Key, Policies
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)


def read(**metadata: str) -> Policies:
    """Of one aggregate with host a; of keys without ``steal:``."""
    said = {f'steal:{key}': value for key, value in metadata.items()}
    return policy.read_all([Aggregate(1, 'az1', ('a',), said)])


def value(key: Key, text: str) -> Any:
    found = read(**{key.removeprefix('steal:'): text}).first('a', key)
    return found.value if found else None


class TestValues(base.BaseTestCase):
    def test_what_can_be_read(self) -> None:
        for key, text, expected in (
            (Key.DRY_RUN, 'true', True),
            (Key.DRY_RUN, ' Yes ', True),
            (Key.DRY_RUN, 'off', False),
            (Key.STEAL_THRESHOLD, '10', 10.0),
            (Key.STEAL_THRESHOLD, '2.5', 2.5),
            (Key.LOAD_THRESHOLD, '0', 0.0),
            (Key.SLOTS, '3', 3),
            (Key.PRIORITY, '-5', -5),
            (Key.PRIORITY, '+7', 7),
            (Key.PRIORITY, 'Never', NEVER),
        ):
            self.assertEqual(expected, value(key, text), (key, text))
        found = value(Key.WINDOW, 'Mon-Fri 02:00-05:00 Asia/Tokyo')
        self.assertEqual(1, len(found.weekly))

    def test_what_makes_no_sense_is_ignored_alone_and_named(self) -> None:
        for key, text, cure in (
            ('dry_run', 'ture', 'write true or false'),
            ('dry_run', '', 'write true or false'),
            ('steal_threshold', '0.5', 'from 1 to 100 (percent)'),
            ('steal_threshold', '101', 'from 1 to 100 (percent)'),
            ('steal_threshold', '10%', 'from 1 to 100 (percent)'),
            ('steal_threshold', 'nan', 'from 1 to 100 (percent)'),
            ('steal_threshold', '1_0', 'from 1 to 100 (percent)'),
            ('steal_threshold', '\u0663', 'from 1 to 100 (percent)'),
            ('load_threshold', '70', 'from 0 to 10 (per vCPU)'),
            ('slots', '0', 'from 1 to 1000'),
            ('slots', '2.5', 'from 1 to 1000'),
            ('priority', 'high', 'or never'),
            ('priority', '1e3', 'or never'),
            ('window', 'nightly', 'is no window'),
            ('dryrun', 'true', 'none of ours: there are steal:dry_run'),
        ):
            found = read(
                **{key: text, 'slots' if key != 'slots' else 'x': '2'}
            )
            ignored = next(i for i in found.ignored if i.key == f'steal:{key}')
            self.assertEqual('az1', ignored.aggregate)
            self.assertIn(cure, ignored.detail, (key, text))
            if key != 'slots':
                self.assertEqual(1, len(found.ignored))
                self.assertEqual([Key.SLOTS], [*found.hosts['a']])

    def test_what_is_of_others(self) -> None:
        said = {
            'steal:pause': 'nonsense',
            'steal:migrate': 'never',
            'steal:skip:server:x': 'true',
            'steal:drain:host:a': 'true',
            'steal_weight_multiplier': '0',
            'availability_zone': 'az1',
        }
        found = policy.read_all([Aggregate(1, 'az1', ('a',), said)])
        self.assertEqual(policy.NO_POLICIES, found)

    def test_ours_is_about_no_host(self) -> None:
        said = {'steal:dry_run': 'true'}
        ours = Aggregate(1, 'steal-scheduler', (), said)
        (ignored,) = policy.read_all([ours]).ignored
        self.assertIn('holds no host', ignored.detail)
        # One that is being filled is none of it.
        empty = Aggregate(2, 'rack9', (), said)
        self.assertEqual(policy.NO_POLICIES, policy.read_all([empty]))

    @given(
        st.dictionaries(
            st.sampled_from(Key) | st.text(max_size=20).map('steal:'.__add__),
            st.text(max_size=255),
        )
    )
    def test_any_metadata(self, metadata: dict[str, str]) -> None:
        """Each is read, ignored with a sentence, or none of ours."""
        found = policy.read_all([Aggregate(1, 'az1', ('a',), metadata)])
        keys = [*found.hosts.get('a', {})]
        self.assertLessEqual(len(keys) + len(found.ignored), len(metadata))
        for key in Key:
            told = key in keys or key in {i.key for i in found.ignored}
            self.assertEqual(key in metadata, told, key)


class TestPrecedence(base.BaseTestCase):
    """Of a host in several aggregates the stricter value counts."""

    def test_the_strictest_is_the_first(self) -> None:
        for key, texts in (
            (Key.DRY_RUN, ('true', 'false')),
            (Key.STEAL_THRESHOLD, ('50', '10', '5')),
            (Key.LOAD_THRESHOLD, ('1.0', '0.3')),
            (Key.SLOTS, ('1', '2', '10')),
            (Key.PRIORITY, ('never', '-1', '0', '7')),
        ):
            several = [
                Aggregate(n, f'x{n}', ('a',), {key: text})
                for n, text in enumerate(texts)
            ]
            for aggregates in (several, several[::-1]):
                found = policy.read_all(aggregates).all('a', key)
                self.assertEqual([*texts], [s.text for s in found])
                self.assertEqual(
                    f'{key} = {texts[0]} of aggregate x0', found[0].where
                )

    def test_all_windows_count(self) -> None:
        aggregates = [
            Aggregate(n, name, ('a', name), {'steal:window': '01:00-02:00'})
            for n, name in enumerate('cb')
        ]
        found = policy.read_all(aggregates)
        self.assertEqual(
            ['b', 'c'], [s.aggregate for s in found.all('a', Key.WINDOW)]
        )
        self.assertEqual(1, len(found.all('b', Key.WINDOW)))

    def test_hosts_of_which_nothing_is_said(self) -> None:
        found = read(slots='1')
        for host in ('b', None):
            self.assertIsNone(found.first(host, Key.SLOTS))
        self.assertIsNone(found.first('a', Key.DRY_RUN))
