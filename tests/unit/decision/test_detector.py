import dataclasses
import random

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import detector
from steal_scheduler.decision.detector import Detection, Watches
from steal_scheduler.decision.rules import Rules
from steal_scheduler.model.cloud import Server, ServerSignal
from steal_scheduler.model.refusal import Reason
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import (
    NOW,
    fleet,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

RULES = rules(polls_contended=3, polls_window=5)
ONE = rules(polls_contended=1, polls_window=1)
#: Half of it waits, at a load of one per vCPU.
BAD = {'used': 2.0, 'waited': 2.0}
GOOD = {'used': 4.0, 'waited': 0.0}
#: Calm in the mean; a tenth of its seconds are bad.
SPIKES = {'used': 0.5, 'waited': 0.01, 'bad_seconds': 0.1}
LETTERS = {'b': BAD, 'g': GOOD, 's': SPIKES}


def judged(
    poll: dict[str, ServerSignal],
    *servers: Server,
    watches: Watches | None = None,
    rules: Rules = RULES,
) -> Detection:
    measured = signals(*poll.values())
    known = snapshot(fleet(*servers), measured=measured, rules=rules)
    return detector.detect(known, watches or {})


def polls(
    pattern: str, rules: Rules = RULES, server_id: str = 's'
) -> Detection:
    """What the last of these polls finds.

    :param pattern: one letter a poll: b is contended, s by spikes, g is
        not, - no signal, = the sample of the poll before once more
    """
    watches: Watches = {}
    found = Detection((), (), {})
    last = signals()
    for n, letter in enumerate(pattern):
        if letter == '-':
            last = signals()
        elif letter != '=':
            values = LETTERS[letter]
            last = signals(signal(server_id, at=NOW + 30 * n, **values))
        known = snapshot(fleet(server(server_id)), measured=last, rules=rules)
        found = detector.detect(known, watches)
        watches = found.watches
    return found


def once(rules: Rules = ONE, **values: float) -> Detection:
    return judged({'s': signal(**values)}, server(vcpus=4), rules=rules)


class TestKOfN(base.BaseTestCase):
    def test_three_of_five(self) -> None:
        for pattern in ('bbb', 'bgbgb', 'ggbbb', 'b-b-b', 'gggggbbb'):
            found = polls(pattern).findings
            self.assertEqual(['3 of 5 polls'], [f.polls for f in found])

    def test_too_few_or_too_long_ago(self) -> None:
        for pattern in ('b', 'bb', 'bggbgb', 'bb---b', 'bbbggg'):
            self.assertEqual((), polls(pattern).findings, pattern)

    def test_who_is_not_contended_now_is_not_found(self) -> None:
        self.assertEqual((), polls('bbbbg').findings)
        self.assertEqual((), polls('bbbb-').findings)

    def test_a_sample_counts_once(self) -> None:
        self.assertEqual((), polls('b====').findings)
        self.assertEqual((), polls('bb=').findings)

    def test_the_same_poll_again_says_the_same(self) -> None:
        for pattern in ('bbb', 'bbg', 'bgbgb'):
            self.assertEqual(polls(pattern), polls(pattern + '=='))

    def test_one_burst_is_no_finding(self) -> None:
        self.assertEqual((), polls('gsggs').findings)
        for pattern in ('sgsgs', 'bsgb', 'bbs'):
            self.assertEqual(1, len(polls(pattern).findings), pattern)

    def test_the_finding(self) -> None:
        (found,) = polls('gbbb').findings
        self.assertEqual(('s', 'a'), (found.server_id, found.host))
        self.assertEqual((0.5, 1.0), (found.steal, found.load))
        # Of a host of which nothing is known.
        self.assertEqual((2.0, 4.0), (found.demand.low, found.demand.high))
        self.assertIsNone(found.bad_seconds)

    @given(st.text('bg-', max_size=12))
    def test_any_pattern(self, pattern: str) -> None:
        found = polls(pattern)
        expected = pattern[-5:].count('b') >= 3 and pattern[-1] == 'b'
        self.assertEqual(expected, bool(found.findings))
        # Only who was contended in the window is remembered.
        self.assertEqual('b' in pattern[-5:], 's' in found.watches)


class TestThresholds(base.BaseTestCase):
    def test_steal(self) -> None:
        self.assertEqual(1, len(once(used=3.8, waited=0.2).findings))
        self.assertEqual(0, len(once(used=3.9, waited=0.1).findings))

    def test_load_as_seen_from_outside(self) -> None:
        self.assertEqual(1, len(once(used=0.6, waited=0.6).findings))
        self.assertEqual(0, len(once(used=0.5, waited=0.6).findings))

    def test_the_guests_own_load_counts_for_more(self) -> None:
        self.assertEqual(0, len(once(load=2.7, **BAD).findings))
        found = once(used=0.5, waited=0.5, load=2.8).findings
        self.assertEqual([0.7], [round(f.load, 6) for f in found])
        # However little of a core that is.
        self.assertEqual(1, len(once(used=0.4, waited=0.05, load=9).findings))

    def test_a_guests_own_load_counts_what_waits_too(self) -> None:
        """So a low threshold is for the load as seen from outside."""
        for threshold, load, found in (
            (0.3, 1.2, 0),
            (0.3, 2.8, 1),
            (0.9, 2.8, 0),
            (0.9, 3.6, 1),
        ):
            wants = rules(
                polls_contended=1, polls_window=1, load_threshold=threshold
            )
            made = once(wants, load=load, **BAD)
            self.assertEqual(found, len(made.findings), (threshold, load))

    def test_one_vcpu(self) -> None:
        found = judged(
            {'s': signal(used=0.4, waited=0.4)}, server(vcpus=1), rules=ONE
        )
        self.assertEqual([0.8], [f.load for f in found.findings])

    def test_a_server_that_wants_nothing(self) -> None:
        self.assertEqual(0, len(once(used=0, waited=0, load=9).findings))
        # Not even where every share is enough.
        other = rules(
            polls_contended=1,
            polls_window=1,
            steal_threshold=0,
            load_threshold=0,
        )
        self.assertEqual(0, len(once(other, used=0, waited=0).findings))

    def test_bad_seconds_find_what_the_mean_hides(self) -> None:
        (found,) = once(**SPIKES).findings
        self.assertEqual((0.1, 0.1275), (found.bad_seconds, found.load))
        calm = {**SPIKES, 'bad_seconds': 0.099}
        self.assertEqual((), once(**calm).findings)
        other = rules(
            polls_contended=1, polls_window=1, bad_seconds_threshold=9.9
        )
        self.assertEqual(1, len(once(other, **calm).findings))

    def test_the_mean_finds_what_has_no_bad_seconds(self) -> None:
        self.assertEqual(1, len(once(bad_seconds=0.0, **BAD).findings))

    def test_too_few_bad_seconds_are_no_load(self) -> None:
        idle = {'used': 0.5, 'waited': 0.5, 'bad_seconds': 0.0995}
        self.assertEqual((), once(**idle).findings)

    def test_its_own_quota(self) -> None:
        found = once(throttled=1.0, **BAD)
        self.assertEqual((), found.findings)
        self.assertEqual({}, found.watches)
        (refusal,) = found.refusals
        self.assertEqual(
            (Reason.QUOTA, 's'), (refusal.reason, refusal.server_id)
        )
        for word in ('1.00 of the 2.00 cores', 'larger flavor'):
            self.assertIn(word, refusal.detail)
        self.assertEqual(1, len(once(throttled=0.99, **BAD).findings))

    def test_its_own_quota_makes_bad_seconds_too(self) -> None:
        found = once(throttled=0.005, **SPIKES)
        self.assertEqual((), found.findings)
        self.assertEqual([Reason.QUOTA], [r.reason for r in found.refusals])

    def test_a_quota_that_never_held_it_back(self) -> None:
        for throttled, found in ((None, 1), (0.0, 1), (1.0, 0)):
            made = once(throttled=throttled, **BAD)
            self.assertEqual(found, len(made.findings), throttled)

    def test_a_quota_of_one_that_does_nothing(self) -> None:
        """Its quota is told of by another counter, that may be ahead."""
        made = once(used=0.0, waited=0.0, throttled=0.5)
        self.assertEqual(((), ()), (made.findings, made.refusals))

    def test_who_is_throttled_and_not_contended_is_not_refused(self) -> None:
        self.assertEqual((), once(throttled=0.5, **GOOD).refusals)


def cloud() -> st.SearchStrategy[dict[str, ServerSignal]]:
    # Quarters, of which the shares are exact.
    cores = st.integers(0, 32).map(lambda n: n / 4)
    return st.dictionaries(
        st.sampled_from('abcdefgh'),
        st.builds(
            signal,
            st.just(''),
            used=cores,
            waited=cores,
            throttled=st.none() | st.floats(0, 1),
            bad_seconds=st.none() | st.floats(0, 1),
        ),
    ).map(
        lambda found: {
            s: dataclasses.replace(f, server_id=s) for s, f in found.items()
        }
    )


class TestAtAGlance(base.BaseTestCase):
    @given(
        st.floats(0, 4),
        st.floats(0, 4),
        st.none() | st.floats(0, 4),
        st.none() | st.floats(0, 1),
    )
    def test_nobody_is_passed_over(
        self,
        used: float,
        waited: float,
        throttled: float | None,
        bad: float | None,
    ) -> None:
        one = signal(
            used=used, waited=waited, throttled=throttled, bad_seconds=bad
        )
        quota = detector.own_quota(one)
        # What waits for its own quota is judged without it.
        judge = dataclasses.replace(one, throttled=None) if quota else one
        contended = detector.is_contended(judge, 4, ONE.detection)
        found = judged({'s': one}, server(vcpus=4), rules=ONE)
        self.assertEqual(contended and not quota, bool(found.findings))
        self.assertEqual(contended and bool(quota), bool(found.refusals))


class TestAnyCloud(base.BaseTestCase):
    @given(st.lists(cloud(), max_size=6), st.randoms(use_true_random=False))
    def test_order_does_not_matter(
        self, seen: list[dict[str, ServerSignal]], chance: random.Random
    ) -> None:
        known = [*map(server, 'abcdefgh')]
        straight: Watches = {}
        shuffled: Watches = {}
        for n, poll in enumerate(seen):
            poll = {
                s: dataclasses.replace(f, at=NOW + n) for s, f in poll.items()
            }
            order = list(poll)
            chance.shuffle(order)
            one = judged(poll, *known, watches=straight)
            mixed = {s: poll[s] for s in order}
            other = judged(mixed, *known, watches=shuffled)
            self.assertEqual(set(one.findings), set(other.findings))
            self.assertEqual(set(one.refusals), set(other.refusals))
            self.assertEqual(one.watches, other.watches)
            straight, shuffled = one.watches, other.watches

    @given(cloud())
    def test_who_is_found_is_watched_and_not_refused(
        self, poll: dict[str, ServerSignal]
    ) -> None:
        found = judged(poll, *map(server, 'abcdefgh'), rules=ONE)
        contended = {f.server_id for f in found.findings}
        self.assertEqual(contended, set(found.watches))
        refused = {r.server_id for r in found.refusals}
        self.assertEqual(set(), contended & refused)
        # And nobody is overlooked: who is contended moves or is told why not.
        for s, one in poll.items():
            if one.throttled and 2 * one.throttled >= one.waited:
                one = dataclasses.replace(one, throttled=None)
            waits = detector.is_contended(one, 4, ONE.detection)
            self.assertEqual(waits, s in contended | refused)
