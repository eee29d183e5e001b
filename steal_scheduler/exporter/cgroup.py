"""How long a quota held a server back, in cgroups of both versions.

Nova's ``quota:cpu_quota`` is a quota for each vCPU: libvirt puts each vCPU
thread into a cgroup of its own, in or below the machine's.
"""

import os
from collections.abc import Iterator

from steal_scheduler.exporter.sample import Throttle


def locate(root: str, text: str) -> set[str]:
    """Return the cpu.stat files whose quota binds a thread.

    That of its vCPU, if it has one, and that of its machine: not those
    further up, which it shares with other servers.

    :param root: where cgroups are mounted: /sys/fs/cgroup
    :param text: what /proc/PID/task/TID/cgroup says
    """
    for mount, path in _mounts(text):
        base = f'{root}/{mount}'.rstrip('/')
        files = [f'{base}{level}/cpu.stat' for level in _levels(path)]
        if files and os.path.exists(files[-1]):
            return {*files}
    return set()


def _mounts(text: str) -> Iterator[tuple[str, str]]:
    """Directories below the root, likelier ones first, and the path there."""
    unified = None
    for line in text.splitlines():
        number, _, rest = line.partition(':')
        controllers, _, path = rest.partition(':')
        if number == '0':
            unified = path
        elif 'cpu' in controllers.split(','):
            # Version 1 has it; then version 2 has not.
            yield controllers, path
            yield 'cpu', path
            return
    if unified is not None:
        yield '', unified
        yield 'unified', unified


def _levels(path: str) -> Iterator[str]:
    above, _, last = path.rpartition('/')
    if last.startswith('vcpu') and last[4:].isdigit():
        yield path
        path = above.removesuffix('/libvirt')
    if path.strip('/'):
        yield path


def read(path: str) -> Throttle:
    """Return the counters of a cpu.stat.

    :raises OSError: it is gone
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return parse(path, os.read(file, 4096))
    finally:
        os.close(file)


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
