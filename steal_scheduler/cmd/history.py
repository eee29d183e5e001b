"""``steal-manage history``; see ``migrator/history.py``."""

import argparse
import time
from typing import Any

from steal_scheduler.cmd.command import Report
from steal_scheduler.edge.duration import duration


class History(Report):
    """tell which servers were moved, why, and what that has brought"""

    _epilog = (
        'Of what Nova and Prometheus still know. Exit status: 0 if both have '
        'told; 1 after an error; 2 if a part is not known, of which the notes '
        'tell.'
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--since',
            dest='seconds',
            metavar='TIME',
            type=duration,
            default='24h',
            help='how long ago a move may have ended, like 2h or 7d '
            '(default: 24h)',
        )
        for option, metavar, what in (
            ('--zone', 'NAME', 'an availability zone'),
            ('--project', 'ID', 'a project'),
            ('--server', 'SERVER', 'a server, by its name or id'),
        ):
            parser.add_argument(
                option, metavar=metavar, help=f'only moves of {what}'
            )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler.migrator import history
        from steal_scheduler.reporting.history import Wanted

        document, whole = history.told(
            conf,
            Wanted(
                time.time() - parsed_args.seconds,
                parsed_args.zone,
                parsed_args.project,
                parsed_args.server,
            ),
        )
        self.status = 0 if whole else 2
        return self.dict2columns(document)
