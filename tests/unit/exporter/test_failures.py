import errno

from oslotest import base

from steal_scheduler.exporter.failures import REASONS, Failures


class TestFailures(base.BaseTestCase):
    def test_reasons(self) -> None:
        failures = Failures()
        for error in (
            OSError(errno.ENOENT, 'x'),
            OSError(errno.ESRCH, 'x'),
            OSError(errno.ENODEV, 'x'),
            ValueError('x'),
            OSError(errno.EACCES, 'x'),
            OSError(errno.EMFILE, 'x'),
            OSError(errno.EIO, 'x'),
        ):
            failures.count(error)
        self.assertEqual(
            {'ended': 4, 'denied': 1, 'file_limit': 1, 'other': 1},
            dict(failures.counts),
        )
        self.assertEqual(set(REASONS), set(failures.counts))
