"""What the server tag says, by which a move is known: our only state.

``steal:<stage>:<begun>:<steal>:<leadership>:<signature>``, for example::

    steal:migrate:1795334400:261:1795330001:kXa0_wUjYI9sGqO1

The stage began at that epoch second; steal was 261 per mille before the move,
and is empty where it is unknown; the leadership is the number of the leader
that wrote it. The signature says that it was one of us, and of which server.
Tenants see the tag, can remove it, and can write what they like. They cannot
sign: what is not ours counts for nothing. ``effects.py`` has Nova write and
remove tags.

This is version 1 of the tag. A later one begins with ``steal2:``, and whatever
it says ends in such a signature. So a leader that has not been upgraded yet
knows that a newer one wrote it, and leaves it alone.
"""

import base64
import dataclasses
import hmac
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Stage

PREFIX = 'steal:'

_VERSION_1 = re.compile(
    rf'{PREFIX}({"|".join(Stage)}):(\d+):(\d*):(\d+):[\w-]{{16}}', re.ASCII
)
_ANY_VERSION = re.compile(r'steal\d*:(.*:)?[\w-]{16}', re.ASCII)
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
        return said + self.sign(move.server_id, said)

    def sign(self, about: str, said: str) -> str:
        """The signature that comes after these words about it."""
        return _signature(self.keys[0], about, said)

    def read(self, server: Server) -> Tag | None:
        """What its tags say of its move; None where they say nothing of ours.

        A crash between writing the next tag and removing the last leaves two:
        the furthest counts.
        """
        return _furthest(self.genuine(server))

    def genuine(self, server: Server) -> Mapping[str, Tag]:
        """Its tags that one of us wrote, and what each says."""
        signed = self._signed(server)
        return {t: tag for t, tag in signed.items() if tag is not None}

    def read_all(
        self, servers: Iterable[Server]
    ) -> tuple[Mapping[str, Tag], Mapping[str, Sequence[str]]]:
        """What tags say, and tags of newer versions; both by server id.

        For example ``steal2:...`` is one of the leader before, which was
        upgraded already.
        """
        read: dict[str, Tag] = {}
        newer: dict[str, list[str]] = {}
        for server in servers:
            if server.tags and (signed := self._signed(server)):
                known = {t: tag for t, tag in signed.items() if tag}
                if tag := _furthest(known):
                    read[server.server_id] = tag
                if unknown := [t for t, tag in signed.items() if not tag]:
                    newer[server.server_id] = unknown
        return read, newer

    def _signed(self, server: Server) -> Mapping[str, Tag | None]:
        """Its tags that one of us wrote; None of what another version did."""
        return {
            text: _read(text)
            for text in server.tags
            if _ANY_VERSION.fullmatch(text)
            and self.has_signed(server.server_id, text)
        }

    def has_signed(self, about: str, text: str) -> bool:
        """Whether one of us did, what ends in a signature."""
        said, colon, signature = text.rpartition(':')
        return any(
            hmac.compare_digest(
                _signature(key, about, said + colon).encode(),
                signature.encode(),
            )
            for key in self.keys
        )


def _furthest(tags: Mapping[str, Tag]) -> Tag | None:
    return max(
        tags.values(),
        key=lambda t: (t.since, _ORDER[t.stage]),
        default=None,
    )


def _read(text: str) -> Tag | None:
    """What it says, in the version of this module; None of any other."""
    found = _VERSION_1.fullmatch(text)
    if found is None:
        return None
    stage, since, steal, number = found.groups()
    before = int(steal) / 1000 if steal else None
    return Tag(Stage(stage), float(since), before, int(number))


def ours(tags: Iterable[str], but: Container[str] = ()) -> list[str]:
    """Those that we wrote, or that look as if; not a tenant's ``steal:me``.

    :param but: of a newer version
    """
    return [t for t in tags if t.startswith(_STAGES) and t not in but]


def _signature(key: bytes, about: str, said: str) -> str:
    made = hmac.digest(key, f'{about} {said}'.encode(), 'sha256')
    return base64.urlsafe_b64encode(made[:_SIGNED]).decode()
