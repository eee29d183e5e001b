"""Every preset, as Prometheus reads it, and as exporters fill it."""

import json
import logging
import subprocess
import time

import fixtures
import yaml

from steal_scheduler.decision.usable_signals import with_guests
from steal_scheduler.model.cloud import Fleet, Server, Signals
from steal_scheduler.model.guest import GuestKey
from steal_scheduler.model.threads import Spent
from steal_scheduler.signals.prometheus import preset_file
from tests.integration import daemons, exporters
from tests.integration.exporters import WINDOW, PrometheusTestCase, source

#: The preset that asks guests besides.
BESIDES = 'steal-exporter-and-guests'


class PromtoolTest(daemons.TestCase):
    def test_promtool_reads_every_query(self):
        queries = {
            promql
            for name in preset_file.shipped()
            for selector in ('', 'region="r1", job!~"a|b"')
            for promql in source(
                preset=name, selector=selector
            ).promql.values()
        }
        path = self.directory() / 'rules.yml'
        rules = [
            {'record': f'x{n}', 'expr': promql}
            for n, promql in enumerate(queries)
        ]
        # JSON is YAML too.
        path.write_text(
            json.dumps({'groups': [{'name': 'x', 'rules': rules}]})
        )
        ran = subprocess.run(
            [daemons.program('promtool'), 'check', 'rules', str(path)],
            capture_output=True,
            text=True,
        )
        self.assertIn(f'{len(queries)} rules found', ran.stdout, ran.stderr)
        self.assertEqual(0, ran.returncode, ran.stdout + ran.stderr)


class StealExporterTest(PrometheusTestCase):
    """The default preset, on pages of the exporter itself."""

    def test_everything_that_it_tells(self):
        self.one.throttled = 0.3
        spiky = exporters.Server(
            'uuid-4', 'instance-4', 2, 0.6, 0.3, spiky=True
        )
        _, far = self.steal_exporters()
        far.servers.append(spiky)
        signals = self.start_full(self._assert_everything)
        self.assertEqual(WINDOW, signals.window)
        self.assertEqual({}, signals.guests)
        self.assertEqual(14, len(self.reader.promql))

    def _assert_everything(self, signals):
        # Of the spiky one a window holds two or three spikes.
        servers = {**signals.servers}
        spikes = servers.pop('uuid-4')
        self.assertTrue(0.25 < spikes.bad_seconds < 0.75, spikes)
        self.assertTrue(0.2 < spikes.steal < 0.45, spikes)
        self.assert_measured(Signals(servers, {}, 0.0), self.homes)
        for server_id, bad, throttled in (
            ('uuid-1', 1.0, 0.3),
            ('uuid-2', 0.0, 0.0),
            ('uuid-3', 1.0, 0.0),
        ):
            signal = servers[server_id]
            self.close(bad, signal.bad_seconds, signal)
            self.close(throttled, signal.throttled, signal)
            worst, others = signal.threads.worst, signal.threads.others
            self.close(signal.used / signal.vcpus, worst.used, signal)
            self.close(signal.waited / signal.vcpus, worst.waited, signal)
            self.close(0.3 * signal.used, others.used, signal)
            self.close(0.3 * signal.waited, others.waited, signal)
            self.assertFalse(signal.by_guest)
        for name, cores, used, vcpus in (
            ('cmp-1', 16, 2.3, 6),
            ('cmp-2.example', 8, 0.8, 3),
        ):
            host = signals.hosts[name]
            self.assertEqual(cores, host.cores)
            self.assertAlmostEqual(used, host.used, delta=0.25)
            self.close(vcpus / cores, host.runnable, host)
            self.assertTrue(-1 < host.clock_offset < 1, host)

    def test_clocks_and_samplers(self):
        near, far = self.steal_exporters()
        near.ahead = 100.0
        self.start(window=5)
        far.stands_still = True
        self.read_until(
            'one that stands still falls behind',
            lambda s: s.hosts['cmp-2.example'].clock_offset < -4,
        )
        self.read_until(
            'one whose clock is ahead is so',
            lambda s: 90 < s.hosts['cmp-1'].clock_offset < 110,
        )
        # And none of its seconds is bad or good any more.
        signals = self.read_until(
            'a window without a sample',
            lambda s: s.servers['uuid-3'].bad_seconds is None,
        )
        self.assertIsNone(signals.hosts['cmp-2.example'].runnable)
        self.assertEqual(8, signals.hosts['cmp-2.example'].cores)
        self.assertEqual(1.0, signals.servers['uuid-1'].bad_seconds)

    def test_scraped_twice_counts_once(self):
        near, _ = self.steal_exporters()
        self.serve(near, instance='cmp-1:9178', also='here')
        self.start_full(self._assert_once)

    def _assert_once(self, signals):
        self.assert_hypervisors(signals)
        self.assertAlmostEqual(2.3, signals.hosts['cmp-1'].used, delta=0.25)

    def test_dead_exporter(self):
        _, far = self.steal_exporters()
        self.start_full()
        self.pages.hide(far)
        self.read_until(
            'the dead one is absent',
            lambda s: 'uuid-3' not in s.servers and len(s.hosts) == 1,
            lambda s: self.assert_measured(s, self.homes[:2]),
        )

    def test_prometheus_restarts(self):
        _, far = self.steal_exporters()
        self.start()
        self.prometheus.stop()
        self.pages.hide(far)
        down = time.monotonic() + WINDOW + 1
        daemons.until('a window passed', lambda: time.monotonic() > down)
        self.prometheus.start()
        signals = self.read_until('it answers', lambda s: s.servers)
        # Its last samples are still shown, and too old.
        self.assertEqual({'cmp-1'}, {*signals.hosts})
        self.assertNotIn('uuid-3', signals.servers)


class HypervisorsTest(PrometheusTestCase):
    """The libvirt exporters, and node_exporter for their hosts."""

    def _assert_preset(self, name, kind):
        for servers, instance in (
            ([self.one, self.two], 'cmp-1:9177'),
            ([self.far], 'cmp-2.example:9177'),
        ):
            self.serve(kind(servers), instance=instance)
        for server in (self.one, self.two):
            server.first = 0.7
        self.nodes(ahead=-50.0)
        # A guest tells the same, of a server that is not its own.
        forged = exporters.Server('uuid-1', 'instance-1', 2, 0.1, 1.8)
        at = {'instance': '10.0.0.9:9177', 'instance_id': 'uuid-2'}
        self.serve(kind([forged]), **at)
        signals = self.start_full(self.assert_hypervisors, preset=name)
        self.assertEqual(9, len(self.reader.promql))
        for signal in signals.servers.values():
            part = 0.7 if signal.vcpus > 1 else 1.0
            worst = signal.threads.worst
            self.close(part * signal.used, worst.used, signal)
            self.close(part * signal.waited, worst.waited, signal)
            self.assertEqual(Spent(), signal.threads.others)
            self.assertIsNone(signal.throttled)
            self.assertIsNone(signal.bad_seconds)
        for host in signals.hosts.values():
            self.assertAlmostEqual(-50, host.clock_offset, delta=1)
            self.assertIsNone(host.runnable)
            self.assertIsNone(host.used)

        self.assertEqual(
            {'uuid-1': 2, 'uuid-2': 4, 'uuid-3': 1},
            {s.server_id: s.vcpus for s in signals.servers.values()},
        )

    def test_inovex(self):
        self._assert_preset('inovex', exporters.Inovex)

    def test_tinkoff(self):
        self._assert_preset('tinkoff', exporters.Tinkoff)


class GuestsTest(PrometheusTestCase):
    """node_exporter in the guests, alone and beside another exporter."""

    def setUp(self):
        super().setUp()
        self.logs = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )

    def _guests(self, label, *names, **labels):
        """One in every guest, known by this label and name."""
        for (guest, _), name in zip(self.homes, names, strict=True):
            node = exporters.Node(guest.vcpus, 2.5, guest, ahead=1000.0)
            labels[label] = name
            instance = f'10.0.0.{guest.server_id[-1]}:9100'
            self.serve(node, **{'instance': instance, **labels})

    def _assert_guests(self, signals, *names, used=False):
        self.assertEqual({*names}, {*signals.guests})
        for (guest, _), name in zip(self.homes, names, strict=True):
            told = signals.guests[name]
            self.assertEqual(2.5, told.load)
            self.close(guest.waited, told.waited, name)
            if used:
                self.close(guest.used, told.used, name)
            else:
                self.assertIsNone(told.used)

    def test_alone(self):
        uuids = [guest.server_id for guest, _ in self.homes]
        self._guests('instance_id', *uuids)
        self.nodes()
        signals = self.start_full(
            lambda s: self._assert_guests(s, *uuids, used=True),
            preset='node_exporter',
        )
        self.assertEqual({}, signals.servers)
        # A guest is no host, and its clock not a host's.
        self.assertEqual({'cmp-1', 'cmp-2.example'}, {*signals.hosts})
        for host in signals.hosts.values():
            self.assertTrue(-1 < host.clock_offset < 1, host)
        self.assertEqual(7, len(self.reader.promql))

    def _mixed(self, *names, **guests):
        """Return the first reading with these guests.

        :param guests: keys of this section of the preset
        """
        self.steal_exporters()
        self.start(preset=self.preset(extends=BESIDES, guests=guests))
        signals = self.read_until(
            'they are there',
            lambda s: (
                len(s.servers) == 3
                and {*names} == {*s.guests}
                and all(g.waited is not None for g in s.guests.values())
            ),
        )
        for signal in signals.servers.values():
            # They are joined by whom Nova knows, which is not the source.
            self.assertEqual((None, None), (signal.load, signal.guest_waited))
        self.assertEqual(17, len(self.reader.promql))
        return signals

    def _assert_joined(self, signals):
        """Each server is told what its guest tells."""
        servers = {}
        for n, (name, address) in enumerate(
            (
                ('shop-1', '10.0.0.1'),
                ('shop-2', '10.0.0.2'),
                ('books-1', '2001:db8::3'),
            ),
            start=1,
        ):
            servers[f'uuid-{n}'] = Server(
                f'uuid-{n}',
                name,
                host=self.homes[n - 1][1],
                zone='z',
                status='ACTIVE',
                vcpus=1,
                ram_mb=1,
                disk_gb=0,
                addresses=(address, f'192.0.2.{n}'),
            )
        joined = with_guests(signals, Fleet(servers, {}, {}))
        self.assertEqual({*servers}, {*joined})
        for guest, host in self.homes:
            signal = joined[guest.server_id]
            self.assertEqual((host, 2.5), (signal.host, signal.load))
            self.assertFalse(signal.by_guest)
            self.assertIsNotNone(signal.guest_waited)

    def test_mixed_by_uuid(self):
        self._guests('instance_id', 'uuid-1', 'uuid-2', 'uuid-3')
        self.steal_exporters()
        signals = self.start_full(
            lambda s: self._assert_guests(s, 'uuid-1', 'uuid-2', 'uuid-3'),
            preset=BESIDES,
        )
        self.read_until('all', lambda s: s.servers, self.assert_hypervisors)
        self.assertIs(GuestKey.UUID, signals.guests_by)
        self._assert_joined(signals)

    def test_mixed_by_name(self):
        names = ('shop-1', 'shop-2', 'books-1')
        self._guests('vm', *names)
        signals = self._mixed(
            *names,
            identified_by='name',
            label='vm',
            selector='vm!=""',
        )
        self.assertIs(GuestKey.NAME, signals.guests_by)
        self._assert_joined(signals)

    def test_mixed_by_address(self):
        # Hypervisors have an instance as well; guests have a job.
        addresses = ('10.0.0.1:9100', '10.0.0.2:9100', '[2001:db8::3]:9100')
        self._guests('instance', *addresses, job='guests')
        self.nodes(job='node')
        signals = self._mixed(
            '10.0.0.1',
            '10.0.0.2',
            '2001:db8::3',
            identified_by='address',
            label='instance',
            selector='job="guests"',
        )
        self.assertIs(GuestKey.ADDRESS, signals.guests_by)
        self._assert_joined(signals)

    def test_by_address_beside_a_libvirt_exporter(self):
        addresses = ('10.0.0.1:9100', '10.0.0.2:9100', '10.0.0.3:9100')
        self._guests('instance', *addresses, job='guests')
        self.nodes(job='node')
        self.serve(exporters.Inovex([self.one]), instance='cmp-1:9177')
        guests = yaml.safe_load(
            (preset_file.SHIPPED / f'{BESIDES}.yaml').read_text()
        )['guests']
        preset = self.preset(
            extends='inovex',
            guests=guests
            | {
                'identified_by': 'address',
                'label': 'instance',
                'selector': 'job="guests"',
            },
        )
        self.start(preset=preset)
        signals = self.read_until(
            'guests and hosts are there',
            lambda s: len(s.guests) == 3 and len(s.hosts) > 1,
        )
        # What guests have are no cores of hosts.
        self.assertEqual({'cmp-1', 'cmp-2.example'}, {*signals.hosts})

    def test_one_address_of_two_guests(self):
        # Of two tenants, each scraped by a job of its own.
        for job, guest in (('shop', self.one), ('books', self.two)):
            self.serve(
                exporters.Node(guest.vcpus, 2.5, guest),
                instance='10.0.0.7:9100',
                job=job,
            )
        self.serve(
            exporters.Node(1, 0.5, self.far),
            instance='10.0.0.8:9100',
            job='shop',
        )
        self._mixed(
            '10.0.0.8',
            identified_by='address',
            label='instance',
            selector='job=~"shop|books"',
        )
        self.assertIn('named by more than one series', self.logs.output)

    def test_a_guest_scraped_twice_counts_once(self):
        self._guests('instance_id', 'uuid-1', 'uuid-2', 'uuid-3')
        self._guests('instance_id', 'uuid-1', 'uuid-2', 'uuid-3', also='x')
        self.steal_exporters()
        self.start_full(
            lambda s: self._assert_guests(s, 'uuid-1', 'uuid-2', 'uuid-3'),
            preset=BESIDES,
        )

    def test_no_guest_answers(self):
        self._mixed()
        self.assertIn('no series for query guests.load', self.logs.output)
