"""``openstack steal host ...``."""

import argparse
import functools
from typing import Any

from steal_scheduler.osc import columns, options
from steal_scheduler.osc.client import path
from steal_scheduler.osc.columns import Column, line
from steal_scheduler.osc.command import Lister, ShowOne
from steal_scheduler.osc.v1.look import planned
from steal_scheduler.osc.waiting import UNKNOWN, Following, wait

_HOST = (
    Column('Host', 'host'),
    Column('Zone', 'zone'),
    Column('Tier', 'tier'),
    Column('Steal', 'steal', columns.Share),
    Column('Cores', 'cores', columns.Number),
    Column('Servers', 'servers'),
    Column('Demand', 'demand_expected', columns.Number),
    Column('Paused', 'paused'),
    Column('Drained', 'drained'),
    Column('Unreliable', 'unreliable'),
    Column('Demand Low', 'demand_low', columns.Number, long=True),
    Column('Demand High', 'demand_high', columns.Number, long=True),
    Column('Room', 'room', columns.Counts, long=True),
    Column('Policy', 'policy', columns.Settings, long=True),
)
_HOST_IN_FULL = tuple(
    column._replace(kind=columns.Servers)
    if column.key == 'servers'
    else column
    for column in _HOST
)


class HostList(Lister):
    """List hosts: their tier, steal, demand and room"""

    takes = (
        options.add_zone,
        options.add_long,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        rows = self.client.rows('/hosts', 'hosts', zone=parsed_args.zone)
        return columns.listed(_HOST, rows, parsed_args.long)


def _add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'host', metavar='<host>', help='Host, as Nova calls it'
    )


class HostShow(ShowOne):
    """Show a host, its servers, and what is in force there"""

    takes = (_add_host,)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        host = self.client.get(path('hosts', parsed_args.host))
        return columns.shown(_HOST_IN_FULL, host)


class HostRelieve(Lister):
    """Relieve a host now, whatever the polls say.

    The gate is the same as for all moves. Status 2: nothing leaves, or with
    --wait not all that leave have arrived.
    """

    takes = (
        _add_host,
        options.add_reason,
        functools.partial(options.add_wait, until='their moves have ended'),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        where = path('hosts', parsed_args.host)
        servers = self.client.rows(where, 'servers')
        said = self.client.post(
            f'{where}/relieve', reason=options.reason(parsed_args)
        )
        leaving = [str(row['server_id']) for row in said.get('admitted') or ()]
        if not leaving:
            self.status = 2
        elif parsed_args.wait:
            follow = Following(self.client, dict.fromkeys(leaving, UNKNOWN))
            wait(follow.look, self.tell, options.patience(parsed_args))
            self.status = 0 if follow.arrived else 2
        known = {str(row['server_id']): str(row['name']) for row in servers}
        return planned(said, known)


class HostDrain(ShowOne):
    """Empty a host for maintenance, or stop that.

    Its servers leave as any server that moves: drained, placed where it
    lasts, reattached. Status 2: refused, or with --wait servers are left.
    """

    takes = (
        _add_host,
        options.add_reason,
        options.add_until,
        functools.partial(options.add_stop, help='Do not empty it any more'),
        functools.partial(options.add_wait, until='no server is left'),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        options.check_stop(parsed_args)
        where = path('hosts', parsed_args.host)
        if parsed_args.stop:
            self.client.delete(f'{where}/drain')
        else:
            self.client.put(
                f'{where}/drain',
                reason=options.reason(parsed_args),
                until=options.until(parsed_args),
            )
        if parsed_args.wait and not wait(
            lambda: self._left(where), self.tell, options.patience(parsed_args)
        ):
            self.status = 2
        return columns.shown(_HOST_IN_FULL, self.client.get(where))

    def _left(self, where: str) -> tuple[str, bool]:
        host = self.client.get(where)
        left = host.get('servers') or []
        # Else it is not known yet that it is emptied, or it is empty.
        said = host.get('drained') or f'{len(left)} servers left'
        return line(f'{host.get("host")}: {said}'), not left
