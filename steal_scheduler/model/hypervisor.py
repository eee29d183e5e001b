"""A hypervisor: what a nova-compute runs guests on."""

import dataclasses

#: Kinds that nova-compute reaches over the network, so that its address is
#: not theirs, and nobody measures steal there.
ELSEWHERE = ('ironic', 'VMware vCenter Server', 'zvm')
#: Kinds of libvirt: what Nova calls their vCPUs are the pCPUs to share.
_LIBVIRT = ('QEMU', 'LXC', 'Parallels')


@dataclasses.dataclass(frozen=True, slots=True)
class Hypervisor:
    """As Nova tells it. One of ironic's is a single node."""

    #: Of its nova-compute.
    host: str
    name: str
    #: IP address of its nova-compute; None where that tells none.
    address: str | None
    #: Such as QEMU or ironic.
    kind: str
    #: vCPUs that it has, as its driver counts them; None where Nova does not
    #: tell.
    vcpus: int | None = None
    #: What Placement knows it by; '' where Nova does not tell.
    uuid: str = ''
    #: Nova moves no server to an older one; None where it does not tell.
    version: int | None = None

    @property
    def cpus(self) -> int | None:
        """pCPUs that servers share; None where that is not known."""
        return self.vcpus if self.kind in _LIBVIRT else None
