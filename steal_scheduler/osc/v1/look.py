"""``openstack steal summary``, ``plan``, ``history``, ``relief``, settings."""

import argparse
from typing import Any

from steal_scheduler.edge.duration import duration
from steal_scheduler.osc import columns, names, options
from steal_scheduler.osc.columns import Column
from steal_scheduler.osc.command import Lister, ShowOne

_SUMMARY = (
    Column('Leader', 'leader'),
    Column('Leadership', 'leadership'),
    Column('Judged At', 'judged_at'),
    Column('Dry Run', 'dry_run', columns.Flag),
    Column('Servers', 'servers'),
    Column('Contended', 'contended'),
    Column('Coverage', 'coverage_percent', columns.Percent),
    Column('Hosts', 'hosts', columns.Counts),
    Column('Moves', 'moves'),
    Column('Pauses', 'pauses', columns.Pauses),
    Column('Holds', 'holds', columns.Reasons),
    Column('Saturated', 'saturations', columns.Reasons),
)
#: Of the last day, in an object of its own.
_LAST_DAY = (
    Column('Moves 24h', 'moves', columns.Counts),
    Column('Relief 24h', 'relief_core_seconds', columns.CoreSeconds),
    Column('Harm 24h', 'harm_core_seconds', columns.CoreSeconds),
    Column('Copied 24h', 'copied_mb', columns.Mebibytes),
)


class Summary(ShowOne):
    """Show what the migrator that leads judged at its last step"""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        summary = self.client.get('/summary')
        day = summary.get('last_day')
        titles, values = columns.shown(_SUMMARY, summary)
        more, of_day = columns.shown(_LAST_DAY, day or {})
        return titles + more, values + of_day


#: Of the plan, of a host that is relieved: what moves and what does not.
PLAN = (
    Column('What', 'what'),
    Column('Server ID', 'server_id'),
    Column('Name', 'name'),
    Column('Zone', 'zone'),
    Column('Host', 'host'),
    Column('Reason', 'reason'),
    Column('Detail', 'detail'),
    Column('To Copy', 'copy_mb', columns.Mebibytes),
)


def planned(said: dict[str, Any], known: dict[str, str]) -> Any:
    """Of a plan, a row for each thing that it says.

    :param known: names of servers, for what is told by ids only
    """
    rows = [
        {**row, 'what': what, 'host': row.get('host') or row.get('source')}
        for what, name in (
            ('hold', 'holds'),
            ('move', 'admitted'),
            ('refused', 'refusals'),
            ('saturated', 'saturations'),
        )
        for row in said.get(name) or ()
    ]
    for row in rows:
        row.setdefault('reason', row.get('scarce'))
        row.setdefault('name', known.get(str(row.get('server_id'))))
    return columns.listed(PLAN, rows)


class Plan(Lister):
    """List what would begin to move now, and what holds up the others"""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        plan = self.client.get('/plan')
        rows = self.client.rows('/servers', 'servers')
        known = {str(row['server_id']): str(row['name']) for row in rows}
        return planned(plan, known)


#: A move that is over.
ENDED = (
    Column('Ended At', 'ended_at'),
    Column('Server ID', 'server_id'),
    Column('Name', 'name'),
    Column('From', 'source'),
    Column('To', 'target'),
    Column('Outcome', 'outcome'),
    Column('Steal Before', 'steal_before', columns.Share),
    Column('Steal After', 'steal_after', columns.Share),
    Column('Out', 'seconds_out', columns.Seconds),
    Column('Reason', 'reason', long=True),
    Column('Project', 'project_id', long=True),
    Column('Zone', 'zone', long=True),
    Column('Requested At', 'requested_at', long=True),
    Column('Copied', 'copied_mb', columns.Mebibytes, long=True),
    Column('Relief', 'relief_core_seconds', columns.CoreSeconds, long=True),
    Column('Asked By', 'asked_by', long=True),
    Column('Known From', 'source_of_truth', long=True),
)


def _add_since(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--since',
        metavar='<time>',
        type=duration,
        default='24h',
        help='How far back, like 90m, 24h or 7d (default: 24h)',
    )


def _add_only_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--server', metavar='<server>', help='Only of it (name or ID)'
    )


class History(Lister):
    """List moves that have ended"""

    takes = (
        _add_since,
        options.add_zone,
        options.add_project,
        _add_only_server,
        options.add_long,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        server = parsed_args.server
        history = self.client.get(
            '/history',
            since=parsed_args.since,
            zone=parsed_args.zone,
            project=names.project_id(
                self.app.client_manager, parsed_args.project
            ),
            server=server and names.server_id(self.client, server),
        )
        for note in history.get('notes') or ():
            self.tell(columns.line(note))
        return columns.listed(
            ENDED, history.get('moves') or (), parsed_args.long
        )


_RELIEF = (
    Column('Zone', 'zone'),
    Column('Moves', 'moves'),
    Column('Helped', 'helped'),
    Column('Not Helped', 'not_helped'),
    Column('Unmeasured', 'unmeasured'),
    Column('Relief', 'relief_core_seconds', columns.CoreSeconds),
    Column('Harm', 'harm_core_seconds', columns.CoreSeconds),
    Column('Copied', 'copied_mb', columns.Mebibytes),
    Column('Relief Per GiB', 'relief_per_gib', columns.CoreSeconds),
)


class Relief(Lister):
    """List what moves have brought, by zone"""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        relief = self.client.get('/relief')
        if relief.get('since'):
            self.tell(f'Since {columns.line(relief["since"])}.')
        return columns.listed(_RELIEF, relief.get('zones') or ())


_SETTINGS = (
    Column('Group', 'group'),
    Column('Name', 'name'),
    Column('Value', 'value'),
)


class SettingList(Lister):
    """List the options that are in force; no secret is among them"""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        return columns.listed(
            _SETTINGS, self.client.rows('/settings', 'options')
        )
