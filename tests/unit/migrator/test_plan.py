import json
import time

from oslotest import base

from steal_scheduler.exception import NovaError
from steal_scheduler.migrator.plan import plan
from steal_scheduler.reporting.text import Document, Items
from tests.standins import nova_api
from tests.unit import fakes
from tests.unit.deployment import Deployment


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
        self.assertIn('the migrator wants 3 of 5 polls', polls['note'])
        self.assertIn('dry_run is on', dry_run['note'])

    def test_it_touches_nothing(self) -> None:
        self.plan()
        asked = {asked.method for asked in self.deployment.nova.asked}
        self.assertEqual({'GET'}, asked)
        self.assertEqual('', self.deployment.read('asked'))

    def test_what_is_under_way_counts(self) -> None:
        self.deployment.tag('x', fakes.tag('x', 'migrate', time.time()))
        made = self.plan()
        self.assertEqual(['x'], ids(made['moves_in_flight']))
        self.assertNotIn('x', ids(made['moves_to_begin']))

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
