"""One QEMU process and its vCPU threads."""

import os
from typing import Self

from steal_scheduler.exporter import cgroup, qemu
from steal_scheduler.exporter.failures import Failures
from steal_scheduler.exporter.sample import Server, Throttle
from steal_scheduler.exporter.strangers import Strangers
from steal_scheduler.exporter.thread import VcpuThread

_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
#: Samples after which a thread's cgroup is looked up again, often at first:
#: libvirt moves the thread there some time after it has begun.
_LOOKS = 4
_EVERY = 32


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
        self._strangers = Strangers()
        self._stats: dict[str, cgroup.CpuStat] = {}
        self._round = 0

    @classmethod
    def adopt(cls, path: str, cgroups: str, failures: Failures) -> Self | None:
        """Open it, if it runs a server.

        :param path: /proc/PID
        :param cgroups: /sys/fs/cgroup
        :raises OSError: it has ended, or we may not
        """
        # A descriptor of the directory, so that all is of one process.
        directory = os.open(path, _DIRECTORY)
        try:
            identity = qemu.identity(read_all('cmdline', directory))
            if identity is None:
                return None
            tasks = os.open('task', _DIRECTORY, dir_fd=directory)
        finally:
            os.close(directory)
        return cls(tasks, identity, cgroups, failures)

    def read(self) -> Server | None:
        """Return what it has used; None: it has ended."""
        try:
            present = {int(name) for name in os.listdir(self._tasks)}
        except OSError as error:
            self._failures.count(error)
            return None
        if not present:
            return None
        self._round += 1
        for tid in self._threads.keys() - present:
            self._drop(tid)
        self._greet(present)
        found = []
        for tid, thread in list(self._threads.items()):
            try:
                found.append(thread.read())
            except (OSError, ValueError) as error:
                self._failures.count(error)
                self._drop(tid)
        return Server(self.uuid, self.domain, tuple(found), self._throttles())

    def close(self) -> None:
        for tid in list(self._threads):
            self._drop(tid)
        for stat in self._stats.values():
            stat.close()
        self._stats.clear()
        os.close(self._tasks)

    def _drop(self, tid: int) -> None:
        self._threads.pop(tid).close()

    def _greet(self, present: set[int]) -> None:
        """Look for new vCPUs, and for the cgroups of all."""
        arrived = False
        for tid in self._strangers.due(present - self._threads.keys()):
            try:
                if qemu.is_vcpu(read_all(f'{tid}/comm', self._tasks)):
                    self._threads[tid] = VcpuThread(self._tasks, tid)
                    arrived = True
            except (OSError, ValueError) as error:
                self._failures.count(error)
        if arrived or self._round <= _LOOKS or not self._round % _EVERY:
            self._find_cgroups()

    def _find_cgroups(self) -> None:
        for tid, thread in self._threads.items():
            try:
                text = read_all(f'{tid}/cgroup', self._tasks)
            except OSError as error:
                self._failures.count(error)
                continue
            thread.cgroups = cgroup.locate(
                self._cgroups, text.decode(errors='surrogateescape')
            )
        wanted = {p for t in self._threads.values() for p in t.cgroups}
        for path in self._stats.keys() - wanted:
            self._stats.pop(path).close()
        for path in wanted - self._stats.keys():
            try:
                self._stats[path] = cgroup.CpuStat(path)
            except OSError as error:
                self._failures.count(error)

    def _throttles(self) -> tuple[Throttle, ...]:
        found = []
        for path, stat in list(self._stats.items()):
            try:
                found.append(stat.read())
            except (OSError, ValueError) as error:
                self._failures.count(error)
                self._stats.pop(path).close()
        return tuple(found)


def read_all(path: str, directory: int) -> bytes:
    """Read a file below a directory.

    :raises OSError: it is gone, or we may not
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory)
    try:
        parts = []
        while part := os.read(file, 65536):
            parts.append(part)
        return b''.join(parts)
    finally:
        os.close(file)
