"""Doctor: what is left over in Nova, and the command that repairs each."""

import dataclasses
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import ServerGone
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import NO_SIGNALS
from steal_scheduler.moves.leftovers import Kind, Leftover, leftovers
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.reporting import text


def doctor(conf: Any, now: float) -> tuple[text.Document, bool]:
    """Read Nova once, and change nothing.

    :returns: a document (see ``reporting/text.py``), and whether anything is
        left over
    :raises StealError: the configuration is wrong, or Nova does not answer
    """
    built = build.build(conf)
    fleet = built.nova_cache.refresh(now)
    snapshot = Snapshot(now, built.rules, fleet, NO_SIGNALS)
    # After the servers: what began meanwhile is then in no way missing.
    unended = built.nova.unended_migrations()
    told, newer = built.effects.signer.read_all(fleet.servers.values())
    snapshot = dataclasses.replace(snapshot, newer_tags=newer)
    found = [
        each
        for each in leftovers(snapshot, unended, told)
        if each.kind is not Kind.NO_RECORD or _migrates(each, built.nova)
    ]
    notes = [
        f'Nova does not tell of its {listing} now: {why}'
        for listing, why in fleet.unread.items()
    ]
    if not found:
        notes.append('Nothing is left over in Nova.')
    names = {s: server.name for s, server in fleet.servers.items()}
    return {
        'notes': [{'note': note} for note in notes],
        'leftovers': [
            {
                'server_id': each.server_id,
                'server_name': names.get(each.server_id, each.server_id),
                'host': each.host,
                'reason': str(each.kind),
                'detail': each.detail,
                'command': each.command,
            }
            for each in found
        ],
    }, bool(found)


def _migrates(leftover: Leftover, nova: NovaClient) -> bool:
    """Whether it still does: its record may have ended since it was read."""
    try:
        return nova.server(leftover.server_id).migrating
    except ServerGone:
        return False
