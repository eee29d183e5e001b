import re

from oslo_config import cfg

from steal_scheduler.edge import option
from tests.unit.options import FileTestCase


class TestNumber(FileTestCase):
    def test_whole_or_not(self) -> None:
        for default, kind in ((2, int), (2.0, float)):
            one = option.number('a', default, '1 to 10 polls', 'What.\n')
            self.assertIs(kind, type(self.load([one]).a))
            self.assertEqual(default, self.load([one]).a)
            self.assertEqual(3, self.load([one], 'a = 3').a)
            for value in ('11', '0', 'soon', 'nan', '-inf', ''):
                said = f'{value!r} is not allowed. Give 1 to 10 polls'
                self.refuse([one], f'a = {value}', said)

    def test_help(self) -> None:
        one = option.number('a', 2, '1 to 1000000 polls', '\nHow many.\n')
        self.assertEqual(
            '\nHow many.\n\nPossible values:\n\n* 1 to 1000000 polls.\n',
            one.help,
        )


class TestOneOf(FileTestCase):
    OPTS = (option.one_of('a', 'b', {'b': 'x', 'c': 'y'}, '\nWhat.\n'),)

    def test_words(self) -> None:
        self.assertEqual('b', self.load(self.OPTS).a)
        self.assertEqual('c', self.load(self.OPTS, 'a = c').a)
        self.refuse(self.OPTS, 'a = d', 'd')

    def test_help(self) -> None:
        self.assertEqual(
            '\nWhat.\n\nPossible values:\n\n'
            '* One of the words that are explained below.\n',
            self.OPTS[0].help,
        )


class TestRegex(FileTestCase):
    OPTS = (cfg.Opt('a', type=option.Parsed('regex', option.regex)),)

    def test_good(self) -> None:
        self.assertIsNone(self.load(self.OPTS).a)
        self.assertEqual(re.compile('^b$'), self.load(self.OPTS, 'a = ^b$').a)

    def test_bad(self) -> None:
        self.refuse(self.OPTS, 'a = (', '( is not a regular expression')
