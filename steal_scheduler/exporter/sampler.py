"""One sample of all servers every second, from /proc."""

import os
import threading
import time

from oslo_log import log

from steal_scheduler.exporter.accumulator import Accumulator
from steal_scheduler.exporter.process import Process
from steal_scheduler.exporter.procfs import Failures, Rescan
from steal_scheduler.exporter.sample import INTERVAL, Sample, Server
from steal_scheduler.exporter.thread import KernelThread

LOG = log.getLogger(__name__)

#: Of the interval. A sample that is later than this shifts those after it:
#: none covers much less than an interval.
_SHIFT = 0.1


class Proc:
    """All servers of a hypervisor, held open between two samples."""

    def __init__(self, path: str, cgroups: str) -> None:
        """Open nothing yet.

        :param path: /proc
        :param cgroups: /sys/fs/cgroup
        """
        self._path = path
        self._cgroups = cgroups
        self._processes: dict[int, Process] = {}
        self._rescan = Rescan()
        self.failures = Failures()

    def read(self, at: float) -> Sample:
        """Look at everything.

        :param at: monotonic time, in seconds
        :raises OSError: /proc itself cannot be read
        """
        pids = {int(n) for n in os.listdir(self._path) if n.isdigit()}
        self._find_servers(pids)
        servers: list[Server] = []
        without_vcpus = 0
        for pid, process in list(self._processes.items()):
            server = process.read() if pid in pids else None
            if server is None:
                self._forget(pid)
            elif server.threads:
                servers.append(server)
            else:
                without_vcpus += 1
        return Sample(at, tuple(servers), without_vcpus, self._pressure())

    def close(self) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _find_servers(self, pids: set[int]) -> None:
        adopted = (process.adopted for process in self._processes.values())
        known = set(self._processes).union(*adopted)
        for pid in self._rescan.due(pids - known):
            with self.failures:
                process = Process.open(
                    f'{self._path}/{pid}', self._cgroups, self.failures
                )
                if process:
                    self._processes[pid] = process
                    _log('found', process, pid)
                else:
                    self._adopt(pid)

    def _adopt(self, pid: int) -> None:
        """Give a thread of the kernel to the server for which it works.

        :raises OSError: it has ended, or we may not
        """
        thread = KernelThread.open(self._path, pid)
        if thread is None:
            return
        owner = self._processes.get(thread.owner)
        if owner is None:
            # Nobody's, or it is found before its owner is.
            thread.close()
        else:
            owner.adopt(thread)

    def _forget(self, pid: int) -> None:
        process = self._processes.pop(pid)
        process.close()
        _log('gone', process, pid)

    def _pressure(self) -> float | None:
        # Of "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" it is the
        # total, in microseconds. Kernels without PSI, or booted with psi=0,
        # have none; that is said at the start.
        try:
            with open(f'{self._path}/pressure/cpu', 'rb') as file:
                return int(file.readline().partition(b'total=')[2]) / 1e6
        except (OSError, ValueError):
            return None


def run(
    proc: Proc,
    counters: Accumulator,
    stopping: threading.Event,
    interval: float = INTERVAL,
) -> None:
    """Sample until it is told to stop.

    :param interval: seconds; another one than INTERVAL in tests only
    :raises OSError: /proc itself cannot be read
    """
    due = time.monotonic()
    while not stopping.is_set():
        at = time.monotonic()
        found = proc.read(at)
        with counters.lock:
            counters.add(found)
        due = following(due, at, interval)
        # A sample that takes longer than the interval waits all the same: it
        # must not take a core for itself. The one that follows is late then,
        # and shifts those after it.
        left = due - time.monotonic()
        stopping.wait(left if left > 0 else interval)


def _log(change: str, process: Process, pid: int) -> None:
    LOG.info(
        'Server %s (%s) %s: process %d.',
        process.domain,
        process.uuid,
        change,
        pid,
        instance_uuid=process.uuid,
    )


def following(due: float, at: float, interval: float) -> float:
    """When the next sample is due.

    One that was due at 10.0 and taken at 10.05 leaves the next one at 11.0;
    one that was taken at 10.4 moves it to 11.4.

    :param due: when the last one was due
    :param at: when it was taken
    """
    return (due if at - due <= _SHIFT * interval else at) + interval
