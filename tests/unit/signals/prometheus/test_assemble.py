import dataclasses
import math
import re

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.cloud import GuestSignal, HostSignal, ServerSignal
from steal_scheduler.signals.prometheus import assemble
from steal_scheduler.signals.prometheus.parse import (
    METRICS,
    DropReason,
    Sample,
)
from tests.unit.signals.prometheus.test_parse import (
    FILTER,
    MAX_AGE,
    NAMES,
    NOW,
    SAMPLES,
    sample,
)


def answers(**samples):
    """By the name of the metric, with _ for the point."""
    return {
        name: FILTER.keep(METRICS[name], some)
        for key, some in samples.items()
        for name in [key.replace('_', '.', 1)]
    }


class ServersTest(base.BaseTestCase):
    def _servers(self, **samples):
        return assemble.servers(answers(**samples), NAMES)

    def test_complete(self):
        labels = {'id': 'a', 'host': 'h:9177'}
        servers, drops = self._servers(
            servers_used=[sample(2.0, **labels)],
            servers_waited=[sample(0.5, NOW - 3, **labels)],
            servers_throttled=[sample(0.25, NOW - 9, **labels)],
            servers_bad_seconds=[sample(1 + 1e-9, **labels)],
        )
        self.assertEqual({}, drops)
        self.assertEqual(
            {
                'a': ServerSignal(
                    'a',
                    'h',
                    used=2.0,
                    waited=0.5,
                    at=NOW - 3,
                    throttled=0.25,
                    bad_seconds=1.0,
                )
            },
            servers,
        )

    def test_without_waited_it_is_unknown(self):
        servers, drops = self._servers(
            servers_used=[sample(id='a')], servers_waited=[]
        )
        self.assertEqual(({}, {DropReason.INCOMPLETE: 1}), (servers, drops))

    def test_hosts_disagree(self):
        servers, drops = self._servers(
            servers_used=[sample(id='a', host='h')],
            servers_waited=[sample(id='a', host='i')],
        )
        self.assertEqual(({}, {DropReason.TWO_HOSTS: 1}), (servers, drops))

    def test_foreign_host(self):
        one = [sample(id='a', host='other')]
        names = dataclasses.replace(NAMES, host_regex=re.compile('(cmp.*)'))
        servers, drops = assemble.servers(
            answers(servers_used=one, servers_waited=one), names
        )
        self.assertEqual(({}, {DropReason.FOREIGN: 1}), (servers, drops))

    def test_no_host_at_all(self):
        one = [sample(id='a')]
        servers, _ = self._servers(servers_used=one, servers_waited=one)
        self.assertIsNone(servers['a'].host)

    def test_what_is_optional_is_unknown_without(self):
        one = [sample(id='a', host='h')]
        for broken in (
            sample(math.nan, id='a', host='h'),
            sample(-1.0, id='a', host='h'),
            sample(1e9, id='a', host='h'),
            sample(1.0, NOW - 500, id='a', host='h'),
            # What another host measured is not of this one.
            sample(1.0, id='a', host='i'),
        ):
            servers, _ = self._servers(
                servers_used=one,
                servers_waited=one,
                servers_throttled=[broken],
                servers_bad_seconds=[broken],
            )
            signal = servers['a']
            self.assertIsNone(signal.throttled)
            self.assertIsNone(signal.bad_seconds)

    def test_a_part_of_another_host_is_counted(self):
        one = [sample(id='a', host='h')]
        _, drops = self._servers(
            servers_used=one,
            servers_waited=one,
            servers_throttled=[sample(id='a', host='i')],
        )
        self.assertEqual({DropReason.TWO_HOSTS: 1}, drops)

    def test_a_part_without_a_host_is_taken(self):
        one = [sample(id='a', host='h')]
        servers, _ = self._servers(
            servers_used=one,
            servers_waited=one,
            servers_throttled=[sample(0.5, id='a')],
        )
        self.assertEqual(0.5, servers['a'].throttled)

    def test_the_optional_alone_is_no_server(self):
        one = [sample(id='a', host='h')]
        self.assertEqual(({}, {}), self._servers(servers_throttled=one))


class HostsTest(base.BaseTestCase):
    def test_complete(self):
        hosts = assemble.hosts(
            answers(
                hosts_cores=[sample(16.0, NOW - 5, host='h:1')],
                hosts_used=[sample(7.5, host='h:2')],
                hosts_runnable=[sample(1.25, host='h')],
                hosts_clock_offset=[sample(-3.0, host='h')],
            )
        )
        expected = HostSignal('h', 16.0, NOW - 5, 7.5, 1.25, -3.0)
        self.assertEqual({'h': expected}, hosts)

    def test_only_cores_are_needed(self):
        hosts = assemble.hosts(
            answers(
                hosts_cores=[sample(8.0, host='h'), sample(0.0, host='i')],
                hosts_clock_offset=[
                    sample(2.0, host='j'),
                    sample(math.nan, host='h'),
                ],
            )
        )
        # No cores is no host.
        self.assertEqual({'h': HostSignal('h', 8.0, NOW)}, hosts)


class GuestsTest(base.BaseTestCase):
    def _guests(self, complete=False, **samples):
        return assemble.guests(answers(**samples), complete)

    def test_whatever_they_tell(self):
        guests, drops = self._guests(
            guests_waited=[sample(0.5, NOW - 2, vm='a'), sample(0.1, vm='b')],
            guests_load=[sample(3.0, vm='a:9100'), sample(1.0, vm='c')],
        )
        self.assertEqual({}, drops)
        self.assertEqual(
            {
                'a': GuestSignal(NOW - 2, waited=0.5, load=3.0),
                'b': GuestSignal(NOW, waited=0.1),
                'c': GuestSignal(NOW, load=1.0),
            },
            guests,
        )

    def test_alone_they_must_tell_used_and_waited(self):
        guests, drops = self._guests(
            complete=True,
            guests_used=[sample(2.0, vm='a'), sample(2.0, vm='b')],
            guests_waited=[sample(0.5, vm='a')],
            guests_load=[sample(1.0, vm='c')],
        )
        self.assertEqual({DropReason.INCOMPLETE: 2}, drops)
        self.assertEqual({'a': GuestSignal(NOW, 2.0, 0.5)}, guests)

    def test_ambiguous_in_one_is_ambiguous(self):
        guests, _ = self._guests(
            # One of the two has just begun: no rate yet.
            guests_waited=[sample(0.5, vm='a:1')],
            guests_load=[sample(1.0, vm='a:1'), sample(2.0, vm='a:2')],
        )
        self.assertEqual({}, guests)


class AnyMixTest(base.BaseTestCase):
    @hypothesis.settings(deadline=None, max_examples=50)
    @hypothesis.given(SAMPLES, SAMPLES, SAMPLES, SAMPLES)
    def test_only_the_complete_and_fresh(self, used, waited, throttled, bad):
        servers, _ = assemble.servers(
            answers(
                servers_used=used,
                servers_waited=waited,
                servers_throttled=throttled,
                servers_bad_seconds=bad,
            ),
            NAMES,
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
            self.assertEqual(min(mine.at, theirs.at), server.at)
            for one in mine, theirs:
                self._assert_usable(one, server)
            for side, value in (
                (throttled, server.throttled),
                (bad, server.bad_seconds),
            ):
                if value is not None:
                    (one,) = (
                        s for s in side if s.labels.get('id') == server_id
                    )
                    self._assert_usable(one, server)
                    self.assertAlmostEqual(value, one.value, delta=1e-6)
            if server.bad_seconds is not None:
                self.assertLessEqual(server.bad_seconds, 1.0)

    def _assert_usable(self, one: Sample, server: ServerSignal) -> None:
        self.assertTrue(0 <= one.value < math.inf)
        self.assertLessEqual(abs(NOW - one.at), MAX_AGE)
        self.assertIn(NAMES.host(one), (server.host, DropReason.UNNAMED))

    @hypothesis.settings(deadline=None, max_examples=50)
    @hypothesis.given(
        SAMPLES, SAMPLES, SAMPLES, st.sampled_from([True, False])
    )
    def test_a_host_has_cores_whatever_else(self, cores, used, clock, queue):
        more = {'hosts_runnable': used} if queue else {}
        hosts = assemble.hosts(
            answers(
                hosts_cores=cores,
                hosts_used=used,
                hosts_clock_offset=clock,
                **more,
            )
        )
        self.assertEqual(
            assemble.hosts(answers(hosts_cores=cores)).keys(), hosts.keys()
        )
