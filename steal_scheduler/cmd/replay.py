"""``steal-manage replay``; see ``replay/``."""

import argparse
import dataclasses
import math
from typing import Any

from cliff.lister import Lister

from steal_scheduler.cmd.command import Configured, Ours

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
    """How long a migration takes."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no number of 0 to 86400 seconds'
        )
    return value


class Replay(Configured, Ours, Lister):
    """tell what would have been of a recorded cloud, by our rule or others"""

    _epilog = 'Exit status: 0; 1 after an error.'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'folder', metavar='DIR', help='cluster.json and demand.csv'
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
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        conf = self.conf()
        from steal_scheduler.conf import rules
        from steal_scheduler.replay import recording, replay

        setting = replay.Setting(
            rules.rules(conf),
            parsed_args.move_seconds,
            parsed_args.work,
            parsed_args.bursts,
        )
        recorded = recording.read(parsed_args.folder)
        columns = [field.name for field in dataclasses.fields(replay.Result)]
        names = parsed_args.rule or RULES
        results = (replay.replay(recorded, n, setting) for n in names)
        return columns, [dataclasses.astuple(result) for result in results]
