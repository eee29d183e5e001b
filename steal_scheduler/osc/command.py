"""What all commands share: the client, and exit statuses."""

import argparse
import logging
from typing import Any

from osc_lib.command import command

from steal_scheduler.osc.client import Client, Refused

LOG = logging.getLogger(__name__)


class _Asking:
    """Statuses: 0 it is done, 1 an error, 2 refused or not done yet."""

    app: Any
    #: Of the command, where it ends without an error.
    status = 0

    @property
    def client(self) -> Client:
        found: Client = self.app.client_manager.steal
        return found

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
