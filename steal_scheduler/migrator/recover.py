"""Recover: clear what a migrator that will not come back left behind.

A running migrator does all this by itself; this is for the day on which
steal-scheduler is taken away.
"""

import time
from typing import Any

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import ConfigError, ServerGone, StealError
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import NO_SIGNALS, Server
from steal_scheduler.moves import state, tags
from steal_scheduler.orchestrators.base import State
from steal_scheduler.reporting import text


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
        left = [s for s in fleet.servers.values() if tags.ours(s.tags)]
        seen = {server.server_id for server in left}
        left += state.orphans(built.dispatcher.detached() - seen, snapshot)
        results = [
            _clear(server, built) if clear else ('', True) for server in left
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
            'tags': tags.ours(server.tags),
            'detail': detail,
        }
        for server, (detail, _) in zip(left, results, strict=True)
    ]
    bad = any(bad for _, bad in results)
    return {'notes': notes, 'left_behind': found}, bad


def _clear(server: Server, built: build.Components) -> tuple[str, bool]:
    """Reattach it first: its tag is the only witness until then."""
    try:
        built.leader.check_held()
        answer = built.dispatcher.reattach(server, time.time())
        if answer.state is not State.DONE:
            return f'not reattached: {answer.detail}', True
        for tag in tags.ours(server.tags):
            built.nova.remove_tag(server.server_id, tag)
    except ServerGone:
        return 'reattached; Nova has deleted it', False
    except StealError as error:
        return str(error), True
    return 'reattached, tags removed', False
