"""Host aggregates: what operators say of hosts, in metadata."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Aggregate:
    """A host aggregate, as Nova tells it."""

    aggregate_id: int
    name: str
    hosts: tuple[str, ...] = ()
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: The availability zone that it makes of its hosts, where it does.
    zone: str | None = None
