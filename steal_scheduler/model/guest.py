"""Guests: what an agent inside a server tells of it."""

import dataclasses
import enum


class GuestKey(enum.StrEnum):
    """What a source knows a guest by. The value is an option's."""

    UUID = 'uuid'
    NAME = 'name'
    ADDRESS = 'address'


@dataclasses.dataclass(frozen=True, slots=True)
class GuestSignal:
    """What an agent inside a server tells; units as in ServerSignal."""

    at: float
    used: float | None = None
    #: By the guest's own steal clock.
    waited: float | None = None
    load: float | None = None
    vcpus: float | None = None
