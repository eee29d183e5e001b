import pathlib
import re
import urllib.parse

from steal_scheduler.model.demand import CALM, SPAN, STEP, History
from steal_scheduler.signals.prometheus import histories
from tests.standins import prometheus
from tests.unit.make import signal
from tests.unit.signals.prometheus import test_source
from tests.unit.signals.prometheus.test_preset import load

NOW = test_source.NOW
A, B = test_source.A, test_source.B
RULES = pathlib.Path(__file__).parents[4] / 'etc/prometheus'
PRESET = {
    'servers': {
        'label': 'server_id',
        'used': 'servers.used',
        'waited': 'servers.waited',
        'recorded': 'recorded $servers',
        'history': 'history $servers',
    },
    'hosts': {'label': 'host', 'cores': 'hosts.cores'},
}


def matrix(**cores):
    """An answer's body: what servers used, by their ids."""
    return {
        'status': 'success',
        'data': {
            'resultType': 'matrix',
            'result': [
                {
                    'metric': {'server_id': server_id},
                    'values': [[NOW - n, str(c)] for n, c in enumerate(told)],
                }
                for server_id, told in cores.items()
            ],
        },
    }


class TestRead(test_source.Case):
    def setUp(self):
        super().setUp()
        self.source = self._source(PRESET)
        self.wait(a=1.0)

    def wait(self, a=0.0, b=0.0):
        """On a host of its own each."""
        self.answers(
            **{
                'servers.used': prometheus.vector((A, 2, NOW), (B, 1, NOW)),
                'servers.waited': prometheus.vector((A, a, NOW), (B, b, NOW)),
                'hosts.cores': prometheus.vector((test_source.H, 16, NOW)),
            }
        )

    def answers(self, **bodies):
        self.prometheus.answers = {**self.prometheus.answers, **bodies}

    def read(self, now=NOW):
        return self.source.read(now).history

    def asked(self):
        return [
            query
            for query in (r.query['query'] for r in self.prometheus.asked)
            if query.partition(' ')[0] in ('recorded', 'history')
        ]

    def test_of_those_whose_host_waits(self):
        self.answers(**{'recorded a': matrix(a=[1.5, 2.0])})
        self.assertEqual({'a': History((1.5, 2.0))}, self.read())
        self.assertEqual(['recorded a'], self.asked())

    def test_where_nothing_is_recorded_it_is_worked_out(self):
        self.answers(**{'recorded a': matrix(), 'history a': matrix(a=[1.5])})
        self.assertEqual({'a': History((1.5,))}, self.read())

    def test_one_that_always_waited(self):
        self.answers(**{'recorded a': matrix(), 'history a': matrix()})
        self.assertEqual({'a': History()}, self.read())

    def test_it_is_asked_again_when_there_may_be_more(self):
        self.answers(**{'recorded a': matrix(a=[1.5])})
        self.read()
        for later, times in ((STEP - 1, 1), (STEP, 2)):
            self.source.conf.set_override('max_age', 600, group='signals')
            self.assertEqual({'a': History((1.5,))}, self.read(NOW + later))
            self.assertEqual(['recorded a'] * times, self.asked())

    def test_when_nobody_waits_nobody_is_asked_for(self):
        self.wait(a=0.06)
        self.assertEqual({}, self.read())
        self.assertEqual([], self.asked())

    def test_what_fails_costs_nothing_else_and_is_said_once(self):
        for body in ((503, b'full'), b'no JSON', matrix() | {'data': 7}):
            self.answers(**{'recorded a': body})
            signals = self.source.read(NOW)
            self.assertEqual(({}, 2), (signals.history, len(signals.servers)))
        said = 'What servers used before is not known'
        self.assertEqual(1, self.logs.output.count(said))
        self.answers(**{'recorded a': matrix(a=[2.0])})
        self.assertEqual({'a': History((2.0,))}, self.read())

    def test_what_cannot_be_is_left_out(self):
        told = ['NaN', -1, '+Inf', 1e9, 'x', 2.0]
        self.answers(**{'recorded a': matrix(a=told, b=[3.0])})
        self.assertEqual({'a': History((2.0,))}, self.read())


class TestBounds(test_source.base.BaseTestCase):
    def test_so_many_at_a_time(self):
        """A query fits into a URL of 8 KiB, of which half is left."""
        many = [f'{n:08}-0000-4000-8000-{n:012}' for n in range(40)]
        self.assertEqual(len(many), histories.AT_A_TIME)
        one = load('steal-exporter', selector='region="region-one"')
        for query in one.histories.values():
            promql = query.replace('$servers', '|'.join(many))
            self.assertLess(len(urllib.parse.quote(promql)), 7000)

    def test_who_waits_most_first(self):
        servers = [
            signal('calm', host='a', used=9.0, waited=0.1),
            signal('waits', host='b', used=9.0, waited=1.0),
            signal('beside', host='b', used=1.0, waited=0.0),
            signal('more', host='c', used=9.0, waited=2.0),
            signal('of its quota', host='d', waited=3.0, throttled=3.0),
            signal('no.id', host='c', waited=3.0),
        ]
        found = [*histories.suspects(servers)]
        self.assertEqual(['more', 'waits', 'beside'], found)

    def test_presets_and_rules_mean_the_same(self):
        calm = f'<= {CALM / (1 - CALM):.3f} * rate'
        step, span = f'{STEP // 60}m', f'{SPAN // 3600}h'
        told = load('steal-exporter').histories
        text = (RULES / 'steal-scheduler.rules').read_text()
        # Alerts ask for others.
        rules = text.partition('- name: steal-scheduler-history')[2]
        (recorded,) = re.findall(r'record: (\S+)', rules)
        self.assertTrue(told['servers.recorded'].startswith(recorded))
        self.assertIn(f'[{span}]', told['servers.recorded'])
        self.assertTrue(told['servers.history'].endswith(f'[{span}:{step}]'))
        metrics = set(re.findall(r'steal_exporter_\w+', rules))
        self.assertEqual(2, len(metrics))
        for metric in metrics:
            self.assertIn(metric, told['servers.history'])
        for text in (told['servers.history'], rules):
            self.assertIn(calm, text)
            self.assertIn(f'[{step}]', text)
