from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import bounds
from steal_scheduler.model.threads import Spent, Threads
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.make import fleet, server, signal, signals

CORES = st.floats(0, 10) | st.floats(0, 10000)


class TestBounds(base.BaseTestCase):
    @given(st.integers(1, 8), CORES, CORES, st.none() | st.floats(0, 8))
    def test_what_is_left_is_possible(self, vcpus, used, waited, counted):
        told = signals(signal(used=used, waited=waited, vcpus=counted))
        found, left_out = bounds.plausible(told, fleet(server(vcpus=vcpus)))
        self.assertEqual({'s'}, {*found.servers} | {*left_out})
        for one in found.servers.values():
            self.assertLessEqual(one.asked, 1.1 * vcpus)
            self.assertTrue(counted is None or counted >= vcpus)

    def test_one_vcpu_does_no_more_than_one_can(self):
        for worst, left in (
            (Spent(0.6, 0.5), Spent(0.6, 0.5)),
            (Spent(0.6, 0.6), Spent()),
        ):
            told = signal(threads=Threads(worst, Spent(2.0, 1.0)))
            found, _ = bounds.plausible(signals(told), fleet(server()))
            self.assertEqual(
                Threads(left, Spent(2.0, 1.0)), found.servers['s'].threads
            )

    def test_of_one_in_a_cell_that_is_down_nothing_is_known(self):
        found, left_out = bounds.plausible(
            signals(signal()), fleet(server(vcpus=0))
        )
        self.assertEqual((1, {}), (len(found.servers), left_out))
