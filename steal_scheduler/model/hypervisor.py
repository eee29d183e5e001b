"""A hypervisor: what a nova-compute runs guests on."""

import dataclasses


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
