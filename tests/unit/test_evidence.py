from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler import evidence
from steal_scheduler.model import HostSignal, Signals
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import NOW, fleet, server, signal, signals


class TestUsable(base.BaseTestCase):
    def usable(self, *found, **more):
        return evidence.usable(
            signals(*found, **more), fleet(server()), NOW, 120.0
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

    def test_a_server_that_nova_does_not_know(self):
        self.assertEqual({}, self.usable(signal('other')).servers)

    def test_hosts(self):
        found = self.usable(hosts={'a': 8.0, 'z': 8.0}).hosts
        self.assertEqual(['a'], list(found))
        stale = Signals({}, {'a': HostSignal('a', 8.0, NOW - 121)}, NOW)
        self.assertEqual({}, evidence.usable(stale, fleet(), NOW, 120.0).hosts)

    @given(st.floats(allow_nan=True), st.floats(1, 1e6))
    def test_whatever_counts_is_fresh(self, at, max_age):
        found = evidence.usable(
            signals(signal(at=at)), fleet(server()), NOW, max_age
        )
        for one in found.servers.values():
            self.assertLessEqual(abs(one.at - NOW), max_age * 1.001)


class TestCoverage(base.BaseTestCase):
    def test_running_servers_count(self):
        known = fleet(
            server('seen'),
            server('blind'),
            server('off', status='SHUTOFF'),
            server('nowhere', host=None),
        )
        found = evidence.coverage(signals(signal('seen')), known)
        self.assertEqual(50.0, found)

    def test_who_has_just_arrived_does_not_count(self):
        known = fleet(server('seen'), server('arrived'))
        found = evidence.coverage(signals(signal('seen')), known, {'arrived'})
        self.assertEqual(100.0, found)

    def test_nobody_runs(self):
        self.assertEqual(100.0, evidence.coverage(signals(), fleet()))
