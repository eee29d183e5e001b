from oslotest import base

from steal_scheduler.model.rankings import HostSet, places


class TestHostSet(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        hosts = [f'host{n}' for n in range(10)]
        # The first, the ninth.
        self.found = HostSet(places(hosts), bytes([0b00000001, 0b00000001]))

    def test_who_is_in_it(self) -> None:
        self.assertIn('host0', self.found)
        self.assertIn('host8', self.found)
        for other in ('host1', 'host9', 'stranger', ''):
            self.assertNotIn(other, self.found)

    def test_like_any_set(self) -> None:
        self.assertEqual(frozenset({'host0', 'host8'}), self.found)
        self.assertEqual(['host0', 'host8'], [*self.found])
        self.assertEqual(2, len(self.found))
        self.assertEqual({'host8'}, self.found & {'host8', 'host9'})
        self.assertTrue(self.found)
        self.assertFalse(HostSet(places(['a']), bytes(1)))


class TestPlaces(base.BaseTestCase):
    def test_both_ends_sort_alike(self) -> None:
        for names in (['b', 'a', '\u00e4'], ['\u00e4', 'b', 'a']):
            self.assertEqual({'a': 0, 'b': 1, '\u00e4': 2}, places(names))
