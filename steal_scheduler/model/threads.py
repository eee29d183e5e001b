"""Single threads of a server: what the sum of its vCPUs cannot tell."""

import dataclasses
from collections.abc import MutableMapping


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """What a thread did, or some together; 0 where nobody measured it."""

    #: Cores used, and cores that were wanted but had to be waited for.
    used: float = 0.0
    waited: float = 0.0

    @property
    def asked(self) -> float:
        return self.used + self.waited

    @property
    def share(self) -> float:
        """Of the time that they wanted to run, what they waited."""
        return self.waited / self.asked if self.asked > 0 else 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Threads:
    #: The vCPU that waits most.
    worst: Spent = Spent()
    #: All that are no vCPUs: those of vhost, of QEMU's I/O, its main loop.
    others: Spent = Spent()


NO_THREADS = Threads()


def take(told: MutableMapping[str, float]) -> Threads:
    """Take what is of single threads out of what was told of a server.

    Of ``{'used': 1.0, 'worst_used': 0.5, 'worst_waited': 0.4}`` it leaves
    ``used``. Half of a pair says nothing.

    :param told: cores, by the names of a signal source
    """
    pairs = (
        (told.pop(f'{who}_used', None), told.pop(f'{who}_waited', None))
        for who in ('worst', 'threads')
    )
    return Threads(
        *(
            Spent() if used is None or waited is None else Spent(used, waited)
            for used, waited in pairs
        )
    )
