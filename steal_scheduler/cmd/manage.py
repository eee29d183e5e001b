"""``steal-manage``: what an operator asks for by hand.

Each command imports what it needs itself: the demo runs Nova in this process,
and Nova insists on being the first to import anything of oslo.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from steal_scheduler.cmd import extras


def _conf(args: argparse.Namespace) -> Any:
    from steal_scheduler.cmd import threading_backend  # noqa: F401

    # isort: split

    from steal_scheduler.conf import load

    files = [f'--config-file={path}' for path in args.config_file]
    conf = load.load(files, 'steal-manage')
    conf.set_override('use_stderr', True)
    load.set_up_log(conf)
    return conf


def _plan(args: argparse.Namespace) -> int:
    """0: something can start, or need not; 2: nothing can start now."""
    import time

    conf = _conf(args)
    from steal_scheduler.migrator.plan import plan_tick
    from steal_scheduler.reporting import text

    now = time.time()
    planned = plan_tick(conf, now)
    sys.stdout.write(
        text.plan_text(
            planned.decided,
            planned.moves,
            planned.fleet.servers,
            now,
            conf.stages.reattach_alarm,
            planned.notes,
        )
    )
    held = any(r.server_id is None for r in planned.decided.refusals)
    return 2 if held else 0


def _recover(args: argparse.Namespace) -> int:
    """0: nothing is left; 1: something is, see the output."""
    conf = _conf(args)
    from steal_scheduler.migrator.recover import recover

    lines, left = recover(conf, clear=args.clear)
    sys.stdout.write('\n'.join(lines) + '\n')
    return 1 if left else 0


def _demo(args: argparse.Namespace) -> int:
    """0: every goal was met; 1: one was not, or Nova is not installed."""
    with extras.needs('steal-manage', 'demo'):
        from steal_scheduler.demo import story

        return story.main(keep=args.keep)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'steal-manage', description='Look at steal-scheduler, and try it.'
    )
    parser.add_argument(
        '--config-file',
        action='append',
        default=[],
        metavar='PATH',
        help='steal-migrator.conf; the default is the one that '
        'steal-migrator reads',
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    plan = commands.add_parser(
        'plan',
        help='print what a tick would do now, and why not more',
    )
    plan.set_defaults(run=_plan)
    recover = commands.add_parser(
        'recover',
        help='show what a migrator that will not come back has left behind: '
        'tags of moves, drained servers',
    )
    recover.add_argument(
        '--clear',
        action='store_true',
        help='reattach the servers and remove the tags; no migrator may run',
    )
    recover.set_defaults(run=_recover)
    demo = commands.add_parser(
        'demo', help='show the whole job on a Nova inside this process'
    )
    demo.add_argument(
        '--keep',
        action='store_true',
        help='leave the cloud and the migrator running until Ctrl-C, and say '
        'how to reach them',
    )
    demo.set_defaults(run=_demo)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    from steal_scheduler.exception import StealError

    try:
        result: int = args.run(args)
    except StealError as error:
        sys.stderr.write(f'steal-manage: {error}\n')
        return 1
    return result


if __name__ == '__main__':
    sys.exit(main())
