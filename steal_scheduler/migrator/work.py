"""The work of a tick for those who ask: what their requests are given."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from steal_scheduler.exception import RequestRefused
from steal_scheduler.migrator.proposals import Proposals
from steal_scheduler.migrator.request import Request
from steal_scheduler.model import until
from steal_scheduler.model.asked import Wish
from steal_scheduler.model.move import Move
from steal_scheduler.moves.effects import Effects
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.reporting.picture import Picture

Answer = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What requests of one tick are given, and note in it."""

    now: float
    nova: NovaClient
    effects: Effects
    #: The tick's own, by server id.
    moves: dict[str, Move]
    proposals: Proposals
    #: Of the tick before.
    picture: Picture
    #: What is to be decided on, see ``Asked``.
    servers: dict[str, Wish] = dataclasses.field(default_factory=dict)
    hosts: dict[str, Wish] = dataclasses.field(default_factory=dict)


class Ask(NamedTuple):
    #: Both raise RequestRefused where it is not done; of what else goes wrong
    #: ``begin`` raises a StealError.
    begin: Callable[[Request, Work], None]
    end: Callable[[Request, Picture], Answer]
    #: Whoever has a project may ask for it, about the servers of that.
    of_projects: bool = False


def ends_at(request: Request, now: float) -> float:
    """Until when something is to hold: ``until``, or until somebody ends it.

    :returns: epoch seconds, whole ones
    :raises RequestRefused: it is no time, or one that is over
    """
    if request.args.get('until') is None:
        return math.inf
    said = request.text('until')
    at, rest, _ = until.read_value(said)
    if at is None or rest or not now < at < math.inf:
        raise RequestRefused(
            'invalid',
            f'until is {said!r}: give a time to come, like '
            f'{until.iso(now + 3600)}.',
        )
    return math.ceil(at)
