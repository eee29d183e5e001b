"""A guest of our own, a kilobyte of it: no kernel, no disk, no network.

It runs under QEMU's own emulation (TCG) and under KVM, also where KVM does
without the processor's help and no stock kernel boots. guest.c tells more.
"""

import dataclasses
import functools
import pathlib
import re
import subprocess
import tempfile

from tests.integration import daemons

_SOURCE = pathlib.Path(__file__).with_suffix('.c')
_LINKER_SCRIPT = pathlib.Path(__file__).with_suffix('.ld')
_REPORT = re.compile('^[ST] ([0-9a-f]{16}) ([0-9a-f]{16})$', re.MULTILINE)

#: Burns all the time.
ALWAYS = ''


def bursts(on: int, every: int, after: int = 0) -> str:
    """Return the command line of a guest that burns now and then.

    :param on: milliseconds of a burst
    :param every: milliseconds from one burst to the next
    :param after: milliseconds until the first
    """
    return f'on={on} every={every} after={after}'


@dataclasses.dataclass(frozen=True)
class Report:
    """What a guest said: its own clock and its steal, both in seconds."""

    at: float
    steal: float


def reports(console: pathlib.Path) -> list[Report]:
    """Return what a guest has said on its serial console so far."""
    text = console.read_text(errors='replace') if console.exists() else ''
    return [
        Report(int(at, 16) / 1e8, int(steal, 16) / 1e9)
        for at, steal in _REPORT.findall(text)
    ]


def build(directory: pathlib.Path) -> pathlib.Path:
    """Compile it; return the path of the program."""
    path = directory / 'guest.elf'
    ran = subprocess.run(
        [
            *(daemons.program('gcc'), '-m32', '-Os', '-ffreestanding'),
            *('-fno-pie', '-no-pie', '-nostdlib', '-static'),
            *('-fno-stack-protector', '-fno-asynchronous-unwind-tables'),
            *('-Wall', '-Wextra', '-Wno-main', '-Wl,--build-id=none'),
            *(f'-Wl,--script={_LINKER_SCRIPT}', f'-o{path}', str(_SOURCE)),
        ],
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise daemons.DaemonError(ran.stderr)
    return path


@functools.cache
def kvm_trouble() -> str:
    """Say why KVM cannot be tested here; empty if it can.

    The only proof is a guest that runs.
    """
    if not pathlib.Path('/dev/kvm').exists():
        return 'there is no /dev/kvm'
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        console = directory / 'console'
        qemu = daemons.Daemon(
            'kvm',
            [
                *(daemons.program('qemu-system-x86_64'), '-accel', 'kvm'),
                *('-m', '32', '-display', 'none', '-nodefaults'),
                *('-serial', f'file:{console}'),
                *('-kernel', str(build(directory))),
            ],
            directory,
            lambda: bool(reports(console)),
        )
        try:
            qemu.start(within=90)
        except daemons.DaemonError as e:
            return f'no guest runs on this /dev/kvm: {e}'
        qemu.stop()
    return ''
