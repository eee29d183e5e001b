from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import usable_signals
from steal_scheduler.decision.host_checks import OPTIONAL, HostCheck
from steal_scheduler.model.refusal import Reason
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import (
    NOW,
    fleet,
    guest,
    host_signal,
    rules,
    server,
    signal,
    signals,
    snapshot,
)


class TestFresh(base.BaseTestCase):
    def usable(self, *found, **more):
        return usable_signals.fresh_signals(
            snapshot(fleet(server()), measured=signals(*found, **more))
        )

    def test_fresh_and_where_nova_says(self):
        found = self.usable(signal())
        self.assertEqual({'s': signal()}, found.servers)
        self.assertEqual(NOW, found.taken_at)

    def test_stale_or_from_the_future(self):
        for at, counts in (
            (NOW - 120, True),
            (NOW - 121, False),
            (NOW + 120, True),
            (NOW + 121, False),
        ):
            found = self.usable(signal(at=at))
            self.assertEqual(counts, 's' in found.servers, at)

    def test_measured_on_another_host(self):
        self.assertEqual({}, self.usable(signal(host='b')).servers)

    def test_a_source_that_does_not_know_the_host(self):
        found = self.usable(signal(host=None)).servers
        self.assertEqual('a', found['s'].host)
        # It measures inside the guest, or it would know.
        self.assertTrue(found['s'].by_guest)

    def test_a_server_that_runs_nowhere(self):
        """Its guest was heard of a minute ago; then it was shelved."""
        for host in (None, ''):
            shelved = fleet(server(host=host, status='SHELVED_OFFLOADED'))
            told = signals(guests={'s': guest(used=2.0, waited=1.0)})
            found = usable_signals.usable_signals(
                snapshot(shelved, measured=told)
            )
            self.assertEqual({}, found.signals.servers, host)

    def test_what_a_guest_tells(self):
        told = {'s': guest(used=2.0, waited=1.0, load=5.0)}
        found = self.usable(signal(), guests=told).servers['s']
        self.assertEqual(
            (5.0, 1.0, False), (found.load, found.guest_waited, found.by_guest)
        )
        found = self.usable(guests=told).servers['s']
        self.assertEqual(
            ('a', 2.0, True), (found.host, found.used, found.by_guest)
        )

    def test_what_a_guest_told_long_ago(self):
        for at, counts in (
            (NOW - 120, True),
            (NOW - 121, False),
            (NOW + 120, True),
            (NOW + 121, False),
        ):
            told = {'s': guest(at=at, used=2.0, waited=1.0, load=5.0)}
            found = self.usable(signal(), guests=told).servers['s']
            self.assertEqual(counts, found.load is not None, at)
            self.assertEqual(counts, bool(self.usable(guests=told).servers))

    def test_a_server_that_nova_does_not_know(self):
        self.assertEqual({}, self.usable(signal('other')).servers)

    def test_hosts(self):
        found = self.usable(hosts={'a': 8.0, 'z': 8.0}).hosts
        self.assertEqual(['a'], list(found))
        for at, counts in (
            (NOW - 120, True),
            (NOW - 121, False),
            (NOW + 120, True),
            (NOW + 121, False),
        ):
            found = self.usable(hosts={'a': host_signal(at=at)}).hosts
            self.assertEqual(counts, 'a' in found, at)

    @given(st.floats(allow_nan=True), st.floats(1, 1e6))
    def test_whatever_counts_is_fresh(self, at, max_age):
        known = snapshot(
            fleet(server()),
            measured=signals(signal(at=at)),
            rules=rules(max_age=max_age),
        )
        found = usable_signals.fresh_signals(known)
        for one in found.servers.values():
            self.assertLessEqual(abs(one.at - NOW), max_age * 1.001)


class TestUnreliable(base.BaseTestCase):
    """x is on host a, whose metrics are unreliable, and y on b."""

    def usable(self, **told):
        known = snapshot(
            fleet(server('x', host='a'), server('y', host='b')),
            measured=signals(
                signal('x', host='a'),
                signal('y', host='b', waited=0.1),
                hosts={'a': host_signal('a', **told), 'b': 16.0},
            ),
            rules=rules(disabled_checks=set(OPTIONAL) - {HostCheck.CLOCK}),
        )
        return usable_signals.usable_signals(known)

    def test_everybody_is_reliable(self):
        found = self.usable()
        self.assertEqual(['c'], list(found.unreliable))
        self.assertEqual({'x', 'y'}, set(found.signals.servers))

    def test_an_implausible_host_tells_nothing_of_its_servers(self):
        found = self.usable(clock_offset=99.0)
        self.assertIs(HostCheck.CLOCK, found.unreliable['a'].reason)
        self.assertEqual({'y'}, set(found.signals.servers))
        self.assertEqual({'b'}, set(found.signals.hosts))

    def test_a_stale_host_with_fresh_servers(self):
        found = self.usable(at=NOW - 121)
        self.assertIs(HostCheck.STALE, found.unreliable['a'].reason)
        self.assertEqual({'x', 'y'}, set(found.signals.servers))


class TestLeftOut(base.BaseTestCase):
    """x cannot be so, or is seen in part; y is as ever."""

    def usable(self, x, **more):
        known = snapshot(
            fleet(server('x'), server('y')),
            measured=signals(x, signal('y'), hosts={'a': 16.0}, **more),
        )
        return usable_signals.usable_signals(known)

    def test_it_costs_itself(self):
        for wrong, reason in (
            ({'used': 0.1, 'waited': 178.0}, Reason.IMPLAUSIBLE),
            ({'used': 3.0, 'waited': 1.5}, Reason.IMPLAUSIBLE),
            ({'vcpus': 3.0}, Reason.PARTIAL),
        ):
            found = self.usable(signal('x', **wrong))
            self.assertEqual({'y'}, {*found.signals.servers})
            self.assertEqual({'x'}, {*found.left_out})
            self.assertIs(reason, found.left_out['x'].reason)

    def test_what_scrapes_may_add_is_no_fault(self):
        for right in (
            {'used': 3.0, 'waited': 1.4},
            {'vcpus': 4.0},
            {'vcpus': 5.0},
        ):
            found = self.usable(signal('x', **right))
            self.assertEqual({'x', 'y'}, {*found.signals.servers})
            self.assertEqual({}, found.left_out)

    def test_a_guest_whose_counter_fell(self):
        """The hypervisor's count of the same server stands."""
        for told, seen in (
            ({'waited': 178.0}, None),
            ({'waited': 1.0}, 1.0),
            ({'waited': 0.3, 'vcpus': 1.0}, None),
            ({'waited': 1.0, 'vcpus': 4.0}, 1.0),
        ):
            guests = {'x': guest(load=5.0, **told)}
            found = self.usable(signal('x'), guests=guests).signals.servers
            self.assertEqual(seen, found['x'].guest_waited)
            self.assertEqual((3.0, 5.0), (found['x'].used, found['x'].load))

    def test_guests_that_nobody_else_measures(self):
        for told, reason in (
            ({'waited': 178.0}, Reason.IMPLAUSIBLE),
            ({'waited': 0.3, 'vcpus': 1.0}, Reason.PARTIAL),
        ):
            found = self.usable(
                signal('z'), guests={'x': guest(used=1.0, **told)}
            )
            self.assertEqual({'y'}, {*found.signals.servers})
            self.assertIs(reason, found.left_out['x'].reason)
