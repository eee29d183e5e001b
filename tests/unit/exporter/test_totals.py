from oslotest import base

from steal_scheduler.exporter.totals import Vcpu

SECOND = 1_000_000_000


class TestVcpu(base.BaseTestCase):
    def test_share(self) -> None:
        vcpu = Vcpu(0, 0, at=0.0)
        self.assertEqual(0.25, vcpu.share(SECOND // 4, 1.0))
        self.assertEqual(0.25, vcpu.share(SECOND // 2, 2.0))

    def test_as_many_seconds_are_bad_as_it_took(self) -> None:
        vcpu = Vcpu(0, 0, at=0.0)
        shares = [vcpu.share(w, 1.0) for w in (5 * SECOND // 2, 0, 0, 0)]
        self.assertEqual([1.0, 1.0, 0.5, 0.0], shares)
