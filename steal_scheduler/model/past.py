"""The past of a cloud, as its signals tell it; Nova keeps nothing of it."""

import dataclasses
from collections.abc import Mapping, Sequence

from steal_scheduler.model.cloud import Fleet, ServerSignal
from steal_scheduler.model.room import Room


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    #: What Nova and Placement tell now.
    fleet: Fleet
    room: Room
    #: What each host has now, by name.
    cores: Mapping[str, float]
    #: Seconds of which each value of a reading is a mean, and between two.
    step: float
    #: By server id, the oldest first; empty where none could be had.
    readings: Sequence[Mapping[str, ServerSignal]]
