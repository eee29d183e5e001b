"""Prometheus as deployers set it up, and Nova's hosts beside it."""

import dataclasses
import time

import fixtures

from steal_scheduler.decision.decide import decide
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.exception import SignalError
from steal_scheduler.model.cloud import Fleet, Host
from steal_scheduler.reporting import text
from tests.integration import daemons, stored
from tests.integration.exporters import source
from tests.unit import make

#: vCPUs, cores used and waited; the first one is contended.
BUSY, CALM = (2, 1.2, 0.6), (2, 0.2, 0.001)
#: All of its pCPUs are in use, and it waits for nobody.
PINNED = (4, 4.0, 0.0)


class Case(daemons.TestCase):
    """Nova has compute1 and compute2, with addresses; busy is on the first."""

    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.hosts = {
            f'compute{n}': Host(
                f'compute{n}', 'az1', aliases=frozenset({f'10.5.0.2{n}'})
            )
            for n in (1, 2)
        }
        self.servers = [
            make.server('busy', host='compute1', vcpus=2),
            make.server('calm', host='compute2', vcpus=2),
        ]

    def start(self, *series):
        directory = self.directory()
        stored.store(directory, [one for each in series for one in each])
        self.prometheus = daemons.Prometheus(directory)
        self.keep(self.prometheus.daemon.log)
        self.enterContext(self.prometheus)

    def read(self, **options):
        """What is left of a reading beside what Nova tells."""
        self.source = source(url=self.prometheus.url, **options)
        now = time.time()
        snapshot = Snapshot(
            now,
            make.rules(polls_contended=1, polls_window=1),
            Fleet({s.server_id: s for s in self.servers}, self.hosts, {}),
            self.source.read(now),
        )
        return usable_signals(snapshot)

    def plan(self, snapshot):
        seen = self.view(snapshot)
        return text.as_text(text.decided(decide(seen, {}), seen))

    def view(self, snapshot):
        return dataclasses.replace(
            snapshot, view=build_view(snapshot), sent=True
        )

    def assert_read(self, snapshot, **cores):
        self.assertEqual({}, dict(snapshot.unreliable))
        self.assertEqual(
            cores, {n: h.cores for n, h in snapshot.signals.hosts.items()}
        )
        busy = snapshot.signals.servers['busy']
        self.assertEqual('compute1', busy.host)
        self.assertAlmostEqual(1.2, busy.used, delta=0.02)
        self.assertAlmostEqual(0.6, busy.waited, delta=0.02)
        decided = decide(self.view(snapshot), {})
        self.assertEqual(100.0, decided.coverage)
        return decided


class KollaAnsibleTest(Case):
    """Every 60 s, and ``instance`` is an address and a port."""

    def setUp(self):
        super().setUp()
        self.start(
            stored.libvirt('10.5.0.21:9177', {'busy': BUSY}, job='libvirt'),
            stored.libvirt('10.5.0.22:9177', {'calm': CALM}, job='libvirt'),
            stored.node('10.5.0.21:9100', 4, job='node'),
            stored.node('10.5.0.22:9100', 8, job='node'),
            # A controller.
            stored.node('10.5.0.10:9100', 8, job='node'),
        )

    def test_no_option_is_needed(self):
        snapshot = self.read(preset='inovex')
        self.assertEqual(240.0, snapshot.signals.window)
        self.assert_read(snapshot, compute1=4, compute2=8)
        self.assertEqual(('10.5.0.10',), snapshot.signals.strangers)
        self.assertEqual([], [*self.source.advice()])

    def test_a_window_that_holds_no_two_samples(self):
        error = self.assertRaises(
            SignalError, self.read, preset='inovex', window=50
        )
        self.assertIn(
            'is scraped every 60 seconds, and [prometheus] window = 50 '
            'seconds is less than 4 scrape intervals',
            str(error),
        )
        self.assertIn('Unset window, or set it to 240 or more', str(error))

    def test_nova_does_not_tell_addresses(self):
        self.hosts = {n: Host(n, 'az1') for n in self.hosts}
        snapshot = self.read(preset='inovex')
        self.assertIn(
            '3 hosts have signals, none is a Nova host: labels 10.5.0.10, '
            "10.5.0.21, 10.5.0.22; Nova's hosts compute1, compute2",
            self.plan(snapshot),
        )


class OtherNamesTest(Case):
    def test_units_of_a_charm(self):
        """Both exporters have the unit, and one of them the kernel's name."""
        self.start(
            stored.libvirt('juju-7-nova/0', {'busy': BUSY}),
            stored.libvirt('juju-7-nova/1', {'calm': CALM}),
            stored.node('juju-7-nova/0', 4, 'compute1'),
            stored.node('juju-7-nova/1', 8, 'compute2.maas'),
        )
        snapshot = self.read(preset='inovex')
        self.assert_read(snapshot, compute1=4, compute2=8)

    def test_each_exporter_by_another_name(self):
        self.start(
            stored.libvirt('10.5.0.21:9177', {'busy': BUSY}),
            stored.libvirt('compute2:9177', {'calm': CALM}),
            stored.node('compute1.example.org:9100', 4),
            stored.node('10.5.0.22:9100', 8),
        )
        snapshot = self.read(preset='inovex')
        self.assert_read(snapshot, compute1=4, compute2=8)

    def test_an_address_that_two_have(self):
        for name in self.hosts:
            self.hosts[name] = Host(
                name, 'az1', aliases=frozenset({'10.5.0.21'})
            )
        self.start(
            stored.libvirt('10.5.0.21:9177', {'busy': BUSY}),
            stored.libvirt('compute2:9177', {'calm': CALM}),
            stored.node('10.5.0.21:9100', 4),
            stored.node('compute2:9100', 8),
        )
        snapshot = self.read(preset='inovex')
        self.assertEqual({'calm'}, {*snapshot.signals.servers})
        (found,) = snapshot.unreliable.values()
        self.assertEqual(('compute1', 'ambiguous'), (found.host, found.reason))
        self.assertIn('10.5.0.21 may mean any of compute1, ', found.detail)


class GuestsTest(Case):
    def test_a_counter_of_steal_that_falls(self):
        """As some kernels' do; to Prometheus each fall is a new beginning."""
        self.start(
            stored.guest('busy', (2, 1.6, 0.001), falls=1.0),
            stored.guest('calm', CALM),
            stored.node('compute1', 4),
            stored.node('compute2', 8),
        )
        snapshot = self.read(preset='node_exporter')
        # It seems to wait for a sixth of its time, which is possible.
        told = snapshot.left_out['busy'].detail
        self.assertIn('0 of its 2 vCPUs are measured', told)
        self.assertIn('no counter of steal may fall', told)
        self.assertEqual({'calm'}, {*snapshot.signals.servers})

    def test_one_whose_scrapes_fail(self):
        """As its tenant likes: that is one server less, and no more."""
        self.servers.append(make.server('slow', host='compute2', vcpus=2))
        self.start(
            stored.guest('busy', BUSY),
            stored.guest('calm', CALM),
            # Its counter is the largest of all.
            stored.guest('slow', (2, 1.9, 0.1), interval=290),
            stored.node('compute1', 4),
            stored.node('compute2', 8),
        )
        snapshot = self.read(preset='node_exporter')
        self.assertEqual(240.0, snapshot.signals.window)
        self.assertEqual({'busy', 'calm'}, {*snapshot.signals.servers})
        self.assertIn(
            '1 without two samples in a window (new, or scraped too seldom) '
            '(slow)',
            self.logs.output,
        )


class MixedCloudTest(Case):
    """One store, two regions of the same addresses; two exporters on a host.

    In ours, machines of ironic, and servers that are pinned or opted out.
    """

    def setUp(self):
        super().setUp()
        # That of a controller, which has a node_exporter.
        self.hosts['controller1-ironic'] = Host(
            'controller1-ironic', 'az1', kind='ironic', cpus=0
        )
        self.servers += [
            make.server('stays', host='compute1', opted_out='flavor'),
            make.server('fixed', host='compute2', vcpus=4, dedicated=4),
            *(
                make.server(f'metal{n}', host='controller1-ironic', vcpus=64)
                for n in range(4)
            ),
        ]
        ours, other = {'region': 'eu1'}, {'region': 'eu2'}
        self.start(
            stored.libvirt(
                '10.5.0.21:9177', {'busy': BUSY, 'stays': CALM}, **ours
            ),
            stored.libvirt(
                '10.5.0.22:9177', {'calm': CALM, 'fixed': PINNED}, **ours
            ),
            # The exporter that was there before has not been removed.
            stored.libvirt(
                '10.5.0.21:9277', {'busy': BUSY}, job='before', **ours
            ),
            stored.node('10.5.0.21:9100', 2, 'compute1', **ours),
            stored.node('10.5.0.22:9100', 8, 'compute2', **ours),
            stored.node('10.5.0.10:9100', 16, 'controller1', **ours),
            stored.libvirt('10.5.0.21:9177', {'theirs': BUSY}, **other),
            stored.node('10.5.0.21:9100', 64, 'compute1', **other),
            stored.node('10.5.0.22:9100', 8, 'compute2', **other),
        )

    def test_two_options_are_enough(self):
        snapshot = self.read(preset='inovex', selector='region="eu1"')
        # Of 8 cores, 4 are one server's alone.
        decided = self.assert_read(snapshot, compute1=2, compute2=4)
        self.assertEqual(['busy'], [f.server_id for f in decided.findings])
        self.assertEqual(['busy'], [m.server_id for m in decided.admitted])

    def test_without_the_selector_nothing_moves_to_a_wrong_host(self):
        snapshot = self.read(preset='inovex')
        found = snapshot.unreliable['compute1']
        self.assertEqual('ambiguous', found.reason)
        self.assertIn('differ in region (eu1, eu2). Set [prom', found.detail)
        self.assertNotIn('compute1', snapshot.signals.hosts)
        self.assertIn(found.detail, self.plan(snapshot))
