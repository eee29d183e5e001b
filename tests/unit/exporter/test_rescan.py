from oslotest import base

from steal_scheduler.exporter.rescan import Rescan


class TestRescan(base.BaseTestCase):
    def test_often_at_first_then_seldom(self) -> None:
        rescan = Rescan()
        looks = [rescan.due({5}) == [5] for _ in range(100)]
        self.assertTrue(all(looks[:4]))
        self.assertEqual(3, sum(looks[4:]))

    def test_spread_over_the_rounds(self) -> None:
        rescan = Rescan()
        for _ in range(4):
            rescan.due(set(range(320)))
        for _ in range(32):
            self.assertEqual(10, len(rescan.due(set(range(320)))))

    def test_what_comes_back_is_new(self) -> None:
        rescan = Rescan()
        for _ in range(10):
            rescan.due({5})
        rescan.due(set())
        for _ in range(4):
            self.assertEqual([5], rescan.due({5}))
