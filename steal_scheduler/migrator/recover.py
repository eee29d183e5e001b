"""Recover: clear what a migrator that will not come back left behind.

A running migrator does all this by itself; this is for the day on which
steal-scheduler is taken away.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import ConfigError, ServerGone, StealError
from steal_scheduler.migrator import build
from steal_scheduler.migrator.orphans import doubt
from steal_scheduler.model.absent import Absent
from steal_scheduler.model.cloud import NO_SIGNALS, Server
from steal_scheduler.moves import marks, state, tags
from steal_scheduler.orchestrators.base import State
from steal_scheduler.reporting import text

#: What this version cannot clear.
NEWER = (
    'a newer steal-scheduler has tagged it: run steal-manage of that version',
    True,
)
#: What cannot be cleared of a server that Nova does not tell of, and whether
#: it is ours to clear.
ABSENT = {
    # Nova may migrate it.
    Absent.HIDDEN: (str(Absent.HIDDEN), True),
    Absent.FOREIGN: (f'left as it is: {Absent.FOREIGN}', False),
}


def recover(conf: Any, *, clear: bool) -> tuple[text.Document, bool]:
    """Show it, or reattach the servers and remove the tags.

    :returns: a document (see ``reporting/text.py``), and whether anything is
        left
    :raises ConfigError: with ``clear``, while a migrator holds the lock
    """
    built = build.build(conf)
    if clear and not built.leader.acquire_in_time():
        raise ConfigError(
            'Another migrator leads and will clear this itself; to do it by '
            'hand, stop steal-migrator on all controllers first.'
        )
    try:
        now = time.time()
        fleet = built.nova_cache.refresh(now)
        snapshot = Snapshot(now, built.rules, fleet, NO_SIGNALS)
        _, newer = built.effects.signer.read_all(fleet.servers.values())
        left = [
            s
            for s in fleet.servers.values()
            if tags.ours(s.tags) or s.server_id in newer
        ]
        seen = {server.server_id for server in left}
        listed = {
            mark.server_id
            for name in conf.migrator.orchestrators
            for mark in built.dispatcher.marks_of(name, fleet.servers)
            if not doubt(mark)
        }
        left += state.orphans(listed - seen, snapshot)
        drained = {server.server_id for server in left}
        left += [
            s
            for s in fleet.servers.values()
            if s.server_id not in drained and _said(s, built)
        ]

        def undone(server: Server) -> tuple[str, bool]:
            out = server.server_id in drained
            return _clear(server, built, out=out) if clear else ('', True)

        results = [
            NEWER
            if server.server_id in newer
            else _absent(server, built) or undone(server)
            for server in left
        ]
    finally:
        built.leader.release()
    notes = [] if left else [{'note': 'Nothing is left behind.'}]
    if left and not clear:
        notes = [{'note': 'Add --clear to reattach these.'}]
    found = [
        {
            'server_id': server.server_id,
            'server_name': server.name,
            'host': server.host,
            'tags': [*_tags(server, newer), *_said(server, built)],
            'detail': detail,
        }
        for server, (detail, _) in zip(left, results, strict=True)
    ]
    bad = any(bad for _, bad in results)
    return {'notes': notes, 'left_behind': found}, bad


def _tags(server: Server, newer: Mapping[str, Sequence[str]]) -> list[str]:
    theirs = newer.get(server.server_id, ())
    found = [*tags.ours(server.tags, theirs), *theirs]
    return [*map(one_line, found)]


def _absent(
    server: Server, built: build.Components
) -> tuple[str, bool] | None:
    """Why it is not cleared; None where it may be."""
    if not server.gone:
        return None
    return ABSENT.get(built.nova_cache.why_absent(server.server_id))


def _said(server: Server, built: build.Components) -> Sequence[str]:
    """Tags that tell what was said of its moves; see ``marks``."""
    return [*marks.read(server, built.effects.signer)]


def _clear(
    server: Server, built: build.Components, *, out: bool
) -> tuple[str, bool]:
    """Reattach it first: its tag is the only witness until then.

    :param out: it may be drained; else nobody is asked to put it back
    """
    done = 'reattached, ' if out else ''
    try:
        built.leader.check_held()
        if out:
            answer = built.dispatcher.reattach(server, time.time())
            if answer.state is not State.DONE:
                return f'not reattached: {answer.detail}', True
        for tag in (*tags.ours(server.tags), *_said(server, built)):
            built.nova.remove_tag(server.server_id, tag)
    except ServerGone:
        return f'{done}deleted in Nova', False
    except StealError as error:
        return str(error), True
    return f'{done}tags removed', False
