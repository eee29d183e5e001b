import yaml

from tests.standins import prometheus
from tests.unit.signals.prometheus import test_source
from tests.unit.signals.prometheus.test_source import NOW, PLAIN

#: What is asked first, and of which series.
TOP = 'topk by (host) (1, count_over_time(used{}[600s]))'
SERIES = {'vcpu': '0', 'host': 'cmp "1"'}
RANGE = 'used{vcpu="0", host="cmp \\"1\\""}[600s]'


class Case(test_source.Case):
    """Servers are asked for a rate, hosts are not."""

    WINDOW = None

    def setUp(self):
        super().setUp()
        content = PLAIN | {
            'servers': {
                'label': 'server_id',
                'used': 'rate(used{$selector}[$window])',
                'waited': 'rate(waited{$selector}[$window])',
            },
            'hosts': {'label': 'host', 'cores': 'hosts.cores'},
        }
        del content['guests']
        self.content = content
        self.begin()
        self._says(hosts_cores=[(test_source.H, 16, NOW)])
        self.answers = self.prometheus.answers = dict(self.prometheus.answers)
        self.scraped(15)
        for seconds in (60, 100, 240, 3600):
            self.rates(seconds, [(test_source.A, 0.5, NOW)])

    def begin(self):
        self.source = self._source(self.content, window=self.WINDOW)
        # Whatever is answered here is fresh.
        self.source.conf.set_override('max_age', 3600, group='signals')

    def rates(self, seconds, series):
        for metric in ('used', 'waited'):
            query = f'rate({metric}{{}}[{seconds}s])'
            self.answers[query] = prometheus.vector(*series)

    def scraped(self, *gaps):
        """At these intervals, the last of them for as long as it takes."""
        times = [NOW - 600.0]
        while times[-1] < NOW:
            index = min(len(times), len(gaps)) - 1
            times.append(times[-1] + gaps[index])
        self.samples(times)

    def samples(self, times):
        self.answers[TOP] = prometheus.vector((SERIES, len(times), NOW))
        values = [[at, '1'] for at in times]
        self.answers[RANGE] = {
            'status': 'success',
            'data': {
                'resultType': 'matrix',
                'result': [{'metric': SERIES, 'values': values}],
            },
        }

    def window(self, after=0.0):
        return self.source.read(NOW + after).window


class UnsetTest(Case):
    def test_four_intervals(self):
        for gaps, window in (
            ((1,), 60),
            ((15,), 60),
            ((25,), 100),
            ((60,), 240),
            # One scrape failed.
            ((60, 120, 60), 240),
            ((299,), 1196),
        ):
            self.begin()
            self.rates(window, [(test_source.A, 0.5, NOW)])
            self.scraped(*gaps)
            self.assertEqual(window, self.window(), gaps)

    def test_it_is_said_once(self):
        self.scraped(60)
        self.window()
        self.window(60)
        self.assertEqual(
            'used is scraped every 60 seconds: rates are taken over 240 '
            'seconds\n',
            self.logs.output,
        )
        self.assertEqual([], [*self.source.advice()])

    def test_it_is_looked_at_now_and_then(self):
        self.window()
        for after, window in ((599, 60), (600, 240)):
            self.scraped(60)
            self.assertEqual(window, self.window(after))

    def test_until_it_is_known(self):
        self.samples([NOW])
        self.assertEqual(60, self.window())
        self.scraped(60)
        self.assertEqual(240, self.window(60))

    def test_prometheus_does_not_tell(self):
        for query in (TOP, RANGE):
            before = self.answers[query]
            for bad in (
                (400, {'status': 'error', 'error': 'no'}),
                {'status': 'success', 'data': {'resultType': 'scalar'}},
                {
                    'status': 'success',
                    'data': {'resultType': 'matrix', 'result': [7]},
                },
            ):
                self.answers[query] = bad
                self.assertEqual(60, self.window())
            self.answers[query] = before

    def test_one_sample_so_far(self):
        self.samples([NOW])
        self.rates(60, [])
        self._fails(
            'query servers.used: no series answers. used has fewer than two '
            'samples in the last 600 seconds, and a rate needs two: wait for '
            'the next scrape, or scrape more often than every 150 seconds.'
        )

    def test_nothing_there(self):
        self.rates(60, [])
        waited = TOP.replace('used', 'waited')
        self.answers[TOP] = self.answers[waited] = prometheus.vector()
        self._fails('query servers.used: no series answers. Look whether')

    def test_too_old_before_the_next_scrape(self):
        self.scraped(120)
        self.rates(480, [(test_source.A, 0.5, NOW)])
        self.window()
        (said,) = self.source.advice()
        self.assertIn('used is scraped every 120 seconds, and [signals', said)
        self.assertIn('Set max_age to 240 or more', said)
        # Then no host has cores, and it is not node_exporter's fault.
        self.answers['hosts.cores'] = prometheus.vector()
        self._fails('query hosts.cores: no series answers', said)


class SetTest(Case):
    WINDOW = 100

    SAID = (
        'used is scraped every 60 seconds, and [prometheus] window = 100 '
        'seconds is less than 4 scrape intervals: a rate needs two samples, '
        'also where a scrape fails. Unset window, or set it to 240 or more'
    )

    def test_it_counts(self):
        self.scraped(1)
        self.assertEqual(100, self.window())
        self.assertEqual([], [*self.source.advice()])

    def test_it_is_too_short(self):
        self.scraped(60)
        self.assertEqual(100, self.window())
        self.assertEqual([self.SAID], [*self.source.advice()])

    def test_no_rate(self):
        self.scraped(60)
        self.rates(100, [])
        self._fails(f'servers.used: no series answers. {self.SAID}.')

    def test_no_series_at_all(self):
        self.rates(100, [])
        self.answers[TOP] = prometheus.vector()
        self._fails('servers.used: no series answers. Look whether the')


class SeveralTest(Case):
    GUESTS = 'topk by (vm) (1, count_over_time(load{}[600s]))'

    def setUp(self):
        super().setUp()
        content = yaml.safe_load(
            """
            servers: {label: server_id, used: 'rate(used{}[$window])'}
            guests:
              identified_by: uuid
              label: vm
              load: rate(load{}[$window])
            """
        )
        content['servers']['waited'] = content['servers']['used']
        content['hosts'] = {'label': 'host', 'cores': 'hosts.cores'}
        self.content = content
        self.begin()
        for seconds in (60, 240):
            self.answers[f'rate(load{{}}[{seconds}s])'] = prometheus.vector()
        self.answers[self.GUESTS] = prometheus.vector()

    def guest(self, label, matcher):
        """One, scraped each minute, with this label."""
        self.answers[self.GUESTS] = prometheus.vector(({label: 'a'}, 10, NOW))
        self.answers[f'load{{{matcher}="a"}}[600s]'] = {
            'status': 'success',
            'data': {
                'resultType': 'matrix',
                'result': [{'values': [[NOW - 60, '1'], [NOW, '2']]}],
            },
        }

    def test_the_slowest_counts(self):
        """Guests may be scraped by another job."""
        self.assertEqual(60, self.window())
        self.guest('vm', 'vm')
        self.assertEqual(240, self.window(600))

    def test_a_guest_that_is_too_slow(self):
        """It is too old when it is asked for, and its tenant wants it so."""
        self.guest('vm', 'vm')
        self.answers['load{vm="a"}[600s]']['data']['result'] = [
            {'values': [[NOW - 500, '1'], [NOW, '2']]}
        ]
        self.assertEqual(60, self.window())

    def test_a_label_of_any_name(self):
        """Prometheus 3 takes what a guest calls its labels."""
        self.guest('my.label', '"my.label"')
        self.assertEqual(240, self.window())

    def test_what_is_not_told_stays(self):
        """Guests that are scraped more often shorten no window of hosts."""
        self.scraped(60)
        self.rates(240, [(test_source.A, 0.5, NOW)])
        self.assertEqual(240, self.window())
        self.guest('vm', 'vm')
        self.answers['load{vm="a"}[600s]']['data']['result'] = [
            {'values': [[NOW - 15, '1'], [NOW, '2']]}
        ]
        for after, trouble in ((600, (500, b'')), (1200, prometheus.vector())):
            self.answers[TOP] = trouble
            self.assertEqual(240, self.window(after))
        self.samples([NOW])
        self.assertEqual(240, self.window(1800))

    def test_guests_that_cannot_be_asked_hold_up_no_host(self):
        self.answers[self.GUESTS] = (400, {'status': 'error'})
        self.scraped(60)
        self.rates(240, [(test_source.A, 0.5, NOW)])
        self.assertEqual(240, self.window())


class SlowTest(Case):
    """Of several targets some have few samples: whose scrapes fail."""

    def targets(self, **gaps):
        """By target, how many seconds its samples are apart."""
        counts = {name: 600 // gap for name, gap in gaps.items()}
        self.answers[TOP] = prometheus.vector(
            *(({'host': name}, n, NOW) for name, n in counts.items())
        )
        for name, gap in gaps.items():
            values = [[NOW - gap * n, '1'] for n in range(counts[name])]
            self.answers[f'used{{host="{name}"}}[600s]'] = {
                'status': 'success',
                'data': {
                    'resultType': 'matrix',
                    'result': [{'values': values[::-1]}],
                },
            }

    def test_what_half_of_them_show(self):
        for gaps, window in (
            ({'a': 15, 'b': 15, 'c': 119}, 60),
            ({'a': 119, 'b': 15}, 60),
            ({'a': 119, 'b': 25, 'c': 119, 'd': 25}, 100),
            ({'a': 60, 'b': 60, 'c': 15}, 240),
            # One that is scraped more often shortens nothing either.
            ({'a': 1, 'b': 60, 'c': 60}, 240),
        ):
            self.begin()
            self.rates(window, [(test_source.A, 0.5, NOW)])
            self.targets(**gaps)
            self.assertEqual(window, self.window(), gaps)

    def test_the_slow_ones_are_named(self):
        self.targets(a=15, b=15, c=119)
        self.window()
        self.window(60)
        self.assertEqual(
            'Dropped samples of used{}: 1 without two samples in a window '
            '(new, or scraped too seldom) (c)\n',
            self.logs.output,
        )
        self.targets(a=15, b=15, c=30)
        self.window(600)
        self.assertIn('All samples of used{} are usable', self.logs.output)

    def test_a_count_that_is_none(self):
        for value in ('NaN', 'Inf', 'many', None):
            self.begin()
            self.answers[TOP] = prometheus.vector(
                (SERIES, 40, NOW), ({'host': 'b'}, value, NOW)
            )
            self.assertEqual(60, self.window(), value)


class LogTest(Case):
    def test_what_is_not_known_is_no_news(self):
        self.answers[TOP] = (500, b'')
        self.window()
        self.assertEqual('', self.logs.output)
