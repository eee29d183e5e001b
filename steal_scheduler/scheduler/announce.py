"""One line in the log for each of our classes that Nova was told to use."""

import logging

LOG = logging.getLogger(__name__)

_announced: set[str] = set()


def announce(name: str, does: str) -> bool:
    """Log what a class will do, when it is first built in a process.

    :returns: whether this was the first time
    """
    if name in _announced:
        return False
    _announced.add(name)
    LOG.info('%s is enabled: %s', name, does)
    return True
