"""``openstack steal move ...``."""

import argparse
import functools
from typing import Any

from steal_scheduler.osc import columns, names, options
from steal_scheduler.osc.client import path
from steal_scheduler.osc.columns import Column
from steal_scheduler.osc.command import Lister, ShowOne
from steal_scheduler.osc.v1.look import ENDED
from steal_scheduler.osc.waiting import Following, lasts, wait

_MOVE = (
    Column('Server ID', 'server_id'),
    Column('Name', 'name'),
    Column('Stage', 'stage'),
    Column('Since', 'since'),
    Column('From', 'source'),
    Column('To', 'target'),
    Column('Copied', 'copied_mb', columns.Mebibytes),
    Column('To Copy', 'copy_mb', columns.Mebibytes),
    Column('Waits', 'waits'),
    Column('Trouble', 'trouble'),
    Column('Reason', 'reason', long=True),
    Column('Project', 'project_id', long=True),
    Column('Steal Before', 'steal_before', columns.Share, long=True),
    Column('Requested By', 'requested_by', long=True),
)


class MoveList(Lister):
    """List moves that are under way"""

    takes = (options.add_long,)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        rows = self.client.rows('/moves', 'moves')
        return columns.listed(_MOVE, rows, parsed_args.long)


class MoveShow(ShowOne):
    """Show the move of a server that is under way"""

    takes = (options.add_server,)

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        server_id = names.server_id(self.client, parsed_args.server)
        move = self.client.get(path('moves', server_id))
        return columns.shown(_MOVE, move)


class _Asked(ShowOne):
    """Something is asked of a move; it may be waited for.

    It shows the move, and with --wait how it ended.
    """

    takes = (
        options.add_server,
        options.add_reason,
        functools.partial(options.add_wait, until='the move has ended'),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        server_id = names.server_id(self.client, parsed_args.server)
        before: Any = {}
        if parsed_args.wait:
            before = lasts(self.client, [server_id])
        reason = options.reason(parsed_args)
        move = self.ask(server_id, reason).get('move') or {}
        if parsed_args.wait:
            follow = Following(self.client, before)
            wait(follow.look, self.tell, options.patience(parsed_args))
            self.status = 0 if self.is_done(follow) else 2
            if server_id in follow.ended:
                return columns.shown(ENDED, follow.ended[server_id])
        return columns.shown(_MOVE, move)

    def ask(self, server_id: str, reason: str) -> dict[str, Any]:
        """Ask for it, and answer what is said."""
        raise NotImplementedError

    def is_done(self, follow: Following) -> bool:
        """Whether what was asked for has happened."""
        raise NotImplementedError


class MoveCreate(_Asked):
    """Move a server now, through the same gate and drain as any other.

    Status 2: the gate refuses, or with --wait the server did not arrive.
    """

    def ask(self, server_id: str, reason: str) -> dict[str, Any]:
        return self.client.post('/moves', server_id=server_id, reason=reason)

    def is_done(self, follow: Following) -> bool:
        return follow.arrived


class MoveCancel(_Asked):
    """Cancel the move of a server: it goes back into service.

    Status 2: it is too late, or with --wait the move has not ended yet.
    """

    def ask(self, server_id: str, reason: str) -> dict[str, Any]:
        return self.client.delete(path('moves', server_id), reason=reason)

    def is_done(self, follow: Following) -> bool:
        return bool(follow.outcomes)
