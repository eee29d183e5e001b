from oslotest import base

from steal_scheduler.signals import query_opts
from steal_scheduler.signals.quantity import QUANTITIES


class QuantityTest(base.BaseTestCase):
    def test_each_has_an_option(self):
        self.assertEqual(
            [*QUANTITIES], [option.name for option in query_opts.OPTS]
        )
