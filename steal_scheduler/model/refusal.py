"""Refusals: every *no* is a value with a reason, a label of a metric."""

import dataclasses
import enum
from collections.abc import Iterator


class Reason(enum.StrEnum):
    """Every reason for a *no*. Each is a label of a metric."""

    # about one server
    #: Nobody has said yes yet, and an operator wants that.
    APPROVAL = 'approval'
    #: A try that did not begin is not repeated at once.
    BACKOFF = 'backoff'
    #: Hosts that could take it have as many of them as its own.
    BAD_SECONDS = 'bad_seconds'
    #: The network would be asked for too much.
    BANDWIDTH = 'bandwidth'
    #: Migrations from its host, or of servers of its project, fail.
    BREAKER_PROJECT = 'breaker_project'
    BREAKER_SOURCE = 'breaker_source'
    COOLDOWN = 'cooldown'
    #: Others move servers at a rate: on its host, or everywhere.
    FOREIGN_MIGRATIONS = 'foreign_migrations'
    #: What was measured of it cannot be.
    IMPLAUSIBLE = 'implausible'
    #: Its metadata name an orchestrator that there is not, or not for it.
    INVALID_ORCHESTRATOR = 'invalid_orchestrator'
    LOCKED = 'locked'
    #: Too many servers of its role are unavailable.
    MAX_UNAVAILABLE = 'max_unavailable'
    MOVING = 'moving'
    #: Nova found no host for others like it on its host.
    NO_HOST = 'no_host'
    #: That of its host, or of those that could take it, is busy.
    NETWORK = 'network'
    NOT_ACTIVE = 'not_active'
    #: Its owner has not known for long enough that it will be moved.
    NOTICE = 'notice'
    #: Another move relieves its host.
    NOT_NEEDED = 'not_needed'
    OPTED_OUT = 'opted_out'
    #: Some of its vCPUs are measured, and some are not.
    PARTIAL = 'partial'
    #: An operator said so, of its host or zone, or of the whole cloud.
    PAUSED = 'paused'
    #: An operator wants nothing to leave its host, ever.
    PRIORITY = 'priority'
    QUOTA = 'quota'
    #: Its orchestrator does not take another server back.
    REATTACH_BLOCKED = 'reattach_blocked'
    #: A host has none for it, and another server makes some.
    ROOM_PENDING = 'room_pending'
    SATURATED = 'saturated'
    #: Nova does not tell of it now.
    SERVER_UNKNOWN = 'server_unknown'
    #: Somebody asked that it stays for a while.
    SKIPPED = 'skipped'
    #: Its host's nova-compute is down.
    SOURCE_DOWN = 'source_down'
    #: A host aggregate of its host has as many as it may.
    SLOT_AGGREGATE = 'slot_aggregate'
    SLOT_CLOUD = 'slot_cloud'
    #: Its project has its share of them.
    SLOT_PROJECT = 'slot_project'
    SLOT_SOURCE = 'slot_source'
    SLOT_TARGET = 'slot_target'
    #: It has too many tags: Nova would not take ours.
    TAGS = 'tags'
    #: Hosts that may have room for it are not measured, or closed to us.
    TARGETS_UNKNOWN = 'targets_unknown'
    #: It takes too long to copy.
    TOO_LARGE = 'too_large'
    #: Now is outside of the times at which it may leave its host.
    WINDOW = 'window'
    # what the hosts lack that have the cores for it: see ``SCARCE``
    HYPERVISOR = 'hypervisor'
    #: They are kept for other projects.
    ISOLATION = 'isolation'
    TRAITS = 'traits'
    SERVER_GROUP = 'server_group'
    PCPUS = 'pcpus'
    VCPUS = 'vcpus'
    RAM = 'ram'
    DISK = 'disk'
    #: Of another resource class, such as VGPU.
    RESOURCES = 'resources'
    #: It is kept for the servers of another host, should that fail.
    KEPT_ROOM = 'kept_room'
    #: There is room for what it uses, and not for what it may ask for.
    UNCERTAIN_DEMAND = 'uncertain_demand'
    # about the whole cloud
    BLACKOUT = 'blackout'
    BREAKER = 'breaker'
    COVERAGE = 'coverage'
    #: The leader before may still be in a call.
    HANDOVER = 'handover'
    #: Nova does not tell all that a move needs.
    NOVA = 'nova'
    SIGNALS = 'signals'
    # about a move that waits in its drain
    DRY_RUN = 'dry_run'
    TARGET_PENDING = 'target_pending'
    VIEW_NOT_SENT = 'view_not_sent'
    VIEW_NOT_TAKEN = 'view_not_taken'


#: What Nova does not place a server on a host for. Where hosts lack several,
#: the first of those that most of them lack is what is said.
SCARCE = (
    Reason.HYPERVISOR,
    Reason.ISOLATION,
    Reason.TRAITS,
    Reason.SERVER_GROUP,
    Reason.PCPUS,
    Reason.VCPUS,
    Reason.RAM,
    Reason.DISK,
    Reason.RESOURCES,
    Reason.KEPT_ROOM,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A *no*, as a value."""

    reason: Reason
    #: A sentence for the operator: numbers, and the cure where one exists.
    detail: str
    #: None where it is about the whole cloud.
    server_id: str | None = None


#: What a rule says: each *no* that holds, the first one first, one at a time.
Nos = Iterator[tuple[Reason, str]]


def first(nos: Nos, server_id: str) -> Refusal | None:
    """The first *no* of a server; what comes after it is not worked out.

    For example one that is locked and cools down is refused as locked.
    """
    for reason, detail in nos:
        return Refusal(reason, detail, server_id)
    return None


@dataclasses.dataclass(frozen=True, slots=True)
class Saturation:
    """A zone in which moving cannot help."""

    zone: str
    #: Cores of demand that no host of the zone can take and stay cold.
    cores_short: float
    #: What there is too little of: cores, or one of ``SCARCE``.
    scarce: str = 'cores'
