"""Looks like QEMU to the exporter: its command line, its threads' names.

Run as a script, under another name: see ``start``. It plugs a vCPU at a ``+``
on its standard input, unplugs one at a ``-``, and ends when that is closed.
"""

import ctypes
import os
import subprocess
import sys
import threading
from collections.abc import Sequence


def start(
    uuid: str,
    domain: str,
    vcpus: int = 1,
    busy: bool = False,
    servers: int = 1,
    cores: Sequence[int] = (),
    nice: int = 0,
    others: Sequence[str] = (),
    busy_others: bool = False,
) -> subprocess.Popen[bytes]:
    """Start it, and return when its threads have their names.

    :param busy: the first vCPU runs all the time; the others are idle
    :param servers: so many processes of the kind; the uuids count up
    :param cores: where they may run; anywhere if empty
    :param nice: of the vCPUs; 19 leaves the cores to others
    :param others: names of threads that are no vCPUs
    :param busy_others: they run all the time
    """
    process = subprocess.Popen(
        [
            'qemu-system-x86_64',
            __file__,
            *(str(vcpus), str(int(busy)), str(servers)),
            ','.join(map(str, cores)),
            str(nice),
            *(','.join(others), str(int(busy_others))),
            *('-name', f'guest={domain},debug-threads=on'),
            *('-uuid', uuid),
        ],
        executable=sys.executable,
        # Without it, Python looks for itself beside what it is called.
        env={**os.environ, 'PYTHONHOME': sys.base_prefix},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(servers):
        assert process.stdout.readline() == b'ready\n'
    return process


def plug(process: subprocess.Popen[bytes]) -> None:
    """Add an idle vCPU to a single server."""
    _tell(process, b'+')


def unplug(process: subprocess.Popen[bytes]) -> None:
    """Take away the vCPU that was plugged last; return when it has ended."""
    _tell(process, b'-')


def _tell(process: subprocess.Popen[bytes], what: bytes) -> None:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(what)
    process.stdin.flush()
    assert process.stdout.readline() == b'ready\n'


def stop(process: subprocess.Popen[bytes]) -> None:
    """Wait until all of its processes have ended."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    process.wait(30)


class Named(threading.Thread):
    """One thread that is named as QEMU's are; it runs all the time or never.

    NOTE: its niceness is its own, as its name is: Linux has it by thread.
    """

    def __init__(self, name: str, busy: bool, nice: int) -> None:
        super().__init__(daemon=True)
        self._comm = name
        self._busy = busy
        self._nice = nice
        self._named = threading.Event()
        self._unplugged = threading.Event()

    def plug(self) -> None:
        self.start()
        self._named.wait()

    def run(self) -> None:
        tid = threading.get_native_id()
        with open(f'/proc/self/task/{tid}/comm', 'w') as file:
            file.write(self._comm)
        os.setpriority(os.PRIO_PROCESS, tid, self._nice)
        self._named.set()
        while self._busy:
            pass
        self._unplugged.wait()

    def unplug(self) -> None:
        tid = self.native_id
        self._unplugged.set()
        self.join()
        # Python's thread is done a moment before the kernel's is.
        while os.path.exists(f'/proc/self/task/{tid}'):
            self._unplugged.wait(0.001)


def rename(index: int) -> None:
    """Count the uuid up, in the command line that others read."""
    with open('/proc/self/stat', 'rb') as file:
        fields = file.read().rpartition(b') ')[2].split()
    begin, end = int(fields[45]), int(fields[46])
    line = ctypes.string_at(begin, end - begin)
    at = begin + line.index(b'\0-uuid\0') + len(b'\0-uuid\0') + 24
    ctypes.memmove(at, f'{index:012x}'.encode(), 12)


def main(
    vcpus: str,
    busy: str,
    servers: str,
    cores: str,
    nice: str,
    others: str,
    busy_others: str,
    *_: str,
) -> None:
    # Where the parent ends, so that all of them do.
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(',')))
    for index in range(1, int(servers)):
        if os.fork() == 0:
            rename(index)
            break
    threading.stack_size(65536)
    found = [
        Named(f'CPU {index}/KVM', busy == '1' and index == 0, int(nice))
        for index in range(int(vcpus))
    ]
    for thread in found:
        thread.plug()
    for name in others.split(',') if others else ():
        Named(name, busy_others == '1', 0).plug()
    os.write(1, b'ready\n')
    while command := os.read(0, 1):
        if command == b'+':
            name = f'CPU {len(found)}/KVM'
            found.append(Named(name, False, int(nice)))
            found[-1].plug()
        else:
            found.pop().unplug()
        os.write(1, b'ready\n')
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
