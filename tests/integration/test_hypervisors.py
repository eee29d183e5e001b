"""Real guests on real hypervisors: what is measured, and what is made of it.

Nothing here is about how fast anything is. Shares of time are compared with
each other, and what is awaited has a deadline.
"""

import time

import requests

from steal_scheduler.model.refusal import Reason
from tests.integration import contention, guest
from tests.integration.contention import WINDOW, GuestsTestCase

#: It wants three quarters of a core: two are too many for one core, and one
#: leaves time for what else runs there.
BUSY = guest.bursts(on=300, every=400)


class ContentionTest(GuestsTestCase):
    """Three servers want the core of host-a, until one of them moves."""

    kvm = True

    def test_measured_found_and_relieved(self):
        servers = [self.lab.boot(self.a, load=BUSY) for _ in range(3)]
        moved = servers[0]
        uuids = {server.uuid for server in servers}
        self._assert_all_tell_the_same(servers)
        before = self.judged(
            'all three suffer', lambda verdict: verdict.findings >= uuids
        )
        begun = time.time()
        left = self.a.scrape()
        # Each host sees what is its own.
        for host, page in (self.a, left), (self.b, self.b.scrape()):
            found = {uuid for _, uuid in page if uuid}
            self.assertEqual(uuids if host is self.a else set(), found)
            self.assertEqual(1, page['steal_exporter_host_cores', ''])
        self.lab.migrate(moved, self.b)
        self.decider.moved(moved, self.a)
        self.wait_for('a poll', self.poll)
        self._assert_counts_anew(moved, left)
        # The first windows on the new host are the tricky ones.
        end = time.monotonic() + 2 * WINDOW
        self.judged('two windows', lambda _: time.monotonic() > end)
        self.judged(
            'all are relieved',
            lambda verdict: all(
                uuid in verdict.signals
                and verdict.signals[uuid].steal
                < before.signals[uuid].steal - 0.03
                for uuid in uuids
            ),
        )
        self.assert_findings_are_true()
        self.assert_hosts_are_reliable()
        self._assert_sane_rates(begun)

    def _assert_all_tell_the_same(self, servers):
        # Percent of the time.
        points = {contention.exporter: 5, contention.libvirt: 5}
        if self.kvm:
            points[contention.guest] = 3
        for key, (told, true) in self.shares(servers, points).items():
            source, server = key
            who = f'{source.__name__} of {server.name}'
            self.assertGreater(true, 0.2, who)
            self.assertAlmostEqual(
                true, told, delta=points[source] / 100, msg=who
            )

    def _assert_counts_anew(self, moved, left):
        def watched():
            key = 'steal_exporter_server_seconds_total', moved.uuid
            return self.b.scrape().get(key)

        self.judged('its new host shows it', lambda _: watched())
        page = self.b.scrape()
        for name in ('run', 'wait'):
            key = f'steal_exporter_server_{name}_seconds_total', moved.uuid
            self.assertLess(page[key], left[key], name)

        def hosts():
            query = (
                f'steal_exporter_server_seconds_total{{uuid="{moved.uuid}"}}'
            )
            return {
                series['metric']['instance']
                for series in self._ask('query', query=query)
            }

        self.judged(
            'only its new host shows it', lambda _: hosts() == {'host-b'}
        )

    def _assert_sane_rates(self, begun):
        """A vCPU neither runs nor waits for more than a core."""
        for name in ('run', 'wait'):
            rates = [
                float(value)
                for series in self._ask(
                    'query_range',
                    query=f'rate(steal_exporter_server_{name}_seconds_total[5s])',
                    start=begun,
                    end=time.time(),
                    step=1,
                )
                for _, value in series['values']
            ]
            self.assertNotEqual([], rates)
            self.assertGreaterEqual(min(rates), 0)
            self.assertLess(max(rates), 1.5)

    def _ask(self, what, **params):
        response = requests.get(
            f'{self.lab.prometheus.url}/api/v1/{what}', params, timeout=30
        )
        return response.json()['data']['result']


class QuotaTest(GuestsTestCase):
    def test_a_quota_is_no_contention(self):
        contended = [self.lab.boot(self.a, load=BUSY) for _ in range(2)]
        limited = self.lab.boot(self.b, quota=20)
        periods = 'steal_exporter_server_throttled_periods_total'
        self.wait_for(
            'the quota shows',
            lambda: self.b.scrape().get((periods, limited.uuid)),
        )
        shares = self.shares([*contended, limited], [contention.exporter])
        waits = {server: told for (_, server), (told, _) in shares.items()}
        for server in contended:
            self.assertGreater(waits[server], 0.1)
            self.assertGreater(waits[limited], waits[server])
            self.assertEqual(0, self.a.scrape()[periods, server.uuid])
        uuids = {server.uuid for server in contended}
        verdict = self.judged(
            'all are judged',
            lambda verdict: (
                verdict.findings >= uuids and limited.uuid in verdict.refusals
            ),
        )
        self.assertIs(Reason.QUOTA, verdict.refusals[limited.uuid].reason)
        for verdict, _ in self.polls:
            self.assertNotIn(limited.uuid, verdict.findings)
        self.assert_hosts_are_reliable()


class SpikesTest(GuestsTestCase):
    def test_bad_seconds_are_counted_and_found(self):
        spiky = self.lab.boot(self.a)
        calm = self.lab.boot(self.b, load=BUSY)
        self.lab.boot(self.a, load=guest.bursts(on=1500, every=8000))
        # Until all of them are measured.
        self.pause(5)
        found = self.judged(
            'the spikes are found',
            lambda verdict: spiky.uuid in verdict.findings,
        )
        self.assertGreater(found.signals[spiky.uuid].bad_seconds, 0)
        counted = {server: self._bad(server) for server in (spiky, calm)}
        begun = len(self.polls) - 2
        end = time.monotonic() + 2 * WINDOW
        self.judged('two windows', lambda _: time.monotonic() > end)
        for server, before in counted.items():
            host = self.lab.where[server].name
            told = [
                step
                for number, step in self.kernel_told(server.uuid, host).items()
                if number >= begun
            ]
            # A tenth of a second makes it bad; two polls may part it.
            suspect = sum(took for took, share in told if share > 0.05)
            certain = sum(took for took, share in told if share > 0.2)
            bad = self._bad(server) - before
            self.assertLessEqual(bad, 2 * suspect, server.name)
            self.assertGreaterEqual(bad, certain / 2 - 1, server.name)
        self.assert_findings_are_true()
        self.assert_hosts_are_reliable()

    def _bad(self, server):
        page = self.lab.where[server].scrape()
        return page['steal_exporter_server_bad_seconds_total', server.uuid]
