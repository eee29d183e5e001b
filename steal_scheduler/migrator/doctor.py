"""Doctor: what is left over, and the command that repairs each.

Records, states and tags in Nova, and marks in orchestrators that prove
nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import OrchestratorError, ServerGone
from steal_scheduler.migrator import build, ports
from steal_scheduler.migrator.orphans import doubt
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.cloud import NO_SIGNALS
from steal_scheduler.moves.leftovers import Kind, Leftover, leftovers
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.orchestrators.base import Mark
from steal_scheduler.reporting import text


def doctor(conf: Any, now: float) -> tuple[text.Document, bool]:
    """Read Nova, Neutron and the orchestrators once; change nothing.

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
    bindings, note = ports.left_bindings(conf, fleet)
    found += bindings
    notes += [note] if note else []
    marks, silent = _unproven(built, snapshot)
    notes += silent
    if not found and not marks:
        notes.append('Nothing is left over.')
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
        'unproven_marks': marks,
    }, bool(found or marks)


def _unproven(
    built: build.Components, snapshot: Snapshot
) -> tuple[text.Items, list[str]]:
    """Marks of drains that prove nothing, and who does not list his."""
    servers = snapshot.fleet.servers
    found: list[Mapping[str, Any]] = []
    silent = []
    for name in built.conf.migrator.orchestrators:
        marks: Sequence[Mark] = ()
        try:
            marks = built.dispatcher.marks_of(name, servers)
        except OrchestratorError as error:
            silent.append(f'Orchestrator {name} lists no drains: {error}')
        for mark in marks:
            why = doubt(mark)
            if not why and mark.server_id not in servers:
                why = built.nova_cache.why_absent(mark.server_id)
            # What is hidden proves nothing either way.
            if why and why is not Absent.HIDDEN:
                found.append(
                    {
                        'orchestrator': name,
                        'server_id': one_line(mark.server_id, 64),
                        'where': one_line(mark.where, 120),
                        'detail': one_line(why),
                        'command': mark.command,
                    }
                )
    return found, silent


def _migrates(leftover: Leftover, nova: NovaClient) -> bool:
    """Whether it still does: its record may have ended since it was read."""
    try:
        return nova.server(leftover.server_id).migrating
    except ServerGone:
        return False
