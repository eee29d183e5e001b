"""A nova-scheduler, as it tells of itself when it has taken a view."""

import dataclasses

#: What may be enabled there, by the names of the classes.
CLASSES = ('SameAvailabilityZoneFilter', 'StealFilter', 'StealWeigher')


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduler:
    """A worker of one host; or all of them, as the last of them said."""

    host: str
    #: When the view that it took was taken; 0 where it has none.
    taken_at: float
    #: Those of CLASSES that its nova.conf enables.
    classes: tuple[str, ...]
    #: How many hosts it sees at most for one request.
    max_placement_results: int
    #: When we heard it, by our own clock.
    heard_at: float = 0.0
    #: Not longer ago than a few polls: it is there, and listens.
    recent: bool = True
    #: The id of its process; 0 where it does not tell, and of all of them.
    worker: int = 0
    #: When the rankings were made that it has, by the migrator's clock; of
    #: all workers, the oldest. None where it reads none.
    ranked_at: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of CLASSES that it does not use."""
        return tuple(c for c in CLASSES if c not in self.classes)
