"""Guests of our own, and the servers that they run in as libvirt has them.

A guest is a kilobyte of program: no kernel, no disk, no network.

It runs under QEMU's own emulation (TCG) and under KVM, also where KVM does
without the processor's help and no stock kernel boots. guest.c tells more.
"""

import dataclasses
import functools
import pathlib
import re
import subprocess
import tempfile
import uuid

from tests.integration import daemons

_SOURCE = pathlib.Path(__file__).with_suffix('.c')
_LINKER_SCRIPT = pathlib.Path(__file__).with_suffix('.ld')
_REPORT = re.compile('^[ST] ([0-9a-f]{16}) ([0-9a-f]{16})$', re.MULTILINE)

_XML = """\
<domain type='{kind}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu cpuset='{core}'>1</vcpu>
  <cputune>{quota}</cputune>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <cmdline>{load}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <clock offset='utc'><timer name='hpet' present='yes'/></clock>
  <devices>
    <serial type='file'><source path='{console}' append='on'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>
"""
#: Microseconds, as Nova has it.
_PERIOD = 100_000

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


@dataclasses.dataclass(frozen=True)
class Domain:
    """One server with one vCPU."""

    name: str
    #: Where its guest's program is, and the file for what it says.
    kernel: pathlib.Path
    console: pathlib.Path
    #: What its guest does; see bursts().
    load: str = ALWAYS
    #: Whether it runs on KVM; else QEMU emulates it.
    kvm: bool = False
    #: Percent of a core that it may use, as by quota:cpu_quota of a flavor.
    quota: int | None = None
    uuid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def xml(self, core: int) -> str:
        """Return it as libvirt wants it.

        :param core: the only one that it may use
        """
        quota = ''
        if self.quota is not None:
            quota = (
                f'<period>{_PERIOD}</period>'
                f'<quota>{_PERIOD * self.quota // 100}</quota>'
            )
        return _XML.format(
            kind='kvm' if self.kvm else 'qemu',
            name=self.name,
            uuid=self.uuid,
            core=core,
            quota=quota,
            kernel=self.kernel,
            load=self.load,
            console=self.console,
        )

    def reports(self) -> list[Report]:
        """Return what its guest has said so far, wherever it ran."""
        return reports(self.console)


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
