"""How /proc is read: what may fail, and when to look again."""

import errno
import os
from collections import Counter
from typing import Any

from oslo_log import log

LOG = log.getLogger(__name__)

#: Why a read failed; what is not here is ``other``. A process or a cgroup
#: that ended while it was read is normal.
_REASONS = {
    'ended': (errno.ENOENT, errno.ESRCH, errno.ENODEV),
    'denied': (errno.EACCES, errno.EPERM),
    'file_limit': (errno.EMFILE, errno.ENFILE),
}
_CURES = {
    'denied': 'Let this user read the file, or mount /proc without hidepid.',
    'file_limit': 'Raise the limit of open files (LimitNOFILE).',
    'other': 'The exporter leaves out what it could not read.',
}
#: Looks at a new one in a row, and then one look in so many.
LOOKS = 4
EVERY = 32


class Failures:
    """Counts and swallows what fails in its ``with``, by reason.

    So what follows a ``continue`` at the end of the block is what to do about
    a failure::

        for path, stat in stats:
            with failures:
                found.append(stat.read())
                continue
            forget(path)
    """

    def __init__(self) -> None:
        self.counts = Counter(dict.fromkeys(('ended', *_CURES), 0))

    def __enter__(self) -> None:
        """Nothing begins."""

    def __exit__(
        self, kind: Any, error: BaseException | None, traceback: Any
    ) -> bool:
        """Count it, and log the first of each reason but ``ended``.

        A ValueError is a file that was cut short: its process ended.
        """
        if not isinstance(error, OSError | ValueError):
            return False
        number = getattr(error, 'errno', errno.ESRCH)
        known = (r for r, them in _REASONS.items() if number in them)
        reason = next(known, 'other')
        if reason != 'ended' and not self.counts[reason]:
            LOG.warning(
                'Exporter failed to read a file (reason=%s): %s. %s Further '
                'failures for this reason are counted and not logged.',
                reason,
                error,
                _CURES[reason],
            )
        self.counts[reason] += 1
        return True


class Rescan:
    """When to look again at what is not a server or a vCPU - so far.

    Processes, or the threads of one, by number. For example number 5 is
    looked at in the rounds 1 to 4, and then in 27, 59, 91.

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
        self._first = {i: self._first.get(i, now) for i in present}
        return [
            i
            for i, seen in self._first.items()
            if now - seen < LOOKS or not (now + i) % EVERY
        ]


def read_all(path: str, directory: int | None = None) -> bytes:
    """Read a file, by its path below a directory if one is given.

    :raises OSError: it is gone, or we may not
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    # It is closed with the object.
    with open(file, 'rb', buffering=0) as opened:
        return opened.read()
