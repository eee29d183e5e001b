"""Progress: whether a live migration gets on, or copies the same for ever.

A copy goes in passes: the whole memory, then what was written meanwhile, then
what was written during that. What is left falls to nothing in each pass and
leaps up with the next one, so its lowest says nothing; its highest falls from
pass to pass where the copy gets on.
"""

import dataclasses
import math

#: Passes in a row that did not begin lower. QEMU's auto-converge needs some to
#: slow a guest down.
PASSES = 4
#: A pass that begins lower has so much of the one before, at most.
LOWER = 0.9
#: Seconds that a pass of ours takes at least: Nova tells every 5 s.
SHORTEST = 30.0
#: Seconds without a byte more.
STANDSTILL = 300.0


@dataclasses.dataclass(frozen=True, slots=True)
class Copied:
    """What Nova tells of a copy under way, memory and disks together."""

    #: MiB copied so far, the same ones again and again included.
    processed_mb: float
    remaining_mb: float


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """What was seen of a copy, as far as it is needed to judge it."""

    processed_mb: float
    #: When that was last told, and when it was last more than before.
    seen_at: float
    grew_at: float
    #: The pass that goes on: when it began, what had been copied by then, and
    #: the most that was left since.
    begun: float
    begun_mb: float
    most_mb: float
    #: The most that was left in the lowest pass before it.
    lowest_mb: float = math.inf
    #: How many passes in a row were no lower than that.
    flat: int = 0

    @property
    def hopeless(self) -> str:
        """Why it will never end; '' where it may."""
        if self.flat >= PASSES:
            return (
                f'{self.processed_mb:.0f} MiB are copied and '
                f'{self.lowest_mb:.0f} MiB are left, no fewer than '
                f'{self.flat} passes ago'
            )
        still = self.seen_at - self.grew_at
        if still > STANDSTILL:
            return f'nothing was copied for {still:.0f} s'
        return ''


def progress(before: Progress | None, seen: Copied, now: float) -> Progress:
    """What is known of a copy, now that this was seen.

    A pass is over when as much was copied as was left at its beginning. For
    example of a server of 100 GiB that writes 20 GiB while 20 are copied the
    first pass is over at 100, and the most that was left is 100; those at
    120, 140, 160, 180 and 200 have 20 each: the last four are no lower than
    the one before them, and it will never end. One that writes half of what
    is copied has 50, 25, 13, ... and is at its end before 200.

    :param before: None for the first time
    """
    done, left = seen.processed_mb, seen.remaining_mb
    if before is None or done < before.processed_mb:
        return Progress(done, now, now, now, done, left)
    most = max(before.most_mb, left)
    after = dataclasses.replace(
        before,
        processed_mb=done,
        seen_at=now,
        grew_at=now if done > before.processed_mb else before.grew_at,
        most_mb=most,
    )
    if done - before.begun_mb < most or now - before.begun < SHORTEST:
        return after
    lower = most <= before.lowest_mb * LOWER
    return dataclasses.replace(
        after,
        begun=now,
        begun_mb=done,
        most_mb=left,
        lowest_mb=most if lower else before.lowest_mb,
        flat=0 if lower else before.flat + 1,
    )
