"""Back-off: what did not answer or refused is asked again, but not at once."""

from steal_scheduler.model.backoff import pause, seconds_left

#: Seconds until the second try; each further one waits twice as long.
FIRST = 5.0
#: And at most so long.
LONGEST = 300.0


class Backoff:
    """What failed last, by what was asked. After a restart all are due."""

    def __init__(self) -> None:
        #: How many times in a row, when last, and what it said.
        self._failures: dict[str, tuple[int, float, str]] = {}

    def waiting(self, key: str, now: float) -> str | None:
        """What it said last; None where it may be asked now."""
        times, at, said = self._failures.get(key, (0, now, ''))
        left = seconds_left(at, pause(FIRST, times - 1, LONGEST), now)
        return said if times and left else None

    def failed(self, key: str, said: str, now: float) -> bool:
        """Remember a failure; whether it is the first one in a row.

        :param said: for the operator
        """
        times = self._failures.get(key, (0,))[0]
        self._failures[key] = times + 1, now, said
        return not times

    def forget(self, key: str) -> None:
        """It answered."""
        self._failures.pop(key, None)
