"""Harm: what a move has done to the host that it went to."""

import dataclasses

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.move import Ended, Harm, Move, Stage


def with_target(move: Move, snapshot: Snapshot) -> Move:
    """The same; once Nova has chosen, with the target's steal before."""
    going = move.stage in (Stage.REQUEST, Stage.MIGRATE)
    if not going or not move.target or move.target_steal is not None:
        return move
    steal = _steal(move.target, snapshot)
    return dataclasses.replace(move, target_steal=steal)


def with_harm(ended: Ended, snapshot: Snapshot) -> Ended:
    """The same; of one that arrived, with the target's steal now.

    For example servers of b waited 1 % of their time when Nova chose it, and
    wait 7 % now, more than the 5 % of ``host_steal_threshold``: it is hurt.
    """
    move = ended.move
    before = move.target_steal
    if before is None or not move.target or move.server.host != move.target:
        return ended
    now = _steal(move.target, snapshot)
    if now is None:
        return ended
    threshold = snapshot.view.steal_threshold
    hurt = before * 100 < threshold <= now * 100
    return dataclasses.replace(ended, harm=Harm(before, now, hurt))


def _steal(name: str, snapshot: Snapshot) -> float | None:
    """Share of their time that a host's servers wait; None if not measured."""
    host = snapshot.view.hosts.get(name)
    if host is None or not host.cores or name in snapshot.unreliable:
        return None
    return host.steal
