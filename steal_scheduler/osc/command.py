"""What all commands share: the client, and exit statuses."""

import argparse
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from osc_lib.command import command

from steal_scheduler.osc.client import Client, Refused

LOG = logging.getLogger(__name__)


class _Asking:
    """Statuses: 0 it is done, 1 an error, 2 refused or not done yet."""

    #: What puts its arguments into a parser: see ``options``.
    takes: ClassVar[Sequence[Callable[[argparse.ArgumentParser], None]]] = ()
    app: Any
    #: Of the command, where it ends without an error.
    status = 0

    @property
    def client(self) -> Client:
        found: Client = self.app.client_manager.steal
        return found

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = super().get_parser(  # type: ignore[misc]
            prog_name
        )
        for add in self.takes:
            add(parser)
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Run the command, and tell its status.

        NOTE: of all that is raised the openstack command makes status 1.
        """
        try:
            failed: int = super().run(parsed_args)  # type: ignore[misc]
        except Refused as no:
            LOG.error('Refused: %s', no)
            return 2
        return failed or self.status

    def tell(self, text: str) -> None:
        """Say something beside the output, at once."""
        print(text, file=self.app.stderr, flush=True)


class Command(_Asking, command.Command):
    """A command that prints nothing."""


class Lister(_Asking, command.Lister):
    """A command that prints a table."""


class ShowOne(_Asking, command.ShowOne):
    """A command that prints one object."""
