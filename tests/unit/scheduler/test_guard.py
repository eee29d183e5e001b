from steal_scheduler.scheduler import guard
from tests.unit.scheduler import base


class TestFailOpen(base.SchedulerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.error: Exception | None = None

    @guard.fail_open('Adding', lambda self, a, b: a)
    def add(self, a: int, b: int) -> int:
        if self.error:
            raise self.error
        return a + b

    def test_works(self) -> None:
        self.assertEqual(3, self.add(1, 2))
        self.assertEqual('', self.log.output)

    def test_fails_and_says_so_once(self) -> None:
        self.error = ValueError('too much')
        for _ in range(3):
            self.assertEqual(1, self.add(1, 2))
        self.assertEqual(1, self.log.output.count('Adding failed: too much'))
        self.assertIn('Traceback', self.log.output)

    def test_what_it_repeats_has_an_end(self) -> None:
        self.error = ValueError('\x1b[2J' + 'x' * 65_536)
        self.add(1, 2)
        first = self.log.output.splitlines()[0]
        self.assertIn('Adding failed: ?[2Jxxx', first)
        self.assertLess(len(first), 600)

    def test_another_failure_is_news(self) -> None:
        self.error = ValueError('too much')
        self.add(1, 2)
        self.error = KeyError('one')
        self.add(1, 2)
        self.assertEqual(2, self.log.output.count('Adding failed'))

    def test_works_again(self) -> None:
        self.error = ValueError('too much')
        self.add(1, 2)
        self.error = None
        self.add(1, 2)
        self.add(1, 2)
        self.assertEqual(1, self.log.output.count('Adding works again'))
        self.error = ValueError('too much')
        self.add(1, 2)
        self.assertEqual(2, self.log.output.count('Adding failed'))
