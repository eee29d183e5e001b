"""``openstack steal server ...``."""

import argparse
import functools
from typing import Any

from steal_scheduler.osc import columns, names, options
from steal_scheduler.osc.client import path
from steal_scheduler.osc.columns import Column
from steal_scheduler.osc.command import Lister, ShowOne

_SERVER = (
    Column('Server ID', 'server_id'),
    Column('Name', 'name'),
    Column('Host', 'host'),
    Column('Steal', 'steal', columns.Share),
    Column('Load', 'load', columns.Number),
    Column('Contended', 'contended', columns.Flag),
    Column('State', 'state'),
    Column('Moves Next', 'moves_next', columns.Flag),
    Column('Reason', 'reason'),
    Column('Skipped Until', 'skip_until', columns.Until),
    Column('Project', 'project_id', long=True),
    Column('Zone', 'zone', long=True),
    Column('Role', 'role', long=True),
    Column('Detail', 'detail', long=True),
)
_SERVER_IN_FULL = (
    *_SERVER,
    Column('Demand Low', 'demand_low', columns.Number),
    Column('Demand', 'demand_expected', columns.Number),
    Column('Demand High', 'demand_high', columns.Number),
    Column('Window', 'window'),
    Column('Refusals', 'refusals', columns.Reasons),
    Column('Move', 'move', columns.Moves),
    Column('Last Move', 'last', columns.Moves),
)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--host', metavar='<host>', help='Only those on this host'
    )
    contended = parser.add_mutually_exclusive_group()
    contended.add_argument(
        '--contended',
        action='store_const',
        const=True,
        help='Only those that are contended',
    )
    contended.add_argument(
        '--not-contended',
        dest='contended',
        action='store_const',
        const=False,
        help='Only the others',
    )


class ServerList(Lister):
    """List servers: which are contended, and what becomes of them.

    Those with most steal come first.
    """

    takes = (
        options.add_zone,
        options.add_project,
        _add_filters,
        options.add_long,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        manager = self.app.client_manager
        rows = self.client.rows(
            '/servers',
            'servers',
            zone=parsed_args.zone,
            project=names.project_id(manager, parsed_args.project),
            host=parsed_args.host,
            contended=parsed_args.contended,
        )
        rows.sort(
            key=lambda row: (-(row.get('steal') or 0), row.get('name') or '')
        )
        return columns.listed(_SERVER, rows, parsed_args.long)


class ServerShow(ShowOne):
    """Show a server, and what speaks for and against its move"""

    takes = (options.add_server,)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        server_id = names.server_id(self.client, parsed_args.server)
        server = self.client.get(path('servers', server_id))
        return columns.shown(_SERVER_IN_FULL, server)


class ServerSkip(ShowOne):
    """Let a server stay where it is, or stop that.

    A move that is under way goes on to its end.
    """

    takes = (
        options.add_server,
        options.add_reason,
        options.add_until,
        functools.partial(options.add_stop, help='Let it move again'),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        options.check_stop(parsed_args)
        server_id = names.server_id(self.client, parsed_args.server)
        where = path('servers', server_id, 'skip')
        if parsed_args.stop:
            said = self.client.delete(where)
        else:
            said = self.client.put(
                where,
                reason=options.reason(parsed_args),
                until=options.until(parsed_args),
            )
        return columns.shown(_SERVER, said.get('server') or {})
