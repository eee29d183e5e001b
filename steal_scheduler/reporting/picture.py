"""The picture: what the migrator that leads knew and did at its last tick.

It never changes, so whoever looks at it holds up nobody. What is worked out
from it is worked out once.
"""

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence

from steal_scheduler.decision import census
from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.move import Ended
from steal_scheduler.model.refusal import Refusal


@dataclasses.dataclass(frozen=True)
class Picture:
    """One tick, at its end."""

    #: The name of the controller, and the number of its leadership.
    leader: str
    leadership: int
    #: With the moves and what became of others as they are by now.
    snapshot: Snapshot
    #: Of the last poll of the signals.
    decision: Decision
    #: Why what was admitted did not begin.
    not_sent: Sequence[Refusal] = ()
    #: Moves that this process has seen end, the oldest first.
    past: Sequence[Ended] = ()

    @functools.cached_property
    def refusals(self) -> Mapping[str, Sequence[Refusal]]:
        """By server id, every *no*, the first one being the one that holds."""
        found = collections.defaultdict[str, list[Refusal]](list)
        for refusal in (*self.decision.refusals, *self.not_sent):
            if refusal.server_id is not None:
                found[refusal.server_id].append(refusal)
        return dict(found)

    @functools.cached_property
    def holds(self) -> Sequence[Refusal]:
        """Why nothing at all may begin."""
        return [r for r in self.decision.refusals if r.server_id is None]

    @functools.cached_property
    def findings(self) -> Mapping[str, Finding]:
        """By server id, those that are contended."""
        return {f.server_id: f for f in self.decision.findings}

    @functools.cached_property
    def next_ones(self) -> frozenset[str]:
        """Ids of servers that were admitted, be it in a dry run."""
        return frozenset(m.server_id for m in self.decision.admitted)

    @property
    def here(self) -> Mapping[str | None, Sequence[Server]]:
        """By host, its servers."""
        return census.of(self.snapshot.fleet).by_host
