import json
import time

from oslotest import base

from steal_scheduler.exception import NovaError
from steal_scheduler.migrator.plan import PlannedTick, plan_tick
from steal_scheduler.model.refusal import Reason
from tests.standins import nova_api
from tests.unit.deployment import Deployment


class TestPlanTick(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())

    def plan(self) -> PlannedTick:
        return plan_tick(self.deployment.conf(), time.time())

    def test_one_poll_is_enough(self) -> None:
        made = self.plan()
        self.assertEqual(['x'], [m.server_id for m in made.decided.admitted])
        self.assertIn('the migrator wants 3 of 5 polls', made.notes[0])
        self.assertIn('dry_run is on', made.notes[1])

    def test_it_touches_nothing(self) -> None:
        self.plan()
        asked = {asked.method for asked in self.deployment.nova.asked}
        self.assertEqual({'GET'}, asked)
        self.assertEqual('', self.deployment.read('asked'))

    def test_what_is_under_way_counts(self) -> None:
        self.deployment.tag('x', f'steal:migrate:{int(time.time())}')
        made = self.plan()
        self.assertEqual(['x'], list(made.snapshot.moves))
        self.assertNotIn('x', [m.server_id for m in made.decided.admitted])

    def test_no_signals(self) -> None:
        self.deployment.write('signals.json', json.dumps({'taken_at': 1.0}))
        made = self.plan()
        self.assertEqual(
            [Reason.SIGNALS], [r.reason for r in made.decided.refusals]
        )

    def test_no_nova(self) -> None:
        self.deployment.nova.instead['GET /servers/detail'] = nova_api.fault(
            500
        )
        self.assertRaises(NovaError, self.plan)
