"""``steal-manage pause`` and ``resume``; see ``migrator/pause.py``."""

import argparse
import math
import time
from typing import Any

from steal_scheduler.cmd.command import Report
from steal_scheduler.edge.duration import duration
from steal_scheduler.edge.text import one_line
from steal_scheduler.model import pause as model
from steal_scheduler.model.pause import Scope


class _AboutSomewhere(Report):
    """A command about the cloud, a zone or a host."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            '--zone', metavar='NAME', help='an availability zone'
        )
        where.add_argument(
            '--host', metavar='NAME', help='a compute host, by its Nova name'
        )
        return parser

    def nova(self) -> Any:
        """Nova alone: nothing else has to be right."""
        conf = self.conf()
        from steal_scheduler import startup
        from steal_scheduler.model.roles import RoleRule
        from steal_scheduler.nova_client.client import NovaClient

        startup.check_values(conf)
        return NovaClient(conf, RoleRule())

    @staticmethod
    def where(parsed_args: argparse.Namespace) -> tuple[Scope, str]:
        if parsed_args.zone is not None:
            return Scope.ZONE, parsed_args.zone
        if parsed_args.host is not None:
            return Scope.HOST, parsed_args.host
        return Scope.CLOUD, ''


class Pause(_AboutSomewhere):
    """begin no moves, in the whole cloud or in a part of it"""

    _epilog = (
        'What is under way is brought to its end. It is kept in Nova: every '
        'controller sees it. Then it prints all pauses. Exit status: 0 if it '
        'is paused; 1 after an error.'
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--for',
            dest='seconds',
            metavar='TIME',
            type=duration,
            help='how long from now, by the clock of this machine, like 30m, '
            '2h or 1d12h; without it until "resume"',
        )
        parser.add_argument(
            '--reason',
            metavar='TEXT',
            default='',
            help='who pauses, and what for; shown with the pause',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        nova, now = self.nova(), time.time()
        from steal_scheduler.migrator import pause

        until = math.inf
        if parsed_args.seconds is not None:
            until = math.ceil(now + parsed_args.seconds)
        reason = one_line(parsed_args.reason)
        wanted = model.Pause(*self.where(parsed_args), until, reason)
        return self.dict2columns(pause.pause(nova, wanted, now))


class Resume(_AboutSomewhere):
    """end a pause: of the whole cloud, or of a zone or a host"""

    _epilog = (
        'Pauses that are over, by the clock of this machine, are removed as '
        'well. Then it prints those that are left. Exit status: 0 if it is '
        'not paused any more; 1 after an error; 2 if it still is.'
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        nova, now = self.nova(), time.time()
        from steal_scheduler.migrator import pause

        scope, name = self.where(parsed_args)
        document, still = pause.resume(nova, scope, name, now)
        self.status = 2 if still else 0
        return self.dict2columns(document)
