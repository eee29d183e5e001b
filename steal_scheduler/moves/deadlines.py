"""How long each stage of a move may take, and what the move must achieve."""

import dataclasses

from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.move import Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds; option names of ``[stages]``."""

    drain_timeout: float = 600.0
    request_timeout: float = 60.0
    queue_timeout: float = 600.0
    migration_timeout: float = 1800.0
    abort_timeout: float = 120.0
    settle_time: float = 90.0
    verify_timeout: float = 600.0
    #: Percent; as in DetectRules.
    steal_threshold: float = 10.0
    bad_seconds_threshold: float = 10.0

    def measured(self, signal: ServerSignal) -> tuple[Outcome, str]:
        """What a move has come to, and a sentence about it."""
        bad = signal.bad_seconds
        return (
            Outcome.HELPED if self.helped(signal) else Outcome.NOT_HELPED,
            f'it waits {signal.steal:.0%} of its time now'
            + (f' and in {bad:.0%} of its seconds' if bad else ''),
        )

    def helped(self, signal: ServerSignal) -> bool:
        """Whether a server that has moved is rid of its wait."""
        bad = signal.bad_seconds or 0.0
        return (
            signal.steal * 100 < self.steal_threshold
            and bad * 100 < self.bad_seconds_threshold
        )
