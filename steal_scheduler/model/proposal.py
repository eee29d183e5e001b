"""Proposals: moves that wait, for somebody's yes or until a notice is over."""

import dataclasses
import enum

#: Seconds for which a proposal waits for an answer, for which an answer
#: counts, and for which a move may begin whose notice is over.
LASTS = 3600.0


class Vote(enum.StrEnum):
    """What has become of a proposal."""

    OPEN = 'open'
    APPROVED = 'approved'
    REJECTED = 'rejected'


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A move that waits for a yes; without one it expires."""

    server_id: str
    source: str
    #: Why it would be moved.
    reason: str
    asked_at: float
    #: When it is forgotten, with its answer.
    expires_at: float
    answer: Vote = Vote.OPEN
    #: Who gave it, and why.
    said: str = ''

    def holds(self, source: str, now: float) -> bool:
        """Whether it is still about a server on this host."""
        return self.source == source and now < self.expires_at

    @classmethod
    def found(
        cls, server_id: str, source: str, vote: Vote, expires_at: float
    ) -> 'Proposal':
        """One that the leader before has heard the answer to."""
        asked_at = expires_at - LASTS
        said = 'somebody, to another leader'
        return cls(server_id, source, '', asked_at, expires_at, vote, said)

    def answered(self, vote: Vote, said: str, now: float) -> 'Proposal':
        return dataclasses.replace(
            self, answer=vote, said=said, expires_at=now + LASTS
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Notice:
    """The owner of a server was told that it will be moved."""

    server_id: str
    source: str
    told_at: float
    #: When its move may begin.
    due_at: float
    #: Why it is to be moved, as its owner may read it.
    reason: str = ''
    #: Whoever is told through an orchestrator has answered.
    heard: bool = False
    #: Why he does not want it; '' where he does not mind.
    objection: str = ''

    def holds(self, source: str, now: float) -> bool:
        """Whether it is still about a server on this host."""
        return self.source == source and now < self.due_at + LASTS

    def answered(self, objection: str) -> 'Notice':
        return dataclasses.replace(self, heard=True, objection=objection)
