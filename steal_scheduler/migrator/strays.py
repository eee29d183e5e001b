"""Tags of no move: forged, put back by a tenant, or left over."""

import collections
from collections.abc import Collection, Sequence

from oslo_log import log

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line, several
from steal_scheduler.migrator.build import Components
from steal_scheduler.model.cloud import Server
from steal_scheduler.moves import tags
from steal_scheduler.orchestrators.base import State

LOG = log.getLogger(__name__)

#: Servers with tags of no move that are looked after in one tick: a tenant
#: can write many.
STRAYS_AT_ONCE = 5
#: And tags of each: there may be fifty, and each is a call of Nova.
TAGS_AT_ONCE = 2


class Strays:
    """Servers with such tags, which have their turns."""

    def __init__(self, built: Components) -> None:
        self._built = built
        #: By server id: whether it was reattached, and when it was last
        #: looked after.
        self._known: dict[str, tuple[bool, float]] = {}
        #: It was said that there are tags of a newer version.
        self._said = False

    def forget(self) -> None:
        """Another process may have drained them."""
        self._known = {}

    def remove(self, strays: Sequence[Server], snapshot: Snapshot) -> None:
        """Remove tags of no move, last and a few at a time.

        Most are forged. But one may be ours, of a key that is not known any
        more: so its server is reattached first, and one that is under way
        lets the others wait: an orchestrator makes its calls in order, and
        moves need it. What cannot be done now, of a server in ERROR, comes
        again after all others.
        """
        self._report(snapshot.newer_tags)
        built, calls = self._built, self._built.dispatcher.calls
        now = snapshot.now
        servers = {server.server_id: server for server in strays}
        known = {s: self._known.get(s, (False, 0.0)) for s in servers}
        # Of those that were never looked after, one of each project first.
        nth = collections.Counter[str]()
        order = {}
        for server_id, server in servers.items():
            order[server_id] = nth[server.project_id]
            nth[server.project_id] += 1
        turns = sorted(
            known,
            key=lambda s: (not calls.under_way(s), known[s][1], order[s]),
        )
        for server_id in turns[:STRAYS_AT_ONCE]:
            server = servers[server_id]
            newer = snapshot.newer_tags.get(server_id, ())
            texts = tags.ours(server.tags, newer)
            back, before = known[server_id]
            LOG.log(
                log.DEBUG if before else log.WARNING,
                'Server %s has tags of no move that is in flight: removing '
                '%s.',
                server.label,
                several([*map(one_line, texts)]),
                instance_uuid=server_id,
            )
            if not back:
                answer = built.dispatcher.reattach(server, now)
                back = answer.state is State.DONE
            known[server_id] = back, now
            if back:
                built.nova_cache.look_again(server_id)
                built.effects.untag(server, texts[:TAGS_AT_ONCE])
            elif calls.under_way(server_id):
                break
        self._known = known

    def _report(self, newer: Collection[str]) -> None:
        """Say once that a newer version wrote tags.

        :param newer: ids of their servers
        """
        if newer and not self._said:
            LOG.warning(
                'Tags of a newer steal-scheduler are left alone, and their '
                'servers are not moved: %s. Upgrade steal-migrator on this '
                'controller.',
                several(sorted(newer)),
            )
        self._said = bool(newer)
