"""What of an answer of Prometheus is not used, why, and of whom it was."""

import collections
import enum

from steal_scheduler.edge.text import one_line, several

#: So many are named for one reason.
_NAMED = 3


class DropReason(enum.StrEnum):
    """What was wrong with a sample, a server or a guest that is not used."""

    UNNAMED = 'without the label that names it'
    FOREIGN = "with a label that the preset's regex does not match"
    NO_SERVER = 'of a domain whose server no series tells'
    TWO_SERVERS = 'of a domain that two servers claim'
    AMBIGUOUS = 'named by more than one series'
    TWO_HOSTS = 'claimed by two hosts'
    NOT_A_NUMBER = 'not a finite number'
    NEGATIVE = 'negative'
    IMPOSSIBLE = 'a share above 1, or cores as no machine has (nanoseconds?)'
    STALE = 'older than [signals] max_age'
    FUTURE = (
        'from the future by more than [signals] max_age (are the clocks '
        'right?)'
    )
    SELDOM = 'without two samples in a window (new, or scraped too seldom)'
    INCOMPLETE = 'of which used, waited or vcpus is unknown'


class Drops(collections.Counter[DropReason]):
    """How many there are for each reason, and the first that it hit."""

    def __init__(self) -> None:
        super().__init__()
        self._named: dict[DropReason, list[str]] = {}

    def add(self, reason: DropReason, name: str, samples: int = 1) -> None:
        """Count them.

        :param name: what a person finds it by; empty where nothing does
        """
        self[reason] += samples
        if name:
            self._named.setdefault(reason, []).append(name)

    def sentence(self) -> str:
        """The most frequent reason first.

        ``3 negative (a, b, c), 1 claimed by two hosts (d)``
        """
        return ', '.join(
            f'{number} {reason}{self._who(reason)}'
            for reason, number in self.most_common()
        )

    def _who(self, reason: DropReason) -> str:
        # Labels are of whoever runs an exporter, also inside a guest.
        named = [one_line(name) for name in self._named.get(reason, ())]
        return f' ({several(named, _NAMED)})' if named else ''
