"""All servers of a hypervisor, from /proc."""

import os

from oslo_log import log

from steal_scheduler.exporter.failures import Failures
from steal_scheduler.exporter.process import Process
from steal_scheduler.exporter.sample import Sample, Server
from steal_scheduler.exporter.strangers import Strangers

LOG = log.getLogger(__name__)


class Proc:
    def __init__(self, path: str, cgroups: str) -> None:
        """Open nothing yet.

        :param path: /proc
        :param cgroups: /sys/fs/cgroup
        """
        self._path = path
        self._cgroups = cgroups
        self._processes: dict[int, Process] = {}
        self._strangers = Strangers()
        self.failures = Failures()

    def read(self, at: float) -> Sample:
        """Look at everything.

        :param at: monotonic time, in seconds
        :raises OSError: /proc itself cannot be read
        """
        pids = {int(n) for n in os.listdir(self._path) if n.isdigit()}
        self._greet(pids)
        servers: list[Server] = []
        nameless = 0
        for pid, process in list(self._processes.items()):
            server = process.read() if pid in pids else None
            if server is None:
                self._drop(pid)
            elif server.threads:
                servers.append(server)
            else:
                nameless += 1
        return Sample(at, tuple(servers), nameless, self._pressure())

    def close(self) -> None:
        for pid in list(self._processes):
            self._drop(pid)

    def _greet(self, pids: set[int]) -> None:
        for pid in self._strangers.due(pids - self._processes.keys()):
            try:
                process = Process.adopt(
                    f'{self._path}/{pid}', self._cgroups, self.failures
                )
            except OSError as error:
                self.failures.count(error)
                continue
            if process is not None:
                self._processes[pid] = process
                LOG.info(
                    'Watching %s, process %d',
                    process.domain,
                    pid,
                    instance_uuid=process.uuid,
                )

    def _drop(self, pid: int) -> None:
        process = self._processes.pop(pid)
        process.close()
        LOG.info(
            'Process %d of %s is gone',
            pid,
            process.domain,
            instance_uuid=process.uuid,
        )

    def _pressure(self) -> int | None:
        try:
            with open(f'{self._path}/pressure/cpu', 'rb') as file:
                return pressure(file.read())
        except (OSError, ValueError):
            # Kernels without PSI, or booted with psi=0; said at the start.
            return None


def pressure(text: bytes) -> int:
    """Microseconds in which some task waited for a core.

    :raises ValueError: it does not say so
    """
    some = text.splitlines()[0] if text else b''
    return int(some[some.index(b'total=') + 6 :])
