"""What people have asked the migrator for that it has to decide on."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for something, and why."""

    by: str
    reason: str

    @property
    def said(self) -> str:
        """As it is written where others look: 'alice: a new kernel'."""
        return ': '.join(filter(None, (self.by, self.reason)))

    @property
    def told(self) -> str:
        """For a person: 'asked for by alice: a new kernel'."""
        return f'asked for by {self.said}'


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """For one decision; what is refused then is not asked for again."""

    #: By id, servers that are to move, be they contended or not.
    servers: Mapping[str, Wish] = dataclasses.field(default_factory=dict)
    #: By name, hosts to be relieved now, however long their servers wait.
    hosts: Mapping[str, Wish] = dataclasses.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.servers or self.hosts)


NOTHING_ASKED = Asked()
