"""No simple table of reStructuredText is torn.

In a simple table a line with text in its first column begins a row. So a
first cell that was wrapped becomes two rows, and each of them has half of
the text. A first cell that needs two lines needs a list-table.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from oslotest import base

ROOT = Path(__file__).parents[2]

_BORDER = re.compile(r'=+(?: +=+)+')
#: A first cell that goes on in the next line.
_GOES_ON = re.compile(r'(,| and| or| the| an?| of| for| in| to)$')


def pages() -> list[Path]:
    places = ('*.rst', 'doc/source/**/*.rst', 'releasenotes/**/*.rst')
    return [path for place in places for path in sorted(ROOT.glob(place))]


def bodies(text: str) -> Iterator[list[list[str]]]:
    """The rows of each simple table but those of its header, as cells.

    A table is three borders with a header between the first two, or two.
    """
    blocks = re.split(r'\n[ \t]*\n', text)
    for block in blocks:
        lines = block.strip('\n').splitlines()
        borders = [
            number
            for number, line in enumerate(lines)
            if _BORDER.fullmatch(line.strip())
        ]
        if not borders:
            continue
        if len(borders) == 1:
            raise ValueError(f'a blank line inside of a table: {block}')
        columns = [
            (match.start(), match.end())
            for match in re.finditer('=+', lines[borders[0]])
        ]
        # The last column is as long as its longest line.
        columns[-1] = (columns[-1][0], 1000)
        yield [
            [line[begin:end].strip() for begin, end in columns]
            for line in lines[borders[-2] + 1 : borders[-1]]
        ]


def torn(text: str) -> Iterator[str]:
    """Lines that begin a row and lack a cell, or the rest of the first."""
    for body in bodies(text):
        for first, *others in body:
            if first and (
                not all(others)
                or _GOES_ON.search(first)
                or first.count('``') % 2
                or first.count('(') != first.count(')')
            ):
                yield ' | '.join([first, *others])


class TestTables(base.BaseTestCase):
    def test_none_is_torn(self) -> None:
        complaints = [
            f'{path.relative_to(ROOT)}: {line}'
            for path in pages()
            for line in torn(path.read_text('utf-8'))
        ]
        if complaints:
            self.fail('\n'.join(['use a list-table', *complaints]))

    def test_it_reads_the_tables(self) -> None:
        text = (ROOT / 'doc/source/contributor/plugins.rst').read_text('utf-8')
        [body] = bodies(text)
        self.assertEqual(
            '``ConfigError`` ``SignalError`` another ``OrchestratorError``',
            ' '.join(row[0].split(',')[0] for row in body if row[0]),
        )


class TestTorn(base.BaseTestCase):
    """It complains about a wrapped first cell, and about nothing else."""

    def complaints(self, body: str) -> list[str]:
        border = '==========  ==========\n'
        return list(torn(f'{border}See         Do\n{border}{body}{border}'))

    def test_a_first_cell_that_ends_before_the_second(self) -> None:
        body = '``a``, and  wait, and\n``b``       do nothing\n'
        self.assertEqual(['``a``, and | wait, and'], self.complaints(body))
        body = '``a``,      wait\n``b``       too\n'
        self.assertEqual(['``a``, | wait'], self.complaints(body))
        body = 'what is (a  wait\nlong) one   too\n'
        self.assertEqual(2, len(self.complaints(body)))

    def test_a_first_cell_that_is_longer_than_the_second(self) -> None:
        body = 'no server   see below\nsuffers\n'
        self.assertEqual(['suffers | '], self.complaints(body))

    def test_a_second_cell_that_is_wrapped(self) -> None:
        body = '``a``       wait, and\n            do nothing\nb           c\n'
        self.assertEqual([], self.complaints(body))
