import math

import hypothesis
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.model.cloud import HostSignal, ServerSignal
from steal_scheduler.model.guest import GuestSignal
from steal_scheduler.signals.prometheus import assemble
from steal_scheduler.signals.prometheus.drops import DropReason
from steal_scheduler.signals.prometheus.parse import METRICS, Subject
from tests.unit.signals.prometheus.test_parse import (
    FILTER,
    LABELS,
    MAX_AGE,
    NOW,
    SERIES,
    series,
)


def told(**answers):
    """What the series of each metric tell, with _ for the point."""
    table = {}
    for key, some in answers.items():
        metric = METRICS[key.replace('_', '.', 1)]
        samples, _ = FILTER.keep(metric, some)
        for name, sample in samples.items():
            table.setdefault(name, {})[metric.field] = sample
    return table


class ServersTest(base.BaseTestCase):
    def _servers(self, **answers):
        return assemble.servers(told(**answers))

    def test_complete(self):
        labels = {'id': 'a', 'host': 'h:9177'}
        servers, drops = self._servers(
            servers_used=[series(2.0, **labels)],
            servers_waited=[series(0.5, NOW - 3, **labels)],
            servers_throttled=[series(0.25, NOW - 9, **labels)],
            servers_bad_seconds=[series(1 + 1e-9, **labels)],
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
            servers_used=[series(id='a')], servers_waited=[]
        )
        self.assertEqual(({}, {DropReason.INCOMPLETE: 1}), (servers, drops))

    def test_vcpus(self):
        one, two = {'id': 'a', 'host': 'h'}, {'id': 'b', 'host': 'h'}
        both = [series(**one), series(**two)]
        for counted, found in (
            ([], {'a': None, 'b': None}),
            # Of b nobody knows of how many vCPUs the sums are.
            ([series(4, **one)], {'a': 4.0}),
            ([series(4, **one), series(2, **two)], {'a': 4.0, 'b': 2.0}),
            # Those of another host are not the ones that were summed.
            ([series(4, **one), series(2, id='b', host='i')], {'a': 4.0}),
        ):
            servers, _ = self._servers(
                servers_vcpus=counted, servers_used=both, servers_waited=both
            )
            self.assertEqual(found, {s: x.vcpus for s, x in servers.items()})

    def test_hosts_disagree(self):
        servers, drops = self._servers(
            servers_used=[series(id='a', host='h')],
            servers_waited=[series(id='a', host='i')],
        )
        self.assertEqual(({}, {DropReason.TWO_HOSTS: 1}), (servers, drops))

    def test_no_host_at_all(self):
        one = [series(id='a')]
        servers, _ = self._servers(servers_used=one, servers_waited=one)
        self.assertIsNone(servers['a'].host)

    def test_what_is_optional_is_unknown_without(self):
        one = [series(id='a', host='h')]
        for broken in (
            series(math.nan, id='a', host='h'),
            series(-1.0, id='a', host='h'),
            series(1e9, id='a', host='h'),
            series(1.0, NOW - 500, id='a', host='h'),
            # What another host measured is not of this one.
            series(1.0, id='a', host='i'),
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
        one = [series(id='a', host='h')]
        _, drops = self._servers(
            servers_used=one,
            servers_waited=one,
            servers_throttled=[series(id='a', host='i')],
        )
        self.assertEqual({DropReason.TWO_HOSTS: 1}, drops)

    def test_a_part_without_a_host_is_taken(self):
        one = [series(id='a', host='h')]
        servers, _ = self._servers(
            servers_used=one,
            servers_waited=one,
            servers_throttled=[series(0.5, id='a')],
        )
        self.assertEqual(0.5, servers['a'].throttled)

    def test_the_optional_alone_is_no_server(self):
        one = [series(id='a', host='h')]
        self.assertEqual(({}, {}), self._servers(servers_throttled=one))


class HostsTest(base.BaseTestCase):
    def test_complete(self):
        hosts = assemble.hosts(
            told(
                hosts_cores=[series(16.0, NOW - 5, host='h:1')],
                hosts_used=[series(7.5, host='h:2')],
                hosts_runnable=[series(1.25, host='h')],
                hosts_clock_offset=[series(-3.0, host='h')],
                hosts_network=[series(0.4, host='h')],
            )
        )
        expected = HostSignal('h', 16.0, NOW - 5, 7.5, 1.25, -3.0, network=0.4)
        self.assertEqual({'h': expected}, hosts)

    def test_only_cores_are_needed(self):
        hosts = assemble.hosts(
            told(
                hosts_cores=[series(8.0, host='h'), series(0.0, host='i')],
                hosts_clock_offset=[
                    series(2.0, host='j'),
                    series(math.nan, host='h'),
                ],
            )
        )
        # No cores is no host.
        self.assertEqual({'h': HostSignal('h', 8.0, NOW)}, hosts)


class GuestsTest(base.BaseTestCase):
    def _guests(self, complete=False, **answers):
        return assemble.guests(told(**answers), complete)

    def test_whatever_they_tell(self):
        guests, drops = self._guests(
            guests_waited=[series(0.5, NOW - 2, vm='a'), series(0.1, vm='b')],
            guests_load=[series(3.0, vm='a:9100'), series(1.0, vm='c')],
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
            guests_used=[series(2.0, vm='a'), series(2.0, vm='b')],
            guests_waited=[series(0.5, vm='a')],
            guests_load=[series(1.0, vm='c')],
        )
        self.assertEqual({DropReason.INCOMPLETE: 2}, drops)
        self.assertEqual({'a': GuestSignal(NOW, 2.0, 0.5)}, guests)

    def test_ambiguous_in_one_is_ambiguous(self):
        guests, _ = self._guests(
            # One of the two has just begun: no rate yet.
            guests_waited=[series(0.5, vm='a:1')],
            guests_load=[series(1.0, vm='a:1'), series(2.0, vm='a:2')],
        )
        self.assertEqual({}, guests)


class AnyMixTest(base.BaseTestCase):
    @hypothesis.settings(deadline=None, max_examples=50)
    @hypothesis.given(SERIES, SERIES, SERIES, SERIES)
    def test_only_the_complete_and_fresh(self, used, waited, throttled, bad):
        servers, _ = assemble.servers(
            told(
                servers_used=used,
                servers_waited=waited,
                servers_throttled=throttled,
                servers_bad_seconds=bad,
            )
        )
        for server in servers.values():
            # One series on each side and no more, with these very numbers.
            (at, value), (at_waited, waiting) = (
                self._usable(side, server) for side in (used, waited)
            )
            self.assertEqual((value, waiting), (server.used, server.waited))
            self.assertEqual(min(at, at_waited), server.at)
            for side, share in (
                (throttled, server.throttled),
                (bad, server.bad_seconds),
            ):
                if share is not None:
                    _, value = self._usable(side, server)
                    self.assertAlmostEqual(share, value, delta=1e-6)
            if server.bad_seconds is not None:
                self.assertLessEqual(server.bad_seconds, 1.0)

    def _usable(self, side, server: ServerSignal) -> tuple[float, float]:
        """Time and value of the series that name the server, and agree."""
        mine = server.server_id
        one, *_ = (s for s in side if s['metric'].get('id') == mine)
        at, value = map(float, one['value'])
        self.assertTrue(0 <= value < math.inf)
        self.assertLessEqual(abs(NOW - at), MAX_AGE)
        self.assertIn(
            LABELS[Subject.HOSTS].read(one), (server.host, DropReason.UNNAMED)
        )
        return at, value

    @hypothesis.settings(deadline=None, max_examples=50)
    @hypothesis.given(SERIES, SERIES, SERIES, st.sampled_from([True, False]))
    def test_a_host_has_cores_whatever_else(self, cores, used, clock, queue):
        more = {'hosts_runnable': used} if queue else {}
        all_told = told(
            hosts_cores=cores,
            hosts_used=used,
            hosts_clock_offset=clock,
            **more,
        )
        # But one of which series disagree may be two.
        clear = {n for n, one in all_told.items() if None not in one.values()}
        self.assertEqual(
            assemble.hosts(told(hosts_cores=cores)).keys() & clear,
            assemble.hosts(all_told).keys(),
        )

    def test_one_that_may_be_two_is_no_host(self):
        hosts = assemble.hosts(
            told(
                hosts_cores=[series(8.0, host='h')],
                hosts_used=[series(1.0, host='h'), series(9.0, host='h:1')],
            )
        )
        self.assertEqual({}, hosts)
