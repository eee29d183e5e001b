"""The cores that guests may use."""

import os

from steal_scheduler.exception import ConfigError


def count(text: str) -> int:
    """Return how many cores a list names; all that are online if empty.

    :param text: as Nova's cpu_shared_set: ``2-31,^16``
    :raises ConfigError: it is no such list, or an empty one
    """
    if not text.strip():
        return os.cpu_count() or 1
    chosen: set[int] = set()
    excluded: set[int] = set()
    for part in text.split(','):
        bare = part.strip()
        first, dash, last = bare.removeprefix('^').partition('-')
        try:
            low = int(first)
            high = int(last) if dash else low
            if not 0 <= low <= high < 65536:
                raise ValueError
        except ValueError as error:
            raise ConfigError(
                f'[exporter] cores = {text!r}: {bare!r} is neither a core '
                'nor a range of cores. Write it like 2-31 or 0-7,^4.'
            ) from error
        (excluded if bare.startswith('^') else chosen).update(
            range(low, high + 1)
        )
    if not chosen - excluded:
        raise ConfigError(
            f'[exporter] cores = {text!r} leaves no core. Name those that '
            'guests may use, or none at all.'
        )
    return len(chosen - excluded)
