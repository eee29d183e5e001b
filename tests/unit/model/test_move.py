from oslotest import base

from steal_scheduler.model.move import Stage
from tests.unit.make import move


class TestMove(base.BaseTestCase):
    def test_it_occupies_a_slot_until_it_is_back(self):
        busy = [s for s in Stage if move(stage=s).occupies]
        self.assertEqual(
            ['drain', 'request', 'migrate', 'reattach', 'undo'], busy
        )
        self.assertFalse(move(stage=Stage.UNDO, back=True).occupies)

    def test_it_arrives_from_the_request_on(self):
        arriving = [s for s in Stage if move(stage=s).arriving]
        self.assertEqual(
            ['request', 'migrate', 'reattach', 'verify'], arriving
        )
