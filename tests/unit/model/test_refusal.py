from oslotest import base

from steal_scheduler.model.refusal import Reason


class TestReason(base.BaseTestCase):
    def test_each_can_be_a_label(self) -> None:
        for why in Reason:
            self.assertRegex(str(why), r'^[a-z_]+$')
            self.assertEqual(why.name.lower(), str(why))
