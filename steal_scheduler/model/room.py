"""Room: what hosts have left, and for whom, as Placement and Nova tell it.

Amounts are those of Placement's resource classes: VCPU and PCPU in pieces,
MEMORY_MB in MiB, DISK_GB in GiB.
"""

import dataclasses
from collections.abc import Mapping, Sequence, Set

AFFINITY, ANTI_AFFINITY = 'affinity', 'anti-affinity'
#: Policies of the server groups that are hard: of the soft ones no host is
#: left out.
HARD = (AFFINITY, ANTI_AFFINITY)


@dataclasses.dataclass(frozen=True, slots=True)
class Free:
    """A provider of Placement's: a host, with all that is below it."""

    #: By resource class, with the allocation ratio, without what is reserved
    #: or used. A class that it does not have is not here.
    left: Mapping[str, int]
    traits: Set[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class HostRoom:
    #: None where it is not known what is left there.
    free: Free | None
    #: Of its hypervisor: such as QEMU, and a number such as 8002002; '' and
    #: None where Nova does not tell.
    kind: str = ''
    version: int | None = None
    #: Projects that it is kept for; empty where it is for all.
    projects: Set[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A server group, as ``GET /os-server-groups`` gives it."""

    name: str
    policy: str
    #: Ids of servers.
    members: Set[str]
    #: Members that a host may have where the policy is anti-affinity.
    most: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """What is known of it for one decision."""

    hosts: Mapping[str, HostRoom] = dataclasses.field(default_factory=dict)
    #: By server id, what Placement has allocated to it on its host; where it
    #: is not here its flavor tells.
    allocated: Mapping[str, Mapping[str, int]] = dataclasses.field(
        default_factory=dict
    )
    #: By server id, the hard groups that it is in.
    groups: Mapping[str, Sequence[Group]] = dataclasses.field(
        default_factory=dict
    )
    #: What could not be read, and why; '' where all is known.
    trouble: str = ''


#: Nothing is known: then whatever has the cores is taken to have room.
UNTOLD = Room()
