"""Recover: clear what a migrator that will not come back left behind.

A running migrator does all this by itself; this is for the day on which
steal-scheduler is taken away.
"""

import time
from typing import Any

from steal_scheduler.exception import ConfigError, ServerGone, StealError
from steal_scheduler.migrator import build
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.moves import state, tags
from steal_scheduler.orchestrators.base import Answer, State


def recover(conf: Any, *, clear: bool) -> tuple[list[str], bool]:
    """Show it, or reattach the servers and remove the tags.

    :returns: lines for the operator, and whether anything is left
    :raises ConfigError: with ``clear``, while a migrator holds the lock
    """
    built = build.build(conf)
    if clear and not built.leader.acquire():
        raise ConfigError(
            'Another migrator leads and will clear this itself; to do it by '
            'hand, stop steal-migrator on all controllers first.'
        )
    try:
        fleet = built.nova_cache.refresh(time.time())
        left = _left(fleet, built.dispatcher.detached())
        if not left:
            return ['Nothing is left behind.'], False
        if not clear:
            lines = [_line(server) for server in left]
            return [*lines, 'Add --clear to reattach these.'], True
        results = [_clear(server, built) for server in left]
        return [line for line, _ in results], any(bad for _, bad in results)
    finally:
        built.leader.release()


def _left(fleet: Fleet, detached: frozenset[str]) -> list[Server]:
    tagged = [s for s in fleet.servers.values() if tags.ours(s.tags)]
    seen = frozenset(s.server_id for s in tagged)
    return tagged + state.orphans(detached - seen, {}, fleet, {})


def _clear(server: Server, built: build.Components) -> tuple[str, bool]:
    """Reattach it first: its tag is the only witness until then."""
    try:
        built.leader.check_held()
        answer: Answer = built.dispatcher.reattach(server)
        if answer.state is not State.DONE:
            return f'{_line(server)}: not reattached: {answer.detail}', True
        for tag in tags.ours(server.tags):
            built.nova.remove_tag(server.server_id, tag)
    except ServerGone:
        return f'{_line(server)}: reattached; Nova has deleted it', False
    except StealError as error:
        return f'{_line(server)}: {error}', True
    return f'{_line(server)}: reattached, tags removed', False


def _line(server: Server) -> str:
    marks = ', '.join(tags.ours(server.tags)) or 'drained'
    return f'{server.server_id}  {server.name}  on {server.host}: {marks}'
