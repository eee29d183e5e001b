"""PrometheusSource against a real Prometheus."""

import math
import subprocess
import time

from steal_scheduler.exception import SignalError
from tests.integration import daemons, exporters
from tests.integration.exporters import WINDOW, PrometheusTestCase, source


class PrometheusTest(PrometheusTestCase):
    """Whatever the preset: servers, exporters and Prometheus come and go."""

    def _hypervisors(self):
        near = exporters.Inovex([self.one, self.two])
        far = exporters.Inovex([self.far])
        self.serve(near, instance='cmp-1:9177')
        self.serve(far, instance='cmp-2.example:9177')
        self.nodes()
        return near, far

    def start(self, **options):
        return super().start(**{'preset': 'inovex', **options})

    def test_scraped_twice_counts_once(self):
        near, _ = self._hypervisors()
        node = exporters.Node(16, 3.0, None)
        self.serve(node, instance='cmp-1:9100', also='here')
        self.serve(near, instance='cmp-1:9177', also='here')
        self.start_full(self.assert_hypervisors)

    def test_restarted_server(self):
        self._hypervisors()
        self.start_full()
        self.one.restart()
        deadline = time.monotonic() + WINDOW + 2
        seen = []

        def settled(signals):
            # While the fall of the counter crosses the window, too. It is
            # unknown while scrapes come late.
            seen.extend(filter(None, [signals.servers.get('uuid-1')]))
            return time.monotonic() > deadline

        self.read_until('a new window', settled, self.assert_hypervisors)
        for signal in seen:
            self.assertTrue(0 <= signal.used <= 2 * self.one.used)
            self.assertTrue(0 <= signal.waited <= 2 * self.one.waited)

    def test_dead_exporter(self):
        _, far = self._hypervisors()
        self.start_full()
        self.pages.hide(far)
        self.read_until(
            'the dead one is absent',
            lambda signals: 'uuid-3' not in signals.servers,
            lambda signals: self.assert_measured(signals, self.homes[:2]),
        )

    def test_the_past(self):
        """What is not there any more was there then."""
        _, far = self._hypervisors()
        told = self.start_full(self.assert_hypervisors)
        self.pages.hide(far)
        self.read_until(
            'the dead one is absent',
            lambda signals: 'uuid-3' not in signals.servers,
        )
        self.assert_hypervisors(self.reader.read_past(told.taken_at, WINDOW))

    def test_migrated_server(self):
        near, far = self._hypervisors()
        self.start()
        near.servers.remove(self.one)
        self.one.restart()
        far.servers.append(self.one)
        self.one.domain = 'instance-9'
        signals = self.read_until(
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

    def test_a_domain_of_two_servers_costs_itself(self):
        near, _ = self._hypervisors()
        near.stale.append((self.one.domain, 'uuid-of-old'))
        self.start_full(
            lambda signals: self.assert_measured(signals, self.homes[1:])
        )

    def test_a_part_of_a_server_is_told_from_the_whole(self):
        near, _ = self._hypervisors()
        near.delays = 1
        signals = self.start_full()
        self.assertEqual(
            {'uuid-1': 1, 'uuid-2': 1, 'uuid-3': 1},
            {s.server_id: s.vcpus for s in signals.servers.values()},
        )

    def test_what_no_number_is_costs_itself(self):
        """Of one host each, and of one server."""
        odd = exporters.Inovex([self.one, self.two])
        self.serve(odd, instance='cmp-1:9177')
        self.serve(exporters.Inovex([self.far]), instance='cmp-2.example:9177')
        self.nodes()
        for value in (math.nan, math.inf, -math.inf):
            self.one.used = value
            self.start_full(
                lambda signals: self.assert_measured(signals, self.homes[1:])
            )

    def test_two_hosts_claim_it(self):
        _, far = self._hypervisors()
        far.servers.append(self.two)
        signals = self.start_full()
        self.assertEqual({'uuid-1', 'uuid-3'}, set(signals.servers))

    def test_stopped_and_started(self):
        self._hypervisors()
        self.start()
        self.prometheus.stop()
        error = self.assertRaises(SignalError, self.reader.read, time.time())
        self.assertIn(self.prometheus.url, str(error))
        self.prometheus.start()
        self.read_until('it answers again', lambda signals: signals.servers)

    def test_no_exporter_at_all(self):
        reader = self.source()
        error = self.assertRaises(SignalError, reader.read, time.time())
        self.assertIn('no series answers', str(error))

    def test_a_part_that_breaks_is_named(self):
        self._hypervisors()
        self.start()
        for query, said in (
            ('sum by (', '400'),
            ('node_load1 * on (job) node_load1', '422'),
            ('rate(node_load1)', '400'),
            ('node_load1[1m]', "'matrix'"),
            ('42', "'scalar'"),
        ):
            for section, field in (
                ('servers', 'waited'),
                ('hosts', 'cores'),
                ('servers', 'throttled'),
            ):
                reader = source(
                    url=self.prometheus.url,
                    max_age=WINDOW,
                    preset=self.preset(
                        extends='inovex',
                        **{section: {field: query}},
                    ),
                )
                error = self.assertRaises(
                    SignalError, reader.read, time.time()
                )
                self.assertIn(f'query {section}.{field}: ', str(error))
                self.assertIn(said, str(error))

    def test_queries_of_an_operator_stay_whole(self):
        self._hypervisors()
        servers = (
            'max by ($server_label, $host_label)'
            ' (libvirt_domain_openstack_info{$selector})'
        )
        hosts = 'max by ($host_label) (node_load1{$selector})'
        preset = self.preset(
            servers={
                'label': 'instance_id',
                # A comment at the end, and an 'or' at the top.
                'used': f'{servers} # one core each',
                'waited': f'{servers} > 1 or\n{servers} / 4',
            },
            hosts={
                'label': 'instance',
                'cores': f'{hosts} > 100 or {hosts} # as its load',
            },
        )
        signals = self.start(preset=preset)
        self.assertEqual(
            {(1.0, 0.25)},
            {(s.used, s.waited) for s in signals.servers.values()},
        )
        self.assertEqual({9.0}, {h.cores for h in signals.hosts.values()})

    def test_a_selector_keeps_other_clouds_out(self):
        self.serve(
            exporters.Inovex([self.one]), instance='cmp-1:9177', cloud='a'
        )
        self.serve(
            exporters.Inovex([self.two]), instance='cmp-2:9177', cloud='b'
        )
        self.serve(
            exporters.Node(16, 9.0, None), instance='cmp-1:9100', cloud='a'
        )
        self.serve(
            exporters.Node(8, 9.0, None), instance='cmp-2:9100', cloud='b'
        )
        self.start(selector='cloud="a"')
        signals = self.read_until(
            'one is there', lambda signals: signals.servers
        )
        self.assertEqual({'uuid-1'}, {*signals.servers})
        self.assertEqual({'cmp-1'}, {*signals.hosts})

    def test_a_host_of_the_same_name_in_another_cloud(self):
        """Its cores are not added, and not the larger ones taken."""
        for cloud, server, cores in (
            ('a', self.one, 16),
            ('b', self.far, 64),
        ):
            self.serve(
                exporters.Steal(cores, [server]),
                instance='cmp-1:9178',
                cloud=cloud,
            )
            self.serve(
                exporters.Node(cores, 9.0, None),
                instance='cmp-1:9100',
                cloud=cloud,
            )
        for cloud, server in (('a', self.two), ('c', self.one)):
            self.serve(
                exporters.Inovex([server]), instance='cmp-2:9177', cloud=cloud
            )
        self.serve(
            exporters.Steal(8, [self.two]), instance='cmp-2:9178', cloud='a'
        )
        self.serve(
            exporters.Node(8, 9.0, None), instance='cmp-2:9100', cloud='a'
        )
        for preset in ('steal-exporter', 'inovex'):
            self.start(preset=preset)
            signals = self.read_until(
                'one is read', lambda signals: signals.hosts
            )
            self.assertEqual({'cmp-2': 8}, _cores(signals), preset)
            self.assertIn(
                'differ in cloud (a, b)', signals.ambiguous_hosts['cmp-1']
            )
            self.start(preset=preset, selector='cloud="a"')
            signals = self.read_until(
                'both are read', lambda signals: len(signals.hosts) > 1
            )
            self.assertEqual({'cmp-1': 16, 'cmp-2': 8}, _cores(signals))
            self.assertEqual({}, signals.ambiguous_hosts)


def _cores(signals):
    return {host.host: host.cores for host in signals.hosts.values()}


class SecuredTest(daemons.TestCase):
    """TLS and a password, as Prometheus' own web configuration has them."""

    #: bcrypt of 'secret'.
    _HASH = '$2b$05$VxE6N90wOfPU09o32ZmzmOLA.zv8xJmK5icMbfFHQEP0PCGsbVmwu'

    def setUp(self):
        super().setUp()
        directory = self.directory()
        self.cert = str(directory / 'cert.pem')
        subprocess.run(
            [
                *(daemons.program('openssl'), 'req', '-x509', '-nodes'),
                *('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'),
                *('-keyout', str(directory / 'key.pem'), '-out', self.cert),
                *('-days', '2', '-subj', '/CN=test'),
                *('-addext', 'subjectAltName=IP:127.0.0.1'),
            ],
            check=True,
            capture_output=True,
        )
        self.prometheus = daemons.Prometheus(
            directory,
            {
                'tls_server_config': {
                    'cert_file': self.cert,
                    'key_file': str(directory / 'key.pem'),
                },
                'basic_auth_users': {'monitor': self._HASH},
            },
            cafile=self.cert,
        )
        self.keep(self.prometheus.daemon.log)
        self.enterContext(self.prometheus)

    def _error(self, **options):
        reader = source(url=self.prometheus.url, **options)
        return str(self.assertRaises(SignalError, reader.read, time.time()))

    def test_certificate_is_verified(self):
        self.assertIn('TLS failed', self._error())

    def test_wrong_password(self):
        error = self._error(
            cafile=self.cert,
            auth_type='http_basic',
            username='monitor',
            password='wrong',
        )
        self.assertIn('401', error)
        self.assertNotIn('wrong', error)

    def test_let_in(self):
        for trust in ({'cafile': self.cert}, {'insecure': True}):
            error = self._error(
                auth_type='http_basic',
                username='monitor',
                password='secret',
                **trust,
            )
            # It is empty, and says so: the query was answered.
            self.assertIn('no series answers', error)
