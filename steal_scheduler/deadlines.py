"""How long each stage of a move may take."""

import dataclasses


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
