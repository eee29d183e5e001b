"""One QEMU process and its threads."""

import os
import re
import uuid
from collections.abc import Collection
from typing import Self

from steal_scheduler.exporter import cgroup, procfs
from steal_scheduler.exporter.sample import Other, Server, Throttle
from steal_scheduler.exporter.thread import (
    KernelThread,
    OtherThread,
    VcpuThread,
    kind_of,
)

_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
#: Cgroups that never had a quota are read in one of so many rounds.
_NO_QUOTA = 8
#: What is no vCPU is read in one of so many rounds: no second of it is judged,
#: and nothing is lost, as its counters are cumulative.
_OTHERS = 4
#: A program that runs a server: ``/usr/bin/qemu-system-x86_64``.
_QEMU = re.compile(rb'([^\0]*/)?(qemu-kvm|kvm|qemu-system-[^\0/]*)\0')


class Process:
    """It is held open, so that its number cannot come to mean another."""

    def __init__(
        self,
        tasks: int,
        identity: tuple[str, str],
        cgroups: str,
        failures: procfs.Failures,
    ) -> None:
        self.uuid, self.domain = identity
        self._tasks = tasks
        self._cgroups = cgroups
        self._failures = failures
        self._threads: dict[int, VcpuThread] = {}
        self._others: dict[int, OtherThread] = {}
        #: Threads of the kernel that work for it, which are no tasks of it.
        self._adopted: dict[int, OtherThread] = {}
        # Not all processes in the same round.
        self._turn = int(self.uuid[-4:], 16) % _OTHERS
        self._rescan = procfs.Rescan()
        #: What was last read of each cpu.stat that binds it.
        self._throttled: dict[str, Throttle | None] = {}
        self._round = 0

    @classmethod
    def open(
        cls, path: str, cgroups: str, failures: procfs.Failures
    ) -> Self | None:
        """Return it, opened, if it runs a server.

        :param path: /proc/PID
        :param cgroups: /sys/fs/cgroup
        :raises OSError: it has ended, or we may not
        """
        # A descriptor of the directory, so that all is of one process.
        directory = os.open(path, _DIRECTORY)
        try:
            found = identify(procfs.read_all('cmdline', directory))
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
        for known in (self._threads, self._others):
            for tid in known.keys() - present:
                known.pop(tid).close()
        self._find_threads(present)
        found = []
        for tid, thread in list(self._threads.items()):
            with self._failures:
                found.append(thread.read())
                continue
            self._threads.pop(tid).close()
        return Server(
            self.uuid,
            self.domain,
            tuple(found),
            self._throttles(),
            self._read_others(),
        )

    def adopt(self, thread: KernelThread) -> None:
        """Count a thread of the kernel as one of its own."""
        self._adopted[thread.pid] = thread

    @property
    def adopted(self) -> Collection[int]:
        """Their process ids."""
        return self._adopted.keys()

    def close(self) -> None:
        for known in (self._threads, self._others, self._adopted):
            for thread in known.values():
                thread.close()
        os.close(self._tasks)

    def _read_others(self) -> tuple[Other, ...] | None:
        if (self._round + self._turn) % _OTHERS:
            return None
        found = []
        for known in (self._others, self._adopted):
            for tid, thread in list(known.items()):
                with self._failures:
                    found.append(thread.read())
                    continue
                known.pop(tid).close()
        return tuple(found)

    def _find_threads(self, present: set[int]) -> None:
        """Look for new threads, and for the cgroups of all vCPUs."""
        arrived = False
        for tid in self._rescan.due(present - self._threads.keys()):
            with self._failures:
                kind = kind_of(procfs.read_all(f'{tid}/comm', self._tasks))
                known = self._others.get(tid)
                if known and known.kind is kind:
                    continue
                # It had the name of its maker until now.
                if known:
                    self._others.pop(tid).close()
                if kind is None:
                    self._threads[tid] = VcpuThread(self._tasks, tid)
                    arrived = True
                else:
                    self._others[tid] = OtherThread(self._tasks, tid, kind)
        # A cgroup often at first: libvirt moves the thread there some time
        # after it has begun.
        often = self._round <= procfs.LOOKS
        if arrived or often or not self._round % procfs.EVERY:
            self._find_cgroups()

    def _find_cgroups(self) -> None:
        paths: set[str] = set()
        for tid in self._threads:
            with self._failures:
                text = procfs.read_all(f'{tid}/cgroup', self._tasks)
                paths |= cgroup.locate(self._cgroups, os.fsdecode(text))
        self._throttled = {path: self._throttled.get(path) for path in paths}

    def _throttles(self) -> tuple[Throttle, ...]:
        """Read its cpu.stat files; one that is gone is left out from now on.

        Those without a quota are all 0 and are seldom read: the kernel has to
        gather the file from all cores. Nothing is lost by that, as they are
        cumulative.
        """
        found = {}
        for path, last in self._throttled.items():
            with self._failures:
                if not last or last.periods or not self._round % _NO_QUOTA:
                    last = cgroup.parse(path, procfs.read_all(path))
                found[path] = last
        self._throttled = {**found}
        return tuple(found.values())


def identify(cmdline: bytes) -> tuple[str, str] | None:
    """Return a server's uuid and its domain's name; None: it is no server.

    Of ``qemu-kvm -name guest=instance-1 -uuid C7B0F1DE-...`` they are
    ``c7b0f1de-...`` and ``instance-1``.

    :param cmdline: as in /proc/PID/cmdline
    """
    if not _QEMU.match(cmdline):
        return None
    try:
        found = str(uuid.UUID(_value(cmdline, b'uuid')))
    except ValueError:
        return None
    return found, _guest(_value(cmdline, b'name'))


def _value(cmdline: bytes, option: bytes) -> str:
    """What follows -option or --option; '' where nothing does."""
    found = re.search(rb'\0--?%s\0([^\0]*)' % option, cmdline)
    return found[1].decode(errors='replace') if found else ''


def _guest(value: str) -> str:
    """The guest's name in a value of -name, in which ,, means a comma.

    Of ``guest=a,,b,debug-threads=on`` and of ``a,,b`` it is ``a,b``.
    """
    first, *rest = value.replace(',,', '\0').split(',')
    parts = [first if '=' in first else f'guest={first}', *rest]
    named = [p.removeprefix('guest=') for p in parts if p.startswith('guest=')]
    return named[0].replace('\0', ',') if named else ''
