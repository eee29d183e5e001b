"""One vCPU thread, held open."""

import os

from steal_scheduler.exporter.sample import Thread

_READ = os.O_RDONLY | os.O_CLOEXEC
_RUNNABLE = ord('R')


class VcpuThread:
    """Two files of it.

    NOTE: an open file of /proc belongs to the thread, not to its number:
    once that thread has ended, reading fails, whoever has the number now.
    """

    def __init__(self, tasks: int, tid: int) -> None:
        """Open them.

        :param tasks: a descriptor of /proc/PID/task
        :raises OSError: it has ended, or we may not
        :raises ValueError: it has just ended
        """
        self._schedstat = os.open(f'{tid}/schedstat', _READ, dir_fd=tasks)
        try:
            self._stat = os.open(f'{tid}/stat', _READ, dir_fd=tasks)
        except OSError:
            os.close(self._schedstat)
            raise
        try:
            self._key = (tid, start_time(os.pread(self._stat, 1024, 0)))
        except (OSError, ValueError):
            self.close()
            raise
        #: The cpu.stat files that bind it.
        self.cgroups: tuple[str, ...] = ()

    def read(self) -> Thread:
        """Return its counters.

        :raises OSError: it has ended
        :raises ValueError: it has just ended
        """
        run, wait, _ = os.pread(self._schedstat, 96, 0).split()
        stat = os.pread(self._stat, 96, 0)
        return Thread(
            key=self._key,
            run=int(run),
            wait=int(wait),
            # The name, in brackets, may hold brackets and blanks.
            runnable=stat[stat.rindex(b')') + 2] == _RUNNABLE,
        )

    def close(self) -> None:
        os.close(self._schedstat)
        os.close(self._stat)


def start_time(stat: bytes) -> int:
    """Field 22 of a stat file, in clock ticks since the host was booted.

    :raises ValueError: the file is cut short
    """
    fields = stat[stat.rindex(b')') + 2 :].split(None, 20)
    if len(fields) < 20:
        raise ValueError('a stat file that is cut short')
    return int(fields[19])
