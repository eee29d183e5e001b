"""One QEMU process and its vCPU threads."""

import contextlib
import os
import uuid
from typing import Self

from steal_scheduler.exporter import cgroup
from steal_scheduler.exporter.procfs import (
    EVERY,
    LOOKS,
    Failures,
    Rescan,
    read_all,
    start_time,
)
from steal_scheduler.exporter.sample import Server, Thread, Throttle

_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_READ = os.O_RDONLY | os.O_CLOEXEC
_RUNNABLE = ord('R')


class Process:
    """It is held open, so that its number cannot come to mean another."""

    def __init__(
        self,
        tasks: int,
        identity: tuple[str, str],
        cgroups: str,
        failures: Failures,
    ) -> None:
        self.uuid, self.domain = identity
        self._tasks = tasks
        self._cgroups = cgroups
        self._failures = failures
        self._threads: dict[int, VcpuThread] = {}
        self._rescan = Rescan()
        self._stats: dict[str, cgroup.CpuStat] = {}
        self._round = 0

    @classmethod
    def open(cls, path: str, cgroups: str, failures: Failures) -> Self | None:
        """Return it, opened, if it runs a server.

        :param path: /proc/PID
        :param cgroups: /sys/fs/cgroup
        :raises OSError: it has ended, or we may not
        """
        # A descriptor of the directory, so that all is of one process.
        directory = os.open(path, _DIRECTORY)
        try:
            found = identify(read_all('cmdline', directory))
            if found is None:
                return None
            tasks = os.open('task', _DIRECTORY, dir_fd=directory)
        finally:
            os.close(directory)
        return cls(tasks, found, cgroups, failures)

    def read(self) -> Server | None:
        """Return what it has used; None: it has ended."""
        present: set[int] = set()
        with self._failures:
            present = {int(name) for name in os.listdir(self._tasks)}
        if not present:
            return None
        self._round += 1
        for tid in self._threads.keys() - present:
            self._threads.pop(tid).close()
        self._find_vcpus(present)
        found = []
        for tid, thread in list(self._threads.items()):
            with self._failures:
                found.append(thread.read())
                continue
            self._threads.pop(tid).close()
        return Server(self.uuid, self.domain, tuple(found), self._throttles())

    def close(self) -> None:
        for thread in self._threads.values():
            thread.close()
        for stat in self._stats.values():
            stat.close()
        os.close(self._tasks)

    def _find_vcpus(self, present: set[int]) -> None:
        """Look for new vCPUs, and for the cgroups of all."""
        arrived = False
        for tid in self._rescan.due(present - self._threads.keys()):
            with self._failures:
                if is_vcpu(read_all(f'{tid}/comm', self._tasks)):
                    self._threads[tid] = VcpuThread(self._tasks, tid)
                    arrived = True
        # A cgroup often at first: libvirt moves the thread there some time
        # after it has begun.
        if arrived or self._round <= LOOKS or not self._round % EVERY:
            self._find_cgroups()

    def _find_cgroups(self) -> None:
        for tid, thread in self._threads.items():
            with self._failures:
                text = read_all(f'{tid}/cgroup', self._tasks)
                thread.cgroups = cgroup.locate(
                    self._cgroups, text.decode(errors='surrogateescape')
                )
        wanted = {p for t in self._threads.values() for p in t.cgroups}
        for path in self._stats.keys() - wanted:
            self._stats.pop(path).close()
        for path in wanted - self._stats.keys():
            with self._failures:
                self._stats[path] = cgroup.CpuStat(path)

    def _throttles(self) -> tuple[Throttle, ...]:
        found = []
        for path, stat in list(self._stats.items()):
            with self._failures:
                found.append(stat.read())
                continue
            self._stats.pop(path).close()
        return tuple(found)


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
        #: The cpu.stat files that bind it.
        self.cgroups: tuple[str, ...] = ()
        with contextlib.ExitStack() as opened:

            def open_file(name: str) -> int:
                file = os.open(f'{tid}/{name}', _READ, dir_fd=tasks)
                opened.callback(os.close, file)
                return file

            self._schedstat = open_file('schedstat')
            self._stat = open_file('stat')
            self._key = (tid, start_time(os.pread(self._stat, 1024, 0)))
            # Whatever went wrong before has closed what was open.
            self.close = opened.pop_all().close

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


def identify(cmdline: bytes) -> tuple[str, str] | None:
    """Return a server's uuid and its domain's name; None: it is no server.

    :param cmdline: as in /proc/PID/cmdline
    """
    args = cmdline.split(b'\0')
    program = args[0].rpartition(b'/')[2]
    if program not in (b'qemu-kvm', b'kvm') and not program.startswith(
        b'qemu-system-'
    ):
        return None
    try:
        found = str(uuid.UUID(_after(args, b'-uuid')))
    except ValueError:
        return None
    return found, _guest(_after(args, b'-name'))


def is_vcpu(comm: bytes) -> bool:
    """Whether a thread of that name is a vCPU.

    QEMU names it so with ``-name debug-threads=on``, which libvirt gives.
    """
    who, _, accelerator = comm.rstrip(b'\n').partition(b'/')
    return accelerator in (b'KVM', b'TCG') and (
        (who.startswith(b'CPU ') and who[4:].isdigit())
        # TCG with one thread for all of them.
        or who == b'ALL CPUs'
    )


def _after(args: list[bytes], option: bytes) -> str:
    for name in (option, b'-' + option):
        if name in args[:-1]:
            return args[args.index(name) + 1].decode(errors='replace')
    return ''


def _guest(value: str) -> str:
    """The guest's name in a value of -name, in which ,, means a comma."""
    parts = value.replace(',,', '\0').split(',')
    for index, part in enumerate(parts):
        key, equals, name = part.partition('=')
        if key == 'guest' and equals:
            return name.replace('\0', ',')
        if index == 0 and not equals:
            return key.replace('\0', ',')
    return ''
