"""``steal-manage``: what an operator asks for by hand.

Each command imports what it needs itself: the demo runs Nova in this process,
and Nova insists on being the first to import anything of oslo; and
``--help`` should not wait for either.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from cliff.app import App
from cliff.commandmanager import CommandManager
from cliff.formatters import base as formatters
from cliff.formatters import commaseparated, table

from steal_scheduler import startup, version
from steal_scheduler.cmd.command import NAME, Ours, Report
from steal_scheduler.cmd.history import History
from steal_scheduler.cmd.pause import Pause, Resume
from steal_scheduler.cmd.replay import Replay
from steal_scheduler.reporting import text


class Plan(Report):
    """print what a tick would do now, and why not more"""

    _epilog = (
        'Exit status: 0 if something can start, or nothing has to; 1 after '
        'an error; 2 if nothing can start now.'
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler.migrator.plan import plan

        document = plan(conf, time.time())
        self.status = 2 if document['holds'] else 0
        return self.dict2columns(document)


class Recover(Report):
    """show which moves a migrator that will not come back has left behind"""

    _epilog = (
        'Exit status: 0 if nothing is left; 1 after an error; 2 if something '
        'is left.'
    )

    switch = (
        '--clear',
        'reattach the servers and remove the tags; no migrator may run',
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler.migrator.recover import recover

        document, left = recover(conf, clear=parsed_args.clear)
        self.status = 2 if left else 0
        return self.dict2columns(document)


class Doctor(Report):
    """list what is left over in Nova and orchestrators, and its repair"""

    _epilog = (
        'It changes nothing. Exit status: 0 if nothing is left over; 1 after '
        'an error; 2 if something is.'
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler.migrator.doctor import doctor

        document, found = doctor(conf, time.time())
        self.status = 2 if found else 0
        return self.dict2columns(document)


class Demo(Ours):
    """show the whole job on a Nova inside this process"""

    _epilog = (
        'Exit status: 0 if every goal was met; 1 after an error; 2 if one '
        'was not; 128 and its number after a signal that ended it before.'
    )
    extra = 'demo'

    switch = (
        '--keep',
        'leave the cloud and the migrator running until Ctrl-C, and say how '
        'to reach them',
    )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        from steal_scheduler.demo import story

        return story.main(keep=parsed_args.keep)


class Text(formatters.SingleFormatter):
    """How ``-f text`` prints a document: for a person."""

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


class _Rows(formatters.ListFormatter, formatters.SingleFormatter):
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


COMMANDS = (Plan, History, Pause, Resume, Recover, Doctor, Replay, Demo)


class Manage(App):
    """Logs to stderr, as its own options say: the log file is the service's.

    For example with ``-vv`` it shows each request to Nova.
    """

    NAME = NAME
    #: Warnings and errors.
    DEFAULT_VERBOSE_LEVEL = 0
    CONSOLE_MESSAGE_FORMAT = f'{NAME}: %(message)s'

    def __init__(self) -> None:
        super().__init__(
            'Look at steal-scheduler, and try it.',
            version.version_string(),
            CommandManager('steal_scheduler.commands'),
            deferred_help=True,
        )
        for command in COMMANDS:
            name = command.__name__.lower()
            self.command_manager.add_command(name, command)

    def build_option_parser(
        self,
        description: str | None,
        version: str | None,
        argparse_kwargs: dict[str, Any] | None = None,
    ) -> argparse.ArgumentParser:
        """The options before a command; oslo.config takes two of them."""
        parser: argparse.ArgumentParser = super().build_option_parser(
            description, version, {'prog': NAME, 'allow_abbrev': False}
        )
        for option, metavar, what in (
            ('--config-file', 'PATH', 'a file like steal-migrator.conf'),
            ('--config-dir', 'DIR', 'a directory of such files'),
        ):
            parser.add_argument(
                option,
                action='append',
                default=[],
                dest='oslo',
                help=f'{what}, and may be repeated: what comes later wins; '
                'the default is what steal-migrator reads',
                metavar=metavar,
                type=f'{option}={{}}'.format,
            )
        return parser

    def configure_logging(self) -> None:
        super().configure_logging()
        if self.options.verbose_level <= self.DEFAULT_VERBOSE_LEVEL:
            startup.hush()

    def interact(self) -> None:
        self.parser.error(
            'name a command: '
            + ', '.join(name for name, _ in self.command_manager)
        )


def main(argv: Sequence[str] | None = None) -> int:
    status: int = Manage().run(list(sys.argv[1:] if argv is None else argv))
    return status


if __name__ == '__main__':
    sys.exit(main())
