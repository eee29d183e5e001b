"""Looks like QEMU to the exporter: its command line, its threads' names.

Run as a script, under another name: see ``start``. It ends when its standard
input is closed.
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
) -> subprocess.Popen[bytes]:
    """Start it, and return when its threads have their names.

    :param busy: the first vCPU runs all the time; the others are idle
    :param servers: so many processes of the kind; the uuids count up
    :param cores: where they may run; anywhere if empty
    """
    process = subprocess.Popen(
        [
            'qemu-system-x86_64',
            __file__,
            *(str(vcpus), str(int(busy)), str(servers)),
            ','.join(map(str, cores)),
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


def stop(process: subprocess.Popen[bytes]) -> None:
    """Wait until all of its processes have ended."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    process.wait(30)


def vcpu(index: int, busy: bool, named: threading.Semaphore) -> None:
    tid = threading.get_native_id()
    with open(f'/proc/self/task/{tid}/comm', 'w') as file:
        file.write(f'CPU {index}/KVM')
    named.release()
    while busy:
        pass
    threading.Event().wait()


def rename(index: int) -> None:
    """Count the uuid up, in the command line that others read."""
    with open('/proc/self/stat', 'rb') as file:
        fields = file.read().rpartition(b') ')[2].split()
    begin, end = int(fields[45]), int(fields[46])
    line = ctypes.string_at(begin, end - begin)
    at = begin + line.index(b'\0-uuid\0') + len(b'\0-uuid\0') + 24
    ctypes.memmove(at, f'{index:012x}'.encode(), 12)


def main(vcpus: str, busy: str, servers: str, cores: str, *_: str) -> None:
    # Where the parent ends, so that all of them do.
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(',')))
    for index in range(1, int(servers)):
        if os.fork() == 0:
            rename(index)
            break
    named = threading.Semaphore(0)
    threading.stack_size(65536)
    for index in range(int(vcpus)):
        threading.Thread(
            target=vcpu,
            args=(index, busy == '1' and index == 0, named),
            daemon=True,
        ).start()
    for _ in range(int(vcpus)):
        named.acquire()
    os.write(1, b'ready\n')
    os.read(0, 1)
    os._exit(0)


if __name__ == '__main__':
    main(*sys.argv[1:])
