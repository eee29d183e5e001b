"""How ``steal-manage -f`` prints a document; JSON and YAML are cliff's own."""

import argparse
from collections.abc import Sequence
from typing import Any, TextIO

from cliff.formatters import base, commaseparated, table

from steal_scheduler.reporting import text


class Text(base.SingleFormatter):
    """For a person."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """It has no options."""

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        document = dict(zip(column_names, data, strict=True))
        stdout.write(text.as_text(document))


class _Rows(base.ListFormatter, base.SingleFormatter):
    """Of cliff's lists: every object of the document is a row."""

    def emit_one(
        self,
        column_names: Sequence[str],
        data: Sequence[Any],
        stdout: TextIO,
        parsed_args: argparse.Namespace,
    ) -> None:
        columns, rows = text.as_rows(
            dict(zip(column_names, data, strict=True))
        )
        self.emit_list(columns, rows, stdout, parsed_args)


class Csv(_Rows, commaseparated.CSVLister):
    pass


class Table(_Rows, table.TableFormatter):
    pass
