"""Every *no*, as a value with a reason."""

import dataclasses
import enum


class Why(enum.StrEnum):
    """Every reason for a *no*. Each is a label of a metric."""

    # about one server
    BYTES = 'bytes'
    COOLDOWN = 'cooldown'
    LOCKED = 'locked'
    #: Its metadata name an orchestrator that there is not, or not for it.
    MISROUTED = 'misrouted'
    MOVING = 'moving'
    NOT_ACTIVE = 'not_active'
    OPTED_OUT = 'opted_out'
    QUOTA = 'quota'
    #: Too many servers of its role are out of service.
    ROLE_OUT = 'role_out'
    SATURATED = 'saturated'
    SLOT_CLOUD = 'slot_cloud'
    SLOT_ROLE = 'slot_role'
    SLOT_SOURCE = 'slot_source'
    SLOT_TARGET = 'slot_target'
    #: Another move relieves its host.
    SPARED = 'spared'
    #: Its orchestrator does not take another server back.
    STUCK = 'stuck'
    # about the whole cloud
    BLACKOUT = 'blackout'
    BREAKER = 'breaker'
    COVERAGE = 'coverage'
    SIGNALS = 'signals'
    # about a move that waits in its drain
    DRY_RUN = 'dry_run'
    TARGET_PENDING = 'target_pending'
    VIEW_NOT_SENT = 'view_not_sent'


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A *no*, as a value."""

    why: Why
    #: A sentence for the operator: numbers, and the cure where one exists.
    detail: str
    #: None where it is about the whole cloud.
    server_id: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Saturation:
    """A zone in which moving cannot help."""

    zone: str
    #: Cores of demand that no host of the zone can take and stay cold.
    cores_short: float
