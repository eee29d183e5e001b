"""``steal-manage replay``; see ``replay/``."""

import argparse
import dataclasses
import math
import re
import time
from typing import TYPE_CHECKING, Any

from cliff.lister import Lister

from steal_scheduler.cmd.command import Configured, Ours

if TYPE_CHECKING:
    from steal_scheduler.replay.recording import Recording

#: Of the work and the names of the rules: what ``replay/`` has is only loaded
#: where it is asked for, and a test holds these to it.
WORKS = ('fluid', 'queueing')
RULES = (
    'steal-scheduler',
    'static',
    'cortex',
    'kubevirt',
    'proxmox',
    'thr-mmt',
    'lr-mmt',
    'clairvoyant',
)


def seconds(text: str) -> float:
    """How long a migration takes, or a drain."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number of 0 to 86400 seconds'
        )
    return value


#: Of the units in which a time is given, seconds.
_UNITS = {'m': 60.0, 'h': 3600.0, 'd': 86400.0}


def span(text: str) -> float:
    """How long ago, or how long a step is, in seconds."""
    match = re.fullmatch(r'([1-9]\d{0,3})([mhd])', text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time such as 7d, 12h or 5m'
        )
    return int(match[1]) * _UNITS[match[2]]


class Replay(Configured, Ours, Lister):
    """tell what would have been of a recorded cloud, by our rule or others"""

    _epilog = 'Exit status: 0; 1 after an error.'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            'folder',
            metavar='DIR',
            nargs='?',
            help='cluster.json and demand.csv',
        )
        what.add_argument(
            '--since',
            metavar='TIME',
            type=span,
            help='the last 7d, say, or 12h, of this cloud instead, as Nova is '
            'now and as the signals tell',
        )
        parser.add_argument(
            '--step',
            metavar='TIME',
            type=span,
            default=300.0,
            help='of which each value is a mean, with --since; 5m by default',
        )
        parser.add_argument(
            '--save',
            metavar='DIR',
            help='write what is replayed into this folder, to replay it again',
        )
        parser.add_argument(
            '--rule',
            action='append',
            choices=RULES,
            default=[],
            help='whose decisions, and may be repeated; the default is all',
        )
        parser.add_argument(
            '--work',
            choices=WORKS,
            default=WORKS[0],
            help='what becomes of work that a host cannot do at once: it is '
            'lost (fluid, the default), or it waits (queueing)',
        )
        parser.add_argument(
            '--bursts',
            metavar='SEED',
            type=int,
            help='lay bursts of a second on what the servers want; the same '
            'ones for the same number',
        )
        parser.add_argument(
            '--move-seconds',
            metavar='SECONDS',
            type=seconds,
            default=60.0,
            help='that Nova takes for a migration; the default is 60',
        )
        parser.add_argument(
            '--drain-seconds',
            metavar='SECONDS',
            type=seconds,
            default=0.0,
            help='that an orchestrator takes to drain a server before Nova is '
            'asked, by our rule alone; the default is 0: there is none',
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler import startup
        from steal_scheduler.conf import rules
        from steal_scheduler.replay import folder, replay

        setting = replay.Setting(
            rules.rules(conf),
            parsed_args.move_seconds,
            parsed_args.drain_seconds,
            parsed_args.work,
            parsed_args.bursts,
        )
        startup.collect_rarely()
        recorded = self._recorded(conf, parsed_args)
        if parsed_args.save:
            folder.write(recorded, parsed_args.save)
        columns = [field.name for field in dataclasses.fields(replay.Result)]
        names = parsed_args.rule or RULES
        results = (replay.replay(recorded, n, setting) for n in names)
        return columns, [dataclasses.astuple(result) for result in results]

    def _recorded(
        self, conf: Any, parsed_args: argparse.Namespace
    ) -> 'Recording':
        if parsed_args.folder:
            from steal_scheduler.replay import folder

            return folder.read(parsed_args.folder)
        from steal_scheduler.migrator import past
        from steal_scheduler.replay import measured

        now, since, step = time.time(), parsed_args.since, parsed_args.step
        return measured.recording(past.read(conf, now, since, step))
