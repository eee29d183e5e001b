"""A finding: what the detector says of a server."""

import dataclasses

from steal_scheduler.model.demand import Demand


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """A contended server: persistently, by steal and by load.

    Be it in the mean, in its seconds, or in single threads of it.
    """

    server_id: str
    host: str
    #: Shares and units as in ServerSignal; load is per vCPU.
    steal: float
    load: float
    demand: Demand
    #: In how many of the last polls it was, for example '3 of 5 polls'.
    polls: str
    #: As in ServerSignal.
    bad_seconds: float | None = None
    #: What of its single threads is contended, in words.
    threads: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Leaver:
    """A server that may leave a contended host."""

    server_id: str
    host: str
    #: Share of the time that it wanted to run.
    steal: float
    demand: Demand
    #: Whom its leaving relieves: itself, where it is contended.
    relieves: Finding
    #: It is not, and somebody asked for its move.
    asked: bool = False

    @classmethod
    def of(cls, finding: Finding) -> 'Leaver':
        """A contended server that leaves itself."""
        return cls(
            finding.server_id,
            finding.host,
            finding.steal,
            finding.demand,
            relieves=finding,
        )

    @property
    def contended(self) -> bool:
        return self.relieves.server_id == self.server_id
