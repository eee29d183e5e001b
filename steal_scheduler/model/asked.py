"""What people have asked the migrator for that it has to decide on."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for something, and why."""

    by: str
    reason: str

    @property
    def told(self) -> str:
        """For a person: 'asked for by alice: a new kernel'."""
        more = f': {self.reason}' if self.reason else ''
        return f'asked for by {self.by}{more}'


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
