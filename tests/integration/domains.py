"""Servers as libvirt sees them: what Nova would have it define."""

import dataclasses
import pathlib
import uuid

from tests.integration import guest

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


@dataclasses.dataclass(frozen=True)
class Domain:
    """One server with one vCPU."""

    name: str
    #: Where its guest's program is, and the file for what it says.
    kernel: pathlib.Path
    console: pathlib.Path
    #: What its guest does; see guest.bursts().
    load: str = guest.ALWAYS
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

    def reports(self) -> list[guest.Report]:
        """Return what its guest has said so far, wherever it ran."""
        return guest.reports(self.console)
