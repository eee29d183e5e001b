import dataclasses
import json
import pathlib
import time

import fixtures
from oslotest import base

from steal_scheduler.exception import NovaError, SignalError
from steal_scheduler.migrator.plan import READINGS, plan
from steal_scheduler.model.cloud import Signals
from steal_scheduler.reporting.text import Document, Items
from steal_scheduler.signals.static import StaticSource
from tests.standins import kubernetes, nova_api
from tests.standins.kubernetes_objects import kubeconfig
from tests.standins.transport import mounted
from tests.unit import fakes
from tests.unit.deployment import NOVA, Deployment
from tests.unit.make import host_signal, signal, signals

#: One more orchestrator.
PROD = """
[migrator]
orchestrators = command, prod
[prod]
driver = kubernetes
all_servers = True
kubeconfig = {config}
"""


def ids(items: Items) -> list[str]:
    return [item['server_id'] for item in items]


class TestPlan(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())

    def plan(self) -> Document:
        return plan(self.deployment.conf(), time.time())

    def test_one_poll_is_enough(self) -> None:
        made = self.plan()
        self.assertEqual(['x'], ids(made['moves_to_begin']))
        polls, dry_run = made['notes']
        self.assertIn('the migrator wants 2 of 3 polls', polls['note'])
        self.assertIn('dry_run is on', dry_run['note'])

    def test_nobody_has_room(self) -> None:
        answers = self.deployment.nova.instead
        full = nova_api.provider(MEMORY_MB=1024)
        found = {f'id of {name}': full for name in 'abc'}
        body = {'provider_summaries': found}
        answers['GET /allocation_candidates'] = (200, body)
        made = self.plan()
        self.assertEqual([], made['moves_to_begin'])
        self.assertEqual({'ram'}, {r['reason'] for r in made['refusals']})
        self.assertEqual(['ram'], [s['scarce'] for s in made['saturations']])

    def test_placement_does_not_let_us(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /allocation_candidates'] = nova_api.fault(403)
        made = self.plan()
        self.assertEqual(['x'], ids(made['moves_to_begin']))
        note = made['notes'][-1]['note']
        self.assertIn('allocation_candidates:list', note)

    def test_it_touches_nothing(self) -> None:
        self.plan()
        asked = {asked.method for asked in self.deployment.nova.asked}
        self.assertEqual({'GET'}, asked)
        self.assertEqual('', self.deployment.read('asked'))

    def test_what_the_drains_would_do(self) -> None:
        """Those that can tell are asked; here x is no node of prod."""
        url = 'http://192.0.2.2:6443'
        config = self.useFixture(fixtures.TempDir()).join('kubeconfig')
        insecure = 'insecure-skip-tls-verify: true'
        user = f'token: {kubernetes.TOKEN}'
        pathlib.Path(config).write_text(kubeconfig(url, user, insecure))
        deployment = self.useFixture(Deployment(PROD.format(config=config)))
        self.deployment = deployment
        cluster = kubernetes.Cluster()
        cluster.add_node('name-x')
        with mounted({url: cluster, NOVA: deployment.nova}):
            # The library is loaded now, which may take longer than a look.
            self.plan()
            made = self.plan()
        self.assertEqual(['x'], ids(made['moves_to_begin']))
        [drain] = made['drains']
        self.assertEqual(
            ('x', 'prod'), (drain['server_id'], drain['orchestrator'])
        )
        self.assertIn(
            'refuses: node name-x is another server', drain['detail']
        )
        self.assertEqual({'GET'}, {asked.method for asked in cluster.asked})

    def test_what_is_under_way_counts(self) -> None:
        self.deployment.tag('x', fakes.tag('x', 'migrate', time.time()))
        made = self.plan()
        self.assertEqual(['x'], ids(made['moves_in_flight']))
        self.assertNotIn('x', ids(made['moves_to_begin']))

    def test_what_the_source_advises(self) -> None:
        self.useFixture(
            fixtures.MockPatchObject(
                StaticSource, 'advice', return_value=['Scrape more often']
            )
        )
        notes = [item['note'] for item in self.plan()['notes']]
        self.assertIn('Scrape more often.', notes)

    def test_bad_seconds_are_those_of_the_last_minutes(self) -> None:
        """As with the migrator: one bad minute of b and c is no news."""
        self._write_bad_seconds()
        calm = self._measured(bad=0.0)
        asked = []

        def past(source: StaticSource, at: float, seconds: float) -> Signals:
            asked.append((at, seconds))
            if len(asked) == 1:
                raise SignalError('Prometheus was not there yet.')
            moved = [
                dataclasses.replace(signal, at=at)
                for signal in calm.servers.values()
            ]
            hosts = {n: host_signal(n, cores=8.0, at=at) for n in 'abc'}
            return signals(*moved, hosts=hosts, taken_at=at)

        self.useFixture(
            fixtures.MockPatchObject(StaticSource, 'read_past', past)
        )
        made = self.plan()
        self.assertEqual(['x'], ids(made['moves_to_begin']))
        # After them come those of the joint past.
        times = [at for at, _ in asked[:READINGS]]
        self.assertEqual(sorted(times), times)
        self.assertEqual({60.0}, {seconds for _, seconds in asked})
        self.assertLess(times[-1], time.time() - 20)

    def test_bad_seconds_where_nothing_is_told_of_the_past(self) -> None:
        self._write_bad_seconds()
        made = self.plan()
        self.assertEqual([], made['moves_to_begin'])
        self.assertIn('bad_seconds', {r['reason'] for r in made['refusals']})
        notes = [item['note'][:16] for item in made['notes']]
        self.assertIn('Bad seconds are ', notes)

    def _write_bad_seconds(self) -> None:
        """Servers of a wait in 40 % of their seconds, on b and c in 30."""
        told = json.loads(self.deployment.read('signals.json'))
        for name, host in (('z', 'b'), ('w', 'c')):
            made = nova_api.server(name, name=name)
            made['OS-EXT-SRV-ATTR:host'] = host
            self.deployment.servers[name] = made
            told['servers'][name] = {'host': host, 'used': 1.0, 'waited': 0.01}
        for name, server in told['servers'].items():
            server['bad_seconds'] = 0.4 if name in 'xy' else 0.3
        self.deployment.write('signals.json', json.dumps(told))

    def _measured(self, bad: float) -> Signals:
        """What was measured earlier, with so many on b and c."""
        return signals(
            *(signal(s, bad_seconds=0.4) for s in 'xy'),
            signal('z', host='b', waited=0.01, bad_seconds=bad),
            signal('w', host='c', waited=0.01, bad_seconds=bad),
        )

    def test_no_signals(self) -> None:
        self.deployment.write('signals.json', json.dumps({'taken_at': 1.0}))
        made = self.plan()
        self.assertEqual(['signals'], [no['reason'] for no in made['holds']])
        self.assertEqual([], made['refusals'])

    def test_no_nova(self) -> None:
        self.deployment.nova.instead['GET /servers/detail'] = nova_api.fault(
            500
        )
        self.assertRaises(NovaError, self.plan)
