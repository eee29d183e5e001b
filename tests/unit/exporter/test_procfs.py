import errno
import logging

import fixtures
from oslotest import base

from steal_scheduler.exporter.procfs import Failures, Rescan


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


class TestFailures(base.BaseTestCase):
    def test_reasons(self) -> None:
        failures = Failures()
        self.assertEqual({0}, {*failures.counts.values()})
        for error in (
            OSError(errno.ENOENT, 'x'),
            OSError(errno.ESRCH, 'x'),
            OSError(errno.ENODEV, 'x'),
            ValueError('x'),
            OSError(errno.EACCES, 'x'),
            OSError(errno.EMFILE, 'x'),
            OSError(errno.EIO, 'x'),
        ):
            with failures:
                raise error
        self.assertEqual(
            {'ended': 4, 'denied': 1, 'file_limit': 1, 'other': 1},
            dict(failures.counts),
        )

    def test_the_first_of_a_reason_is_logged(self) -> None:
        log = self.useFixture(fixtures.FakeLogger(level=logging.INFO))
        failures = Failures()
        for _ in range(2):
            for error in (ValueError('cut'), OSError(errno.EMFILE, 'full')):
                with failures:
                    raise error
        [line] = log.output.splitlines()
        self.assertIn('(reason=file_limit): [Errno 24] full. Raise', line)

    def test_a_mistake_of_ours_is_none(self) -> None:
        failures = Failures()

        def mistake() -> None:
            with failures:
                raise KeyError('x')

        self.assertRaises(KeyError, mistake)
        self.assertEqual(0, failures.counts.total())
