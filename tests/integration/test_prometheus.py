"""PrometheusSource against a real Prometheus."""

import time

from steal_scheduler.exception import SignalError
from tests.integration import base, daemons, exporters
from tests.integration.prometheus import Prometheus, source

WINDOW = 6


class PrometheusTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.prometheus = Prometheus(self.directory())
        self.keep(self.prometheus.daemon.log)
        self.one = exporters.Server('uuid-1', 'instance-1', 2, 1.5, 0.4)
        self.two = exporters.Server('uuid-2', 'instance-2', 4, 0.8, 0.0)
        # Two hypervisors may use the same domain name.
        self.far = exporters.Server('uuid-3', 'instance-1', 1, 0.2, 0.7)

    def _serve(self, exporter, **labels):
        self.enterContext(exporter)
        self.prometheus.scrape(exporter.port, **labels)
        return exporter

    def _start(self, **options):
        """Start it; return the first reading."""
        self.enterContext(self.prometheus)
        # What is older than the window would mean a broken test.
        self.reader = source(
            url=self.prometheus.url, window=WINDOW, max_age=WINDOW, **options
        )
        return self._read_until('anything', lambda signals: True)

    def _start_full(self, **options):
        """Start it; return a reading with a full window."""
        self._start(**options)
        full = time.monotonic() + WINDOW + 1
        return self._read_until(
            'a full window', lambda signals: time.monotonic() > full
        )

    def _read_until(self, what, condition, within=30):
        """Return the first reading that is so."""

        def attempt():
            signals = self.reader.read(time.time())
            return signals if condition(signals) else None

        return daemons.until(what, attempt, within, failing=(SignalError,))

    def _hypervisors(self, kind):
        near = self._serve(kind([self.one, self.two]), instance='cmp-1:9177')
        far = self._serve(kind([self.far]), instance='cmp-2.example:9177')
        self._serve(exporters.Node(16, 3.0, None), instance='cmp-1:9100')
        self._serve(
            exporters.Node(8, 3.0, None), instance='cmp-2.example:9100'
        )
        return near, far

    def _assert_measured(self, signals, servers, load=None):
        self.assertEqual(
            {s.server_id for s, _ in servers}, set(signals.servers)
        )
        for server, host in servers:
            signal = signals.servers[server.server_id]
            self.assertEqual((host, load), (signal.host, signal.load))
            for expected, measured in (
                (server.used, signal.used),
                (server.waited, signal.waited),
            ):
                self.assertAlmostEqual(
                    expected, measured, delta=0.1 * expected + 1e-6
                )

    def _assert_hypervisors(self, signals):
        self._assert_measured(
            signals,
            [
                (self.one, 'cmp-1'),
                (self.two, 'cmp-1'),
                (self.far, 'cmp-2.example'),
            ],
        )
        self.assertEqual(
            {'cmp-1': 16, 'cmp-2.example': 8},
            {host.host: host.cores for host in signals.hosts.values()},
        )

    def test_inovex(self):
        self._hypervisors(exporters.Inovex)
        self._assert_hypervisors(self._start_full(preset='inovex'))
        # However many servers.
        before = self.reader.queries.total()
        self.reader.read(time.time())
        self.assertEqual(3, self.reader.queries.total() - before)

    def test_tinkoff(self):
        self._hypervisors(exporters.Tinkoff)
        self._assert_hypervisors(self._start_full(preset='tinkoff'))

    def test_node_exporter(self):
        guests = (self.one, self.two, self.far)
        for n, guest in enumerate(guests):
            self._serve(
                exporters.Node(guest.vcpus, 2.5, guest),
                instance=f'10.0.0.{n}:9100',
                instance_id=guest.server_id,
            )
        self._serve(exporters.Node(16, 9.0, None), instance='cmp-1:9100')
        signals = self._start_full(preset='node_exporter')
        # A guest's agent does not know its host, and is none.
        self._assert_measured(
            signals, [(guest, None) for guest in guests], load=2.5
        )
        self.assertEqual(['cmp-1'], list(signals.hosts))

    def test_scraped_twice_counts_once(self):
        near, _ = self._hypervisors(exporters.Inovex)
        node = exporters.Node(16, 3.0, None)
        self._serve(node, instance='cmp-1:9100', also='here')
        self.prometheus.scrape(near.port, instance='cmp-1:9177', also='here')
        self._assert_hypervisors(self._start_full())

    def test_restarted_server(self):
        self._hypervisors(exporters.Inovex)
        self._start_full()
        self.one.restart()
        deadline = time.monotonic() + WINDOW + 2

        def settled(signals):
            # While the fall of the counter crosses the window, too.
            signal = signals.servers['uuid-1']
            self.assertTrue(0 <= signal.used <= 1.1 * self.one.used)
            self.assertTrue(0 <= signal.waited <= 1.1 * self.one.waited)
            return time.monotonic() > deadline

        self._assert_hypervisors(self._read_until('a new window', settled))

    def test_dead_exporter(self):
        _, far = self._hypervisors(exporters.Inovex)
        self._start_full()
        far.stop()
        signals = self._read_until(
            'the dead one is absent',
            lambda signals: 'uuid-3' not in signals.servers,
            within=WINDOW + 5,
        )
        self._assert_measured(
            signals, [(self.one, 'cmp-1'), (self.two, 'cmp-1')]
        )

    def test_migrated_server(self):
        near, far = self._hypervisors(exporters.Inovex)
        self._start()
        near.servers.remove(self.one)
        self.one.restart()
        far.servers.append(self.one)
        self.one.domain = 'instance-9'
        signals = self._read_until(
            'it is seen on its new host',
            lambda signals: (
                'uuid-1' in signals.servers
                and signals.servers['uuid-1'].host == 'cmp-2.example'
            ),
        )
        # Steal is right at once; used and waited are when the window is full.
        self.assertAlmostEqual(
            self.one.waited / (self.one.used + self.one.waited),
            signals.servers['uuid-1'].steal,
            delta=0.03,
        )

    def test_two_hosts_claim_it(self):
        _, far = self._hypervisors(exporters.Inovex)
        far.servers.append(self.two)
        signals = self._start_full()
        self.assertEqual({'uuid-1', 'uuid-3'}, set(signals.servers))

    def test_stopped_and_started(self):
        self._hypervisors(exporters.Inovex)
        self._start()
        self.prometheus.stop()
        error = self.assertRaises(SignalError, self.reader.read, time.time())
        self.assertIn(self.prometheus.url, str(error))
        self.prometheus.start()
        self._read_until('it answers again', lambda signals: signals.servers)

    def test_no_exporter_at_all(self):
        self.enterContext(self.prometheus)
        self.reader = source(url=self.prometheus.url)
        error = self.assertRaises(SignalError, self.reader.read, time.time())
        self.assertIn('no series answers', str(error))

    def test_wrong_query(self):
        self._hypervisors(exporters.Inovex)
        self._start()
        for query, said in (
            ('sum by (', '400'),
            ('node_load1 * on (job) node_load1', '422'),
            ('rate(node_load1)', '400'),
            ('node_load1[1m]', "'matrix'"),
            ('42', "'scalar'"),
        ):
            reader = source(
                url=self.prometheus.url, max_age=WINDOW, waited_query=query
            )
            error = self.assertRaises(SignalError, reader.read, time.time())
            self.assertIn('waited_query', str(error))
            self.assertIn(said, str(error))
