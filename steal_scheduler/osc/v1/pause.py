"""``openstack steal pause`` and ``resume``."""

import argparse
from typing import Any

from steal_scheduler.osc import columns, options
from steal_scheduler.osc.columns import Column
from steal_scheduler.osc.command import Command, ShowOne

_PAUSE = (
    Column('Scope', 'scope'),
    Column('Name', 'name'),
    Column('Until', 'until'),
    Column('Reason', 'reason'),
)


def _add_where(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--zone', metavar='<zone>', help='An availability zone')
    where.add_argument(
        '--host', metavar='<host>', help='A host, as Nova calls it'
    )


def _where(parsed_args: argparse.Namespace) -> dict[str, str]:
    """What it is about, as steal-api has it; the cloud has no name."""
    if parsed_args.zone is not None:
        return {'scope': 'zone', 'name': parsed_args.zone}
    if parsed_args.host is not None:
        return {'scope': 'host', 'name': parsed_args.host}
    return {'scope': 'cloud'}


class Pause(ShowOne):
    """Begin no moves, in the whole cloud or in a part of it.

    What is under way is brought to its end.
    """

    takes = (
        _add_where,
        options.add_until,
        options.add_reason,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        said = self.client.put(
            '/pauses',
            **_where(parsed_args),
            until=options.until(parsed_args),
            reason=options.reason(parsed_args),
        )
        return columns.shown(_PAUSE, said.get('pause') or {})


class Resume(Command):
    """End a pause: of the whole cloud, or of a zone or a host.

    Status 2: it is still paused, by something else than such a pause.
    """

    takes = (_add_where,)

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.delete('/pauses', **_where(parsed_args))
