"""How often the members of one project may ask the leader for something.

Whatever is asked for makes it tick, and write to Nova.
"""

#: Requests that one project may make at once, as a script does for all its
#: servers; and seconds after which it may make one more.
MOST, INTERVAL = 20, 3.0


class Rate:
    """Remembers what each has left, and nobody who has all of it."""

    def __init__(self) -> None:
        #: By project, when it has all of it again.
        self._full_at: dict[str, float] = {}

    def allows(self, who: str, now: float) -> bool:
        """Whether there is one left, which is taken then.

        For example of 25 requests in one second 20 are let through; three
        seconds later one more is, and after a minute of rest 20 are.

        :param now: seconds of any clock that only goes forward
        """
        self._full_at = {w: at for w, at in self._full_at.items() if at > now}
        full_at = max(self._full_at.get(who, now), now) + INTERVAL
        if full_at - now > MOST * INTERVAL:
            return False
        self._full_at[who] = full_at
        return True

    @property
    def known(self) -> int:
        """Projects that are remembered."""
        return len(self._full_at)
