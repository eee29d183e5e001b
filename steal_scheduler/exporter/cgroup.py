"""How long a quota held a server back, in cgroups of both versions.

Nova's ``quota:cpu_quota`` is a quota for each vCPU: libvirt puts each vCPU
thread into a cgroup of its own, in or below the machine's.
"""

import os
import re
from collections.abc import Iterator

from steal_scheduler.exporter.sample import Throttle

#: A line of /proc/PID/cgroup: of the hierarchy of version 1 that has the
#: controller, such as ``4:cpu,cpuacct:/machine``; then version 2 has not.
_VERSION_1 = re.compile(r'^\d+:((?:\w+,)*cpu(?:,\w+)*):(.*)$', re.MULTILINE)
_VERSION_2 = re.compile(r'^0:():(.*)$', re.MULTILINE)


def locate(root: str, text: str) -> set[str]:
    """Return the cpu.stat files whose quota binds a thread.

    That of its vCPU, if it has one, and that of its machine: not those
    further up, which it shares with other servers.

    :param root: where cgroups are mounted: /sys/fs/cgroup
    :param text: what /proc/PID/task/TID/cgroup says
    """
    found = _VERSION_1.search(text) or _VERSION_2.search(text)
    if not found:
        return set()
    # Where a distribution mounts the hierarchy, and where another one does.
    mounts = (found[1], 'cpu') if found[1] else ('', 'unified')
    for mount in mounts:
        base = f'{root}/{mount}'.rstrip('/')
        files = [f'{base}{level}/cpu.stat' for level in _levels(found[2])]
        if files and os.path.exists(files[-1]):
            return {*files}
    return set()


def _levels(path: str) -> Iterator[str]:
    """The vCPU's cgroup, if it has one, and the machine's.

    Of ``/a.scope/libvirt/vcpu0`` they are itself and ``/a.scope``; of
    ``/a.scope/emulator``, and of ``/a.scope``, only itself.
    """
    above, _, last = path.rpartition('/')
    if last.startswith('vcpu') and last[4:].isdigit():
        yield path
        path = above.removesuffix('/libvirt')
    if path.strip('/'):
        yield path


def parse(key: str, text: bytes) -> Throttle:
    """Read a cpu.stat of either version; what is not there is 0."""
    words = text.split()
    found = dict(zip(words[::2], map(int, words[1::2]), strict=False))
    return Throttle(
        key=key,
        periods=found.get(b'nr_periods', 0),
        throttled_periods=found.get(b'nr_throttled', 0),
        throttled=found.get(b'throttled_time', 0)
        or found.get(b'throttled_usec', 0) * 1000,
    )
