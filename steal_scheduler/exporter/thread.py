"""The threads of a QEMU process: what each does, and what it has used."""

import contextlib
import os
import re
from typing import Self

from steal_scheduler.exporter import procfs
from steal_scheduler.exporter.sample import Kind, Other, Thread

_READ = os.O_RDONLY | os.O_CLOEXEC
_DIRECTORY = _READ | os.O_DIRECTORY
#: How QEMU names the thread of a vCPU with ``-name debug-threads=on``, which
#: libvirt gives; TCG may have one thread for all of them.
_VCPU = re.compile(rb'(CPU \d+|ALL CPUs)/(KVM|TCG)\n')
#: What others are called. vhost's are named after the process for which they
#: work: threads of the kernel, and of QEMU itself since Linux 6.4. The IO
#: thread of QEMU's monitor moves no blocks.
_VHOST = re.compile(rb'vhost-(\d+)\n')
_IO = re.compile(rb'(IO (?!mon_iothread\n).*|worker|iou-(wrk|sqp)-\d+)\n')
#: Of the flags in a stat file: a thread of the kernel, whose name nobody else
#: can have given to it.
_OF_KERNEL = 0x200000


def kind_of(comm: bytes) -> Kind | None:
    """Return what a thread of a QEMU process is for; None: it is a vCPU.

    :param comm: its name, as in /proc/PID/task/TID/comm
    """
    if _VCPU.fullmatch(comm):
        return None
    if _VHOST.fullmatch(comm):
        return Kind.VHOST
    return Kind.IO if _IO.fullmatch(comm) else Kind.EMULATOR


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
        with contextlib.ExitStack() as opened:

            def open_file(name: str) -> int:
                file = os.open(f'{tid}/{name}', _READ, dir_fd=tasks)
                opened.callback(os.close, file)
                return file

            self._schedstat = open_file('schedstat')
            self._stat = open_file('stat')
            # Field 22: clock ticks from the host's boot to its start.
            started = _after_name(os.pread(self._stat, 1024, 0))[19]
            self._key = (tid, int(started))
            # Whatever went wrong before has closed what was open.
            self.close = opened.pop_all().close

    def read(self) -> Thread:
        """Return its counters.

        :raises OSError: it has ended
        :raises ValueError: it has just ended
        """
        run, wait, _ = os.pread(self._schedstat, 96, 0).split()
        return Thread(
            key=self._key,
            run=int(run),
            wait=int(wait),
            runnable=_after_name(os.pread(self._stat, 96, 0))[0] == b'R',
        )


class OtherThread:
    """One that is no vCPU: one file of it."""

    def __init__(self, tasks: int, tid: int, kind: Kind) -> None:
        """Open it.

        :param tasks: a descriptor of /proc/PID/task, or of /proc
        :raises OSError: it has ended, or we may not
        :raises ValueError: it has just ended
        """
        self.kind = kind
        started = _after_name(procfs.read_all(f'{tid}/stat', tasks))[19]
        self._key = (tid, int(started))
        self._schedstat = os.open(f'{tid}/schedstat', _READ, dir_fd=tasks)

    def read(self) -> Other:
        """As of a vCPU."""
        run, wait, _ = os.pread(self._schedstat, 96, 0).split()
        return Other(self._key, self.kind, int(run), int(wait))

    def close(self) -> None:
        os.close(self._schedstat)


class KernelThread(OtherThread):
    """A thread of the kernel, which is a process of its own in /proc."""

    def __init__(self, directory: int, pid: int, owner: int) -> None:
        """As OtherThread.

        :param directory: a descriptor of /proc
        :param owner: the process for which it works
        """
        super().__init__(directory, pid, Kind.VHOST)
        self.pid = pid
        self.owner = owner

    @classmethod
    def open(cls, proc: str, pid: int) -> Self | None:
        """Return it if it works for a server.

        :param proc: /proc
        :raises OSError: it has ended, or we may not
        """
        found = _VHOST.fullmatch(procfs.read_all(f'{proc}/{pid}/comm'))
        if not found:
            return None
        flags = _after_name(procfs.read_all(f'{proc}/{pid}/stat'))[6]
        if not int(flags) & _OF_KERNEL:
            return None
        directory = os.open(proc, _DIRECTORY)
        try:
            return cls(directory, pid, int(found[1]))
        finally:
            os.close(directory)


def _after_name(stat: bytes) -> list[bytes]:
    """The fields of a stat file from the third one, which is the state.

    :raises ValueError: it has ended, and so there are none
    """
    # The name, in brackets, may hold brackets and blanks.
    return stat[stat.rindex(b')') + 2 :].split(None, 20)
