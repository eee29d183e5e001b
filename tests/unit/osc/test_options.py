import argparse
import datetime
from unittest import mock

from oslotest import base

from steal_scheduler.osc import options
from steal_scheduler.osc.client import Failed

NOW = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)


class OptionsTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(options, '_now', return_value=NOW)
        patch.start()
        self.addCleanup(patch.stop)
        self.parser = argparse.ArgumentParser(exit_on_error=False)
        options.add_until(self.parser)
        options.add_reason(self.parser)
        options.add_stop(self.parser, 'stop')
        options.add_wait(self.parser, 'it is done')

    def of(self, *argv: str) -> argparse.Namespace:
        return self.parser.parse_args(argv)


class TestUntil(OptionsTestCase):
    def test_examples(self) -> None:
        for argv, said in (
            ([], None),
            (['--for', '2h'], '2026-11-30T14:00:01Z'),
            (['--until', '2026-11-30T14:00Z'], '2026-11-30T14:00:00Z'),
            (['--until', '2026-11-30T16:00+02:00'], '2026-11-30T14:00:00Z'),
            (['--until', '2026-11-30 14:00:30Z'], '2026-11-30T14:00:30Z'),
        ):
            self.assertEqual(said, options.until(self.of(*argv)))

    def test_no_time(self) -> None:
        for text, said in (
            ('tomorrow', 'no time with its zone'),
            ('2026-11-30T14:00', 'no time with its zone'),
            ('14:00Z', 'no time with its zone'),
            ('2026-11-30T12:00Z', 'is over'),
            ('2020-01-01T00:00Z', 'is over'),
        ):
            error = self.assertRaises(
                argparse.ArgumentError, self.of, '--until', text
            )
            self.assertIn(said, str(error))

    def test_one_of_both(self) -> None:
        self.assertRaises(
            argparse.ArgumentError,
            self.of,
            *('--for', '2h', '--until', '2026-11-30T14:00Z'),
        )


class TestOthers(OptionsTestCase):
    def test_reason(self) -> None:
        self.assertEqual('no reason given', options.reason(self.of()))
        self.assertEqual('x', options.reason(self.of('--reason', 'x')))

    def test_patience(self) -> None:
        self.assertEqual(3600, options.patience(self.of()))
        self.assertEqual(90, options.patience(self.of('--timeout', '90s')))

    def test_what_means_nothing_with_stop(self) -> None:
        options.check_stop(self.of('--stop'))
        options.check_stop(self.of('--reason', 'x', '--wait'))
        for more in (
            ['--reason', 'x'],
            ['--for', '2h'],
            ['--until', '2026-11-30T14:00Z'],
            ['--wait'],
        ):
            error = self.assertRaises(
                Failed, options.check_stop, self.of('--stop', *more)
            )
            self.assertIn(f'{more[0]} means nothing', str(error))
