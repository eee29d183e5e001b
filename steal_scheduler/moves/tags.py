"""What the server tag says, by which a move is known: our only state.

``steal:<stage>:<begun>:<steal>:<leadership>:<signature>``, for example::

    steal:migrate:1795334400:261:1795330001:kXa0_wUjYI9sGqO1

The stage began at that epoch second; steal was 261 per mille before the move,
and is empty where it is unknown; the leadership is the number of the leader
that wrote it. The signature says that it was one of us, and of which server.
Tenants see the tag, can remove it, and can write what they like. They cannot
sign: what is not ours counts for nothing. ``effects.py`` has Nova write and
remove tags.
"""

import base64
import dataclasses
import hmac
from collections.abc import Callable, Iterable, Mapping

from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage

PREFIX = 'steal:'

_STAGES = tuple(f'{PREFIX}{stage}:' for stage in Stage)
_ORDER = {stage: i for i, stage in enumerate(Stage)}
#: Bytes of the signature: with all else it fits into Nova's 60 characters.
_SIGNED = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Tag:
    """What a tag of ours says of a move."""

    stage: Stage
    #: When the stage began, epoch seconds.
    since: float
    #: Steal share before the move; None where it was unknown.
    steal_before: float | None
    #: Of the leader that wrote it.
    leadership: int


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Signs with the first key, and verifies with any of them."""

    keys: tuple[bytes, ...]
    #: The number of the present leadership.
    number: Callable[[], int] = lambda: 0

    def tag(self, move: Move, number: int | None = None) -> str:
        """The tag of a move as it is now.

        :param number: of a leadership that is over
        """
        number = self.number() if number is None else number
        steal = ''
        if move.steal_before is not None:
            steal = f'{move.steal_before * 1000:.0f}'
        said = f'{PREFIX}{move.stage}:{int(move.since)}:{steal}:{number}:'
        return said + _signature(self.keys[0], move.server_id, said)

    def read(self, server: Server) -> Tag | None:
        """What its tags say of its move; None where they say nothing of ours.

        A crash between writing the next tag and removing the last leaves two:
        the furthest counts.
        """
        return max(
            self.genuine(server).values(),
            key=lambda t: (t.since, _ORDER[t.stage]),
            default=None,
        )

    def genuine(self, server: Server) -> Mapping[str, Tag]:
        """Its tags that one of us wrote, and what each says."""
        read = {
            t: self._read_one(server.server_id, t) for t in ours(server.tags)
        }
        return {text: tag for text, tag in read.items() if tag is not None}

    def read_all(self, servers: Iterable[Server]) -> Mapping[str, Tag]:
        """By server id, of those that have one."""
        read = {s.server_id: self.read(s) for s in servers if s.tags}
        return {s: tag for s, tag in read.items() if tag is not None}

    def _read_one(self, server_id: str, text: str) -> Tag | None:
        said, colon, signature = text.rpartition(':')
        if not any(
            hmac.compare_digest(
                _signature(key, server_id, said + colon).encode(),
                signature.encode(),
            )
            for key in self.keys
        ):
            return None
        stage, since, steal, number = said.removeprefix(PREFIX).split(':')
        before = int(steal) / 1000 if steal else None
        return Tag(Stage(stage), float(since), before, int(number))


def ours(tags: Iterable[str]) -> list[str]:
    """Those that we wrote, or that look as if; not a tenant's ``steal:me``."""
    return [tag for tag in tags if tag.startswith(_STAGES)]


def _signature(key: bytes, server_id: str, said: str) -> str:
    made = hmac.digest(key, f'{server_id} {said}'.encode(), 'sha256')
    return base64.urlsafe_b64encode(made[:_SIGNED]).decode()
