"""``openstack steal approval ...``."""

import argparse
from typing import Any

from steal_scheduler.osc import columns, names, options
from steal_scheduler.osc.client import path
from steal_scheduler.osc.columns import Column
from steal_scheduler.osc.command import Command, Lister

_APPROVAL = (
    Column('Server ID', 'server_id'),
    Column('Name', 'name'),
    Column('From', 'source'),
    Column('Reason', 'reason'),
    Column('Asked At', 'asked_at'),
    Column('Expires At', 'expires_at'),
)


class ApprovalList(Lister):
    """List moves that wait for an approval"""

    def take_action(self, parsed_args: argparse.Namespace) -> Any:
        rows = self.client.rows('/approvals', 'approvals')
        return columns.listed(_APPROVAL, rows)


class _Decision(Command):
    approved: bool

    takes = (
        options.add_server,
        options.add_reason,
    )

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        server_id = names.server_id(self.client, parsed_args.server)
        self.client.put(
            path('approvals', server_id),
            approved=self.approved,
            reason=options.reason(parsed_args),
        )


class ApprovalApprove(_Decision):
    """Let a server move that waits for an approval"""

    approved = True


class ApprovalReject(_Decision):
    """Let a server stay that waits for an approval"""

    approved = False
