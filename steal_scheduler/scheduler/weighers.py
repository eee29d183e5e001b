"""A weigher for nova-scheduler: hosts where servers wait least for CPU."""

import math
from collections.abc import Sequence
from typing import Any

from nova.scheduler import weights
from nova.scheduler.utils import get_weight_multiplier, request_is_rebuild

from steal_scheduler.scheduler import guard, listener, request_info
from steal_scheduler.scheduler.order import own_weights
from steal_scheduler.scheduler.view_cache import Placed


def _neutral(
    weigher: Any, weighed: Sequence[Any], spec: Any
) -> Sequence[float]:
    return [0.0] * len(weighed)


def _multiplier(weigher: Any, host_state: Any) -> float:
    multiplier: float = weigher._settings.steal_weight_multiplier
    return multiplier


class StealWeigher(weights.BaseHostWeigher):
    """Prefers hosts by CPU steal, then by servers of the same role.

    The weight of a host is the number of steps that are below it in the
    ranking of all hosts (see ``ranking``; for a move of the migrator's own
    the server's, see ``rankings``), times the multiplier. That is 10
    because Nova's common weighers, nine of them with multipliers of 1, cannot
    outweigh one step then; build failures and the cell still can. Without a
    fresh view all weights are 0 and Nova's weighers decide alone.
    """

    # NOTE: these are not bounds. Both are set so that Nova does not
    # stretch the weights over whatever candidates a request has, by which
    # steals of 0.1 % and 0.3 % would differ as much as 0 % and 100 %. Being
    # 0 and 1, they leave a step a step.
    minval = 0.0
    maxval = 1.0

    def __init__(self) -> None:
        self._settings = listener.begin(
            'StealWeigher is enabled: hosts are weighed by CPU steal, one '
            'step in rank with {0.steal_weight_multiplier:g}. It is neutral '
            'while there is no view.'
        )

    @guard.fail_open('The multiplier of StealWeigher', _multiplier)
    def weight_multiplier(self, host_state: Any) -> float:
        """Aggregate metadata ``steal_weight_multiplier``, or the option."""
        option = self._settings.steal_weight_multiplier
        multiplier: float = get_weight_multiplier(
            host_state, 'steal_weight_multiplier', option
        )
        # 'nan' is a number to Nova, and would leave the order to chance.
        return multiplier if math.isfinite(multiplier) else option

    def _weigh_object(self, obj: Any, weight_properties: Any) -> float:
        # Nova demands it, and calls it only where weigh_objects is not ours.
        return 0.0

    @guard.fail_open('StealWeigher', _neutral)
    def weigh_objects(
        self, weighed_obj_list: Sequence[Any], weight_properties: Any
    ) -> Sequence[float]:
        weighed, spec = weighed_obj_list, weight_properties
        latest = listener.latest()
        if latest is None or request_is_rebuild(spec):
            return _neutral(self, weighed, spec)
        view = latest.view
        server_id = spec.instance_uuid
        known = request_info.of(spec)
        if mover := known.mover(view):
            role, move, cores = mover.role, True, mover.demand
        else:
            # Where nobody plays a role, nobody needs to be asked for one.
            role = known.role(self._settings) if view.roles else None
            role = view.role_key(role, known.project_id)
            move = known.moves
            cores = float(spec.vcpus)
        order = latest.order(role, move=move, server_id=server_id)
        ranking = view.rankings.of.get(server_id) if mover else None
        if ranking:
            full = latest.full(cores, server_id)
            own = own_weights(ranking, order, full)
            found = [own(w.obj.host) for w in weighed]
        elif order.weights:
            known_weight, absent = order.weights.get, order.absent
            found = [known_weight(w.obj.host, absent) for w in weighed]
        else:
            return _neutral(self, weighed, spec)
        if server_id not in known.placed:
            # NOTE: Nova weighs once more for alternates, after the choice.
            known.placed.add(server_id)
            host = _likely(weighed, found)
            latest.place(server_id, Placed(host, role, cores))
        return found


def _likely(weighed: Sequence[Any], found: Sequence[float]) -> str:
    """The host that will most likely be chosen: our best, then Nova's.

    A guess: weighers may follow, and a claim may fail.
    """
    host: str = max(
        zip(found, weighed, strict=True),
        key=lambda pair: (pair[0], pair[1].weight),
    )[1].obj.host
    return host
