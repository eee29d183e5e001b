"""When to ask again what failed: soon at first, then seldom, but for ever."""

import dataclasses

#: Seconds until the second try; each further one waits twice as long.
FIRST = 5.0
#: And at most so long.
LONGEST = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    #: Epoch seconds before which it is not asked again.
    until: float
    said: str


class Patience:
    """What failed last, by server. After a restart everything is due."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def due(self, server_id: str, now: float) -> bool:
        failed = self._failures.get(server_id)
        # A clock that was set back must not make it wait longer.
        return failed is None or not (
            failed.until - LONGEST <= now < failed.until
        )

    def failed(self, server_id: str, said: str, now: float) -> bool:
        """Remember a failure; whether it is the first one in a row.

        :param said: for the operator
        """
        before = self._failures.get(server_id)
        count = before.count + 1 if before else 1
        pause = min(FIRST * 2.0 ** min(count - 1, 20), LONGEST)
        self._failures[server_id] = _Failures(count, now + pause, said)
        return before is None

    def trouble(self, server_id: str) -> str:
        """What it said last; '' where nothing failed."""
        failed = self._failures.get(server_id)
        return failed.said if failed else ''

    def forget(self, server_id: str) -> None:
        self._failures.pop(server_id, None)
