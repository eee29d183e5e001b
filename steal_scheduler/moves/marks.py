"""What has been said of a move, written at its server: the next leader reads.

A tag like ``steal:approved:1795334400:3f9a61c0:kXa0_wUjYI9sGqO1``: what was
said, an epoch second, some digits of a digest of the host that the server is
to leave, and a signature by the keys of ``tags.py``, over other words than
there: so neither is ever taken for the other. Tenants see it, and can remove
it: then somebody is asked once more. What they write counts for nothing.
"""

import dataclasses
import enum
import hashlib
import re
from collections.abc import Mapping

from steal_scheduler.model.cloud import Server
from steal_scheduler.moves.tags import PREFIX, Signer


class Said(enum.StrEnum):
    """What is kept, and what its time is."""

    #: Somebody said yes, or no; until when it counts.
    APPROVED = 'approved'
    REJECTED = 'rejected'
    #: Its owner was told, or objects; when its move may begin.
    TOLD = 'told'
    OBJECTED = 'objected'
    #: Somebody cancelled the move that is under way; when that was.
    CANCELLED = 'cancelled'


_FORM = re.compile(
    rf'{PREFIX}({"|".join(Said)}):(\d+):([0-9a-f]{{8}}):[\w-]{{16}}', re.ASCII
)


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """Of a server that is to leave this host."""

    said: Said
    #: Epoch seconds.
    at: float
    host: str

    def text(self, server_id: str, signer: Signer) -> str:
        said = f'{PREFIX}{self.said}:{int(self.at)}:{_digits(self.host)}:'
        return said + signer.sign(_about(server_id), said)


def read(server: Server, signer: Signer) -> Mapping[str, Mark | None]:
    """Those that one of us wrote at it, by their text.

    :returns: None for one that is about another host than it is on
    """
    found: dict[str, Mark | None] = {}
    host = server.host or ''
    for text in server.tags:
        parts = _FORM.fullmatch(text)
        if parts and signer.has_signed(_about(server.server_id), text):
            said, at, digits = parts.groups()
            here = digits == _digits(host)
            found[text] = Mark(Said(said), float(at), host) if here else None
    return found


def _about(server_id: str) -> str:
    return f'{server_id} said'


def _digits(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:8]
