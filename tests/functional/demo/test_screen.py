from oslotest import base

from steal_scheduler.demo import screen


class TestScreen(base.BaseTestCase):
    def test_a_bar_stands_beside_its_number(self) -> None:
        lines = screen.hosts_table({'a': 0.3, 'b': 0}, {'a': 0, 'b': 0.1})
        self.assertEqual(
            [
                'host  steal before  steal after',
                'a      30% ######     0%',
                'b       0%           10% ##',
            ],
            lines,
        )
