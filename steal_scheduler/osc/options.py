"""Options that several commands have, and what is meant by them."""

import argparse
import datetime

from steal_scheduler.edge.duration import duration
from steal_scheduler.osc.client import Failed

#: Of the audit, where nobody says one. steal-api wants one with each request.
_NO_REASON = 'no reason given'
#: How long --wait waits, in seconds.
_PATIENCE = 3600


def time(text: str) -> datetime.datetime:
    """A time with its zone, which is in the future.

    :raises argparse.ArgumentTypeError: it is none
    """
    try:
        found = datetime.datetime.fromisoformat(text.strip())
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time with its zone: write it like '
            '2026-11-30T14:00Z or 2026-11-30T16:00+02:00'
        )
    if found <= _now():
        raise argparse.ArgumentTypeError(
            f'{text!r} is over, by the clock of this machine'
        )
    return found


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def iso(moment: datetime.datetime) -> str:
    """As steal-api has it: 2026-11-30T14:00:00Z."""
    utc = moment.astimezone(datetime.UTC)
    return utc.strftime('%Y-%m-%dT%H:%M:%SZ')


def add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--reason',
        metavar='<text>',
        help='Who asks, and what for; it stands in the audit log',
    )


def add_until(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        '--for',
        dest='seconds',
        metavar='<time>',
        type=duration,
        help='How long from now, by the clock of this machine, like 30m, 2h '
        'or 1d12h; without it until somebody ends it',
    )
    group.add_argument(
        '--until',
        metavar='<time>',
        type=time,
        help='Until when, with the zone, like 2026-11-30T14:00Z',
    )


def add_stop(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument('--stop', action='store_true', help=help)


def add_wait(parser: argparse.ArgumentParser, until: str) -> None:
    parser.add_argument(
        '--wait',
        action='store_true',
        help=f'Wait until {until}; each change is told on standard error',
    )
    parser.add_argument(
        '--timeout',
        metavar='<time>',
        type=duration,
        help='How long --wait waits at most, like 90s or 2h (default: '
        f'{_PATIENCE // 3600}h); then the exit status is 2',
    )


def add_long(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--long', action='store_true', help='List more columns'
    )


def add_zone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--zone', metavar='<zone>', help='Only of this availability zone'
    )


def add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--project',
        metavar='<project>',
        help='Only of this project (name or ID)',
    )


def add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'server', metavar='<server>', help='Server (name or ID)'
    )


def reason(parsed_args: argparse.Namespace) -> str:
    return parsed_args.reason or _NO_REASON


def until(parsed_args: argparse.Namespace) -> str | None:
    """Until when, for steal-api; None until somebody ends it."""
    if parsed_args.until is not None:
        return iso(parsed_args.until)
    if parsed_args.seconds is not None:
        # Rather a second longer than asked for, as the text has none less.
        return iso(
            _now() + datetime.timedelta(seconds=parsed_args.seconds + 1)
        )
    return None


def patience(parsed_args: argparse.Namespace) -> int:
    """Seconds that --wait waits at most."""
    return parsed_args.timeout or _PATIENCE


def check_stop(parsed_args: argparse.Namespace) -> None:
    """Refuse what means nothing beside --stop.

    :raises Failed: one of them was given
    """
    for name, option in (
        ('seconds', '--for'),
        ('until', '--until'),
        ('reason', '--reason'),
        ('wait', '--wait'),
    ):
        if parsed_args.stop and getattr(parsed_args, name, None):
            raise Failed(f'{option} means nothing with --stop: leave it out')
