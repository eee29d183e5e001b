"""What the commands of ``steal-manage`` have in common."""

import argparse
from typing import Any

from cliff.command import Command
from cliff.show import ShowOne

from steal_scheduler.cmd.launch import needs

NAME = 'steal-manage'


class Ours(Command):
    """A command whose exit status tells what it found."""

    #: What pip has to install for it.
    extra = 'migrator'
    #: Where no error says more.
    status = 0
    #: Its one switch, and the help for it.
    switch: tuple[str, str] | None = None

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        if self.switch:
            name, what = self.switch
            parser.add_argument(name, action='store_true', help=what)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Answer with ``status``; of an error cliff logs one line, and says 1.

        NOTE: a missing module must not get that far.
        """
        with needs(NAME, self.extra):
            return super().run(parsed_args) or self.status


class Configured(Command):
    """A command that reads the configuration."""

    def conf(self) -> Any:
        from steal_scheduler.cmd import threading_backend  # noqa: F401

        # isort: split

        from steal_scheduler.conf import load

        return load.load(self.app.options.oslo, NAME)


class Report(Configured, Ours, ShowOne):
    """A command that prints a document; see ``reporting/text.py``."""

    formatter_namespace = 'steal_scheduler.formatters'
    formatter_default = 'text'
