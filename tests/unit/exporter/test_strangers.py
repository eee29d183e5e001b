from oslotest import base

from steal_scheduler.exporter.strangers import Strangers


class TestStrangers(base.BaseTestCase):
    def test_often_at_first_then_seldom(self) -> None:
        strangers = Strangers()
        looks = [strangers.due({5}) == [5] for _ in range(100)]
        self.assertTrue(all(looks[:4]))
        self.assertEqual(3, sum(looks[4:]))

    def test_spread_over_the_rounds(self) -> None:
        strangers = Strangers()
        for _ in range(4):
            strangers.due(set(range(320)))
        for _ in range(32):
            self.assertEqual(10, len(strangers.due(set(range(320)))))

    def test_who_comes_back_is_new(self) -> None:
        strangers = Strangers()
        for _ in range(10):
            strangers.due({5})
        strangers.due(set())
        for _ in range(4):
            self.assertEqual([5], strangers.due({5}))
