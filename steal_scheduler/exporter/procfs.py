"""How /proc is read: what may fail, and when to look again."""

import errno
import os
from collections import Counter
from types import TracebackType

from oslo_log import log

LOG = log.getLogger(__name__)

#: Why a read failed; what is not here is ``other``. A process or a cgroup
#: that ended while it was read is normal.
_REASON = {
    errno.ENOENT: 'ended',
    errno.ESRCH: 'ended',
    errno.ENODEV: 'ended',
    errno.EACCES: 'denied',
    errno.EPERM: 'denied',
    errno.EMFILE: 'file_limit',
    errno.ENFILE: 'file_limit',
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
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Count it, and log the first of each reason but ``ended``.

        A ValueError is a file that was cut short: its process ended.
        """
        if not isinstance(error, OSError | ValueError):
            return False
        reason = 'ended'
        if isinstance(error, OSError):
            reason = _REASON.get(error.errno or 0, 'other')
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


def read_all(path: str, directory: int) -> bytes:
    """Read a file below a directory.

    :raises OSError: it is gone, or we may not
    """

    def below(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=directory)

    with open(path, 'rb', buffering=0, opener=below) as file:
        return file.read()


def start_time(stat: bytes) -> int:
    """Field 22 of a stat file, in clock ticks since the host was booted.

    :raises ValueError: the file is cut short
    """
    # The name, in brackets, may hold brackets and blanks.
    fields = stat[stat.rindex(b')') + 2 :].split(None, 20)
    if len(fields) < 20:
        raise ValueError('a stat file that is cut short')
    return int(fields[19])
