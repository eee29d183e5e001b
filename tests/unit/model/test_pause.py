import dataclasses
import datetime
import math

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model import pause
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.until import KEY_PATTERN
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)

#: 2026-11-29T14:00Z.
AT = 1795960800.0
FOREVER = math.inf
#: What Nova takes as a value.
VALUES = st.text(max_size=255)


def until(value: str) -> float:
    return pause.read('steal:pause', value).until


class TestValue(base.BaseTestCase):
    def test_the_example(self) -> None:
        self.assertEqual(
            AT,
            datetime.datetime(
                2026, 11, 29, 14, tzinfo=datetime.UTC
            ).timestamp(),
        )

    def test_times(self) -> None:
        for value in (
            '2026-11-29T14:00Z',
            '2026-11-29T14:00:00Z',
            ' 2026-11-29t14:00:00.250z ',
            '2026-11-29 14:00',
            '2026-11-29 14:00 UTC',
            '2026-11-29T14:00:00+00:00',
            '2026-11-29T16:00+02:00',
            '2026-11-29T09:00 -0500',
        ):
            self.assertEqual(AT, until(value) // 1, value)

    def test_who_and_what_for(self) -> None:
        for value, at, reason in (
            ('2026-11-29T14:00Z alice: a kernel', AT, 'alice: a kernel'),
            ('2026-11-29 14:00Z, rack 7', AT, 'rack 7'),
            ('true bob', FOREVER, 'bob'),
            ('Forever: bob', FOREVER, 'bob'),
            ('on', FOREVER, ''),
        ):
            found = pause.read('steal:pause', value)
            self.assertEqual((at, reason), (found.until, found.reason), value)
            self.assertEqual('', found.unclear, value)

    def test_off(self) -> None:
        for value in ('false', 'No', ' off', '0'):
            found = pause.read('steal:pause', value)
            self.assertFalse(found.in_force(0.0), value)
            self.assertIn('off by steal:pause', found.told(AT))

    def test_what_cannot_be_read_pauses_and_says_so(self) -> None:
        for value in (
            '',
            '2h',
            'tomorrow',
            '14:00',
            '2026-11-29',
            '2026-11-31T14:00Z',
            '2026-11-29T25:00Z',
            '26-11-29T14:00Z',
            '0026-11-29T14:00Z',
            '1795960800',
            '2026-11-29T14:00Zulu',
            # 8 hours after 14:00 UTC.
            '2026-11-29 14:00 PST',
            'no migrations, please',
            'not now',
            'falsey',
            'truely',
            'on2026',
        ):
            found = pause.read('steal:pause', value)
            self.assertTrue(found.in_force(AT * 10), value)
            self.assertIn('write for example', found.told(AT), value)

    @given(VALUES)
    def test_any_text(self, value: str) -> None:
        found = pause.read('steal:pause', value)
        self.assertIs(Scope.CLOUD, found.scope)
        # It ends because of a time of four digits, or it is one word.
        if not found.in_force(AT):
            self.assertTrue(
                value.strip().lower() in ('false', 'no', 'off', '0')
                or value.strip()[:1] in ('1', '2'),
                value,
            )
        self.assertIn('aggregate steal-scheduler', found.told(AT))


class TestKey(base.BaseTestCase):
    def test_what_it_is_about(self) -> None:
        for key, where in (
            ('steal:pause', 'the cloud'),
            ('Steal:Pause', 'the cloud'),
            ('steal:pause:zone:az1', 'zone az1'),
            ('steal:pause:host: a1.example.org', 'host a1.example.org'),
            ('STEAL:PAUSE:HOST:A1', 'host A1'),
            ('steal:pause:host:a:b', 'host a:b'),
        ):
            found = pause.read(key, 'true')
            self.assertEqual((where, ''), (found.where, found.unclear))

    def test_what_cannot_be_read_is_about_everything(self) -> None:
        for key in (
            'steal:paused',
            'steal:pause:',
            'steal:pause:host',
            'steal:pause:host:',
            'steal:pause:hosts:a1',
            'steal:pause:a1',
        ):
            for value in ('true', '2026-11-29T14:00Z', 'false'):
                found = pause.read(key, value)
                self.assertEqual('the cloud', found.where, key)
                self.assertTrue(found.in_force(AT * 10), key)
                self.assertIn('none of ours', found.told(AT))

    def test_the_case_makes_no_odds(self) -> None:
        found = pause.read('steal:pause:host:Node1', 'true')
        self.assertTrue(found.same(Scope.HOST, 'node1'))
        self.assertFalse(found.same(Scope.ZONE, 'node1'))
        self.assertFalse(found.same(Scope.HOST, 'node10'))


class TestWritten(base.BaseTestCase):
    @given(
        st.sampled_from(Scope),
        st.from_regex(r'[a-zA-Z0-9._-]{1,64}', fullmatch=True),
        st.integers(946684800, 32503680000 - 1) | st.just(FOREVER),
        st.sampled_from(['', 'alice', '2026-11-29T15:00Z', 'UTC', '-05:00']),
    )
    def test_it_is_read_as_it_was_meant(
        self, scope: Scope, name: str, until: float, reason: str
    ) -> None:
        meant = Pause(scope, '' if scope is Scope.CLOUD else name, until)
        meant = dataclasses.replace(meant, reason=reason)
        key, value = pause.written(meant)
        self.assertRegex(key, KEY_PATTERN)
        found = pause.read(key, value)
        self.assertEqual(dataclasses.replace(meant, key=key), found)


class TestReadAll(base.BaseTestCase):
    def told(self, *aggregates: Aggregate) -> list[str]:
        found = pause.read_all(aggregates)
        return [each.told(AT) for each in found]

    def test_ours(self) -> None:
        metadata = {
            'role': 'web',
            'steal:migrate': 'never',
            'steal:pause:host:a1': 'true',
            'steal:pause': '2026-11-29T14:30Z alice',
        }
        for name in ('steal-scheduler', 'Steal-Scheduler '):
            found = Aggregate(1, name, (), metadata)
            self.assertEqual(
                [
                    'paused until 2026-11-29 14:30 UTC by steal:pause of '
                    f'aggregate {name} (alice)',
                    'paused until somebody resumes by steal:pause:host:a1 of '
                    f'aggregate {name}',
                ],
                self.told(found),
            )

    def test_one_that_is_over(self) -> None:
        metadata = {'steal:pause': '2026-11-29T14:00Z'}
        (found,) = self.told(Aggregate(1, 'steal-scheduler', (), metadata))
        self.assertIn('over since 2026-11-29 14:00 UTC', found)

    def test_of_another_aggregate(self) -> None:
        """Whoever wrote it meant the hosts of that one."""
        fast = Aggregate(2, 'fast', ('a1', 'a2'), {'steal:pause': 'true'})
        empty = Aggregate(3, 'empty', (), {'steal:pause': 'true'})
        found = pause.read_all([fast, empty])
        self.assertEqual(['host a1', 'host a2'], [p.where for p in found])
        self.assertIn('of aggregate fast', found[0].told(AT))
