"""Notes at servers, besides the tags of their moves.

What an owner is told stands in metadata, and what the next leader has to know
in signed tags: see ``marks``.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping

from oslo_log import log

from steal_scheduler.decision.eligibility import MOST_TAGS, OUR_TAGS
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.exception import NovaFault
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import CLOCK_SKEW, Move
from steal_scheduler.model.policy import Key
from steal_scheduler.model.proposal import Notice, Proposal, Vote
from steal_scheduler.moves import marks
from steal_scheduler.moves.effects import Effects
from steal_scheduler.moves.marks import Mark, Said
from steal_scheduler.nova_client.client import NovaClient

LOG = log.getLogger(__name__)

#: What an owner is told where nothing of the reason is his own.
WHY = 'its host is to be relieved'


class Notes:
    """Each change checks the lease first.

    What Nova answers is raised as a NovaFault, also NovaForbids: a policy need
    not let us write metadata.
    """

    def __init__(self, nova: NovaClient, effects: Effects) -> None:
        self._nova = nova
        self._effects = effects

    def tell(self, server_id: str, said: str) -> None:
        """Write the notice into its metadata."""
        self._effects.check_lease()
        self._nova.set_metadata(server_id, Key.NOTICE, said)

    def untell(self, server_id: str) -> None:
        """Remove it, whoever wrote it."""
        self._effects.check_lease()
        self._nova.remove_metadata(server_id, Key.NOTICE)

    def marks(self, server: Server) -> Mapping[str, Mark | None]:
        """See ``marks.read``."""
        return marks.read(server, self._effects.signer)

    def text(self, mark: Mark, server_id: str) -> str:
        return mark.text(server_id, self._effects.signer)

    def here(self, server: Server) -> list[Mark]:
        """Those that are about the host that it is on; the newest last."""
        if not server.tags:
            return []
        found = [mark for mark in self.marks(server).values() if mark]
        return sorted(found, key=lambda m: (m.at, m.said is Said.OBJECTED))

    def left(
        self, server: Server, *counting: Proposal | Notice | None
    ) -> list[str]:
        """Tags that one of us wrote, but those of what counts."""
        marks = [mark_of(one) for one in counting if one]
        counts = {self.text(m, server.server_id) for m in marks if m}
        return sorted(self.marks(server).keys() - counts)

    def with_cancel(self, move: Move, fleet: Fleet) -> Move:
        """A move that goes on, cancelled if another leader was to do that.

        For example Nova recorded the migration at 958, and it was cancelled
        at 970; not one of an older move, of which the tag was left.
        """
        record = move.migration(fleet)
        since = (record.created_at if record else move.since) - CLOCK_SKEW
        for mark in self.here(move.server):
            if mark.said is Said.CANCELLED and mark.at >= since:
                why = 'cancelled, as another leader was told'
                return dataclasses.replace(move, cancelled=why)
        return move

    def mark(self, server: Server, mark: Mark) -> None:
        """Write it; where that cannot be, this leader alone knows."""
        if len(server.tags) >= MOST_TAGS - OUR_TAGS:
            # A move needs the rest.
            trouble = f'it has {len(server.tags)} of {MOST_TAGS} tags'
        else:
            try:
                self._effects.check_lease()
                text = self.text(mark, server.server_id)
                self._nova.add_tag(server.server_id, text)
            except NovaFault as error:
                trouble = str(error)
            else:
                return
        LOG.warning(
            'That the move of server %s is %s is not in its tags, so another '
            'leader will not know: %s',
            server.label,
            mark.said,
            trouble,
            instance_uuid=server.server_id,
        )

    def unmark(self, server_id: str, texts: Iterable[str]) -> None:
        for text in texts:
            self._effects.check_lease()
            self._nova.remove_tag(server_id, text)


def mark_of(one: Proposal | Notice) -> Mark | None:
    """How it is kept; None of a proposal that nobody has answered.

    For example the owner of a server on host a was told, and it may move at
    1795334400: ``steal:told:1795334400:...``.
    """
    if isinstance(one, Proposal):
        if one.answer is Vote.OPEN:
            return None
        return Mark(Said(one.answer), one.expires_at, one.source)
    said = Said.OBJECTED if one.objection else Said.TOLD
    return Mark(said, one.due_at, one.source)


def inherited(
    notes: Notes, server: Server, snapshot: Snapshot
) -> Iterator[Proposal | Notice]:
    """What the leader before was told of it; a later one counts for more."""
    for mark in notes.here(server):
        server_id, host = server.server_id, mark.host
        if mark.said in (Said.APPROVED, Said.REJECTED):
            vote = Vote(mark.said)
            yield Proposal.found(server_id, host, vote, mark.at)
        elif mark.said in (Said.TOLD, Said.OBJECTED):
            setting = snapshot.fleet.policies.first(host, Key.NOTICE)
            told_at = mark.at - (setting.value if setting else 0)
            found = Notice(server_id, host, told_at, mark.at, WHY)
            if mark.said is Said.OBJECTED:
                found = found.answered('so another leader was told')
            yield found
