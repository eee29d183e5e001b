"""When to look again at what is not a server or a vCPU - so far."""

#: Looks at a new one in a row, and then one look in so many.
_LOOKS = 4
_EVERY = 32


class Rescan:
    """Processes, or the threads of one, by number.

    NOTE: once is not enough. A process becomes QEMU by exec, some time after
    the fork; a thread gives itself its name after it has begun to run; and a
    number may be given to another one between two looks.
    """

    def __init__(self) -> None:
        self._first: dict[int, int] = {}
        self._round = 0

    def due(self, present: set[int]) -> list[int]:
        """Return what to look at; what is not present is forgotten."""
        self._round = now = self._round + 1
        known = self._first
        self._first = first = {i: known.get(i, now) for i in present}
        return [
            i
            for i, seen in first.items()
            if now - seen < _LOOKS or not (now + i) % _EVERY
        ]
