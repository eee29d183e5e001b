from oslotest import base

from steal_scheduler.model import readings


class AgreeTest(base.BaseTestCase):
    def test_what_changes_may_differ_a_little(self):
        for values, agree in (
            ((4.0, 4.0), True),
            ((3.9, 4.1), True),
            ((0.0, 0.05), True),
            ((1.0, 60.0), False),
            ((-300.0, 0.1), False),
            ((4.0, 4.1, 8.0), False),
        ):
            self.assertEqual(agree, readings.agree(values, False), values)

    def test_what_is_constant_may_not(self):
        self.assertTrue(readings.agree([64.0, 64.0], True))
        self.assertFalse(readings.agree([64.0, 63.0], True))

    def test_nothing_agrees(self):
        self.assertTrue(readings.agree([], True))
