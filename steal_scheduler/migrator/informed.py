"""An informed decision: with what Placement and Nova say that hosts have left.

They are asked once for a decision, and only if there is somebody to place.
"""

import dataclasses

from steal_scheduler.decision import decide, detector
from steal_scheduler.decision.room import unplaced
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.room import UNTOLD, Room
from steal_scheduler.nova_client.cache import NovaCache


def decided(
    cache: NovaCache, snapshot: Snapshot, watches: detector.Watches
) -> tuple[decide.Decision, Room]:
    """Decide, and say by which room: ``UNTOLD`` where nobody was asked.

    :param watches: of the decision before
    """
    case = decide.look(snapshot, watches)
    fleet = snapshot.fleet
    # Those of which Nova is asked next come first.
    to_place = [move.server for move in unplaced(snapshot.moves)]
    to_place += [fleet.servers[one.server_id] for one in case.leavers]
    to_place += [move.server for move in case.emptied]
    room = cache.room(to_place) if to_place else UNTOLD
    with_room = dataclasses.replace(snapshot, room=room)
    decision = decide.judge(case, with_room)
    makers = [
        move.server
        for move in decision.admitted
        if move.makes_room_for is not None
        and move.server_id not in room.allocated
    ]
    if makers:
        # Only those are asked for that would leave: any server could.
        room = cache.room([*to_place, *makers])
        with_room = dataclasses.replace(snapshot, room=room)
        decision = decide.judge(case, with_room)
    return decision, room
