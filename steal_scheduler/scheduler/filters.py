"""Filters for nova-scheduler: moves stay in their zone, and off hot hosts.

NOTE: whoever names this module loads every filter class in it, so helpers
must not be subclasses of Nova's.
"""

import logging
from typing import Any

import nova.conf
from nova.scheduler import filters
from nova.scheduler.filters.utils import aggregate_values_from_key
from nova.scheduler.utils import request_is_rebuild

from steal_scheduler.scheduler import guard, listener, request_info, settings

CONF = nova.conf.CONF


def _fail_open(what: str) -> Any:
    """Let all hosts pass rather than fail."""
    return guard.fail_open(what, lambda filter_, hosts, spec: hosts)


# NOTE: Nova heeds RUN_ON_REBUILD where it asks for each host, not for all; so
# each ``filter_all`` asks for itself.
class SameAvailabilityZoneFilter(filters.BaseHostFilter):
    """Keeps a server that is moved in the availability zone it is in.

    Nova itself holds on to a zone only if one was asked for when the server
    was created. This filter does so for every move, whoever asks for it. It
    has no effect on new and unshelved servers.

    Zones of the last view hold after it has expired. Where the zone of a
    server cannot be known without asking anybody (see ``request_info``), all
    hosts pass.
    """

    # All servers of one request are new, or the one server is moved.
    run_filter_once_per_request = True

    def __init__(self) -> None:
        self._settings = listener.begin(
            'SameAvailabilityZoneFilter is enabled: servers that are moved '
            'stay in their availability zone.'
        )

    @_fail_open('SameAvailabilityZoneFilter')
    def filter_all(self, hosts: list[Any], spec: Any) -> list[Any]:
        if request_is_rebuild(spec):
            return hosts
        zones = listener.cache().zones
        zone = request_info.of(spec).zone(hosts, zones, self._settings)
        if zone is None:
            return hosts
        default = {CONF.default_availability_zone}

        def stays(host: Any) -> bool:
            zones = aggregate_values_from_key(host, 'availability_zone')
            return zone in (zones or default)

        return [host for host in hosts if stays(host)]


class StealFilter(filters.BaseHostFilter):
    """Rejects hosts that a server should not be put on.

    For a move of the migrator's own, only hosts pass that its ranking calls
    feasible: they stay cold with the server, and have room for it. For other
    moves hot hosts and those over the steal threshold are rejected, unless
    all are. For new and unshelved servers all pass, and the weigher puts hot
    hosts last. Two options make it strict. A host that an operator has emptied
    is rejected for everybody. Without a fresh view all hosts pass.
    """

    run_filter_once_per_request = True

    def __init__(self) -> None:
        self._settings = listener.begin(
            'StealFilter is enabled: our moves only go to hosts that stay '
            'cold; strict_moves is {0.strict_moves}, strict_boots is '
            '{0.strict_boots}. All hosts pass while there is no view.'
        )
        enabled = list(CONF.filter_scheduler.enabled_filters)
        if 'StealFilter' in enabled[:-1]:
            settings.log_once(
                logging.WARNING,
                'StealFilter is not the last of [filter_scheduler] '
                f'enabled_filters ({", ".join(enabled)}): a filter behind it '
                'may reject the very hosts that it has left. Write it last.',
            )

    @_fail_open('StealFilter')
    def filter_all(self, hosts: list[Any], spec: Any) -> list[Any]:
        latest = listener.latest()
        if latest is None or request_is_rebuild(spec):
            return hosts
        view, info = latest.view, request_info.of(spec)
        if view.emptied:
            hosts = [host for host in hosts if host.host not in view.emptied]
        if mover := info.mover(view):
            if ranking := view.rankings.of.get(spec.instance_uuid):
                fit = [h for h in hosts if h.host in ranking.feasible]
            else:
                # A migrator of before there were any.
                fit = [h for h in hosts if view.takes(h.host, mover.demand)]
            if fit or len(view.hosts) <= CONF.scheduler.max_placement_results:
                return fit
            # Those that fit may be among the hosts that Nova does not see:
            # then it is like anybody's move.
        strict = self._settings.strict_boots
        if info.moves:
            strict = self._settings.strict_moves
        elif not strict:
            return hosts
        fit = [host for host in hosts if not view.avoids(host.host)]
        return fit if fit or strict else hosts
