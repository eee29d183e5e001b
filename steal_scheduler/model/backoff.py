"""Back-off: how long what failed is left alone before it is tried again."""


def pause(first: float, doublings: int, longest: float) -> float:
    """Seconds to wait: twice as long for each failure more.

    For example from 5 s on and 300 s at most: 5, 10, 20, 40, 80, 160, 300,
    300 s. More than 50 doublings are cut off, since a float has an end.
    """
    return min(first * 2.0 ** min(doublings, 50), longest)


def seconds_left(since: float, seconds: float, now: float) -> float:
    """What is left of a pause that began then; 0 when it is over.

    A clock that was set back must not make it wait longer. For example a
    pause of 300 s that began at 1000 has 100 s left at 1200; at 900, where
    it would have 400 s left, the clock was set back, and it is over.
    """
    left = since + seconds - now
    return left if 0 < left <= seconds else 0.0
