"""Why something that was measured is not used; it is counted by reason."""

import collections
import enum


class Lost(enum.StrEnum):
    """Why a sample, a server or a guest was left out."""

    UNNAMED = 'without the label that names it'
    FOREIGN = 'with a label that host_regex or guest_regex does not match'
    AMBIGUOUS = 'named by more than one series'
    TWO_HOSTS = 'claimed by two hosts'
    NOT_A_NUMBER = 'not a finite number'
    NEGATIVE = 'negative'
    IMPOSSIBLE = 'more cores than any machine has (nanoseconds?)'
    NO_SHARE = 'a share of more than 1'
    STALE = 'older than max_age'
    FUTURE = 'from the future by more than max_age (are the clocks right?)'
    INCOMPLETE = 'of which only one of used and waited is known'


Losses = collections.Counter[Lost]


def sentence(lost: Losses) -> str:
    return ', '.join(f'{n} {why}' for why, n in lost.most_common())
