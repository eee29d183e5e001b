"""Filters for nova-scheduler: moves stay in their zone, and off hot hosts.

NOTE: whoever names this module loads every filter class in it, so helpers
must not be subclasses of Nova's.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any

import nova.conf
from nova.scheduler import filters
from nova.scheduler.utils import request_is_rebuild

from steal_scheduler.scheduler import (
    guard,
    listener,
    request_info,
    settings,
)

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


def _fail_open(what: str) -> Any:
    """Let all hosts pass rather than fail."""
    return guard.fail_open(what, lambda filter_, hosts, spec: hosts)


class _Filter:
    """What ours share; each keeps some hosts of a list, in ``_keep``."""

    # All servers of one request are new, or the one server is moved.
    run_filter_once_per_request = True
    # NOTE: Nova heeds it where it asks for each host, not for all; so each
    # ``_keep`` asks for itself.
    RUN_ON_REBUILD = False
    _keep: Callable[[list[Any], Any], list[Any]]

    def filter_all(
        self, filter_obj_list: Iterable[Any], spec_obj: Any
    ) -> list[Any]:
        return self._keep(list(filter_obj_list), spec_obj)


def _zone(host: Any, default: str) -> str:
    """As Nova finds it, but from what the candidate brings along."""
    for aggregate in host.aggregates:
        zone: str | None = aggregate.metadata.get('availability_zone')
        if zone:
            return zone
    return default


class SameAvailabilityZoneFilter(_Filter, filters.BaseHostFilter):
    """Keeps a server that is moved in the availability zone it is in.

    Nova itself holds on to a zone only if one was asked for when the server
    was created. This filter does so for every move, whoever asks for it. It
    has no effect on new and unshelved servers.

    Zones of the last view hold after it has expired. Where the zone of a
    server cannot be known without asking anybody (see ``request_info``), all
    hosts pass.
    """

    def __init__(self) -> None:
        self._settings = settings.load()
        settings.announce(
            type(self).__name__,
            'servers that are moved stay in their availability zone.',
        )
        listener.prepare()

    @_fail_open('SameAvailabilityZoneFilter')
    def _keep(self, hosts: list[Any], spec: Any) -> list[Any]:
        if request_is_rebuild(spec):
            return hosts
        latest = listener.latest()
        mover = request_info.own_mover(latest.view, spec) if latest else None
        zone = mover.zone if mover else None
        if zone is None:
            zones = listener.cache().zones
            info = request_info.of(spec)
            zone = info.zone(hosts, zones, self._settings)
        if zone is None:
            return hosts
        default = CONF.default_availability_zone
        return [host for host in hosts if _zone(host, default) == zone]


class StealFilter(_Filter, filters.BaseHostFilter):
    """Rejects hosts that a server should not be put on.

    For a move of the migrator's own, only hosts that stay cold with the
    server pass. For other moves hot hosts and those over the steal threshold
    are rejected, unless all are. For new and unshelved servers all pass, and
    the weigher puts hot hosts last. Two options make it strict. Without a
    fresh view all hosts pass.
    """

    def __init__(self) -> None:
        self._settings = settings.load()
        first = settings.announce(
            type(self).__name__,
            'our moves only go to hosts that stay cold; strict_moves is '
            f'{self._settings.strict_moves}, strict_boots is '
            f'{self._settings.strict_boots}. All hosts pass while there is '
            'no view.',
        )
        enabled = list(CONF.filter_scheduler.enabled_filters)
        if first and type(self).__name__ in enabled[:-1]:
            LOG.warning(
                'StealFilter is not the last of [filter_scheduler] '
                'enabled_filters (%s): a filter behind it may reject the '
                'very hosts that it has left. Write it last.',
                ', '.join(enabled),
            )
        listener.prepare()

    @_fail_open('StealFilter')
    def _keep(self, hosts: list[Any], spec: Any) -> list[Any]:
        latest = listener.latest()
        if latest is None or request_is_rebuild(spec):
            return hosts
        view = latest.view
        mover = request_info.own_mover(view, spec)
        if mover:
            return [h for h in hosts if view.takes(h.host, mover.demand)]
        strict = self._settings.strict_boots
        if request_info.of(spec).moves:
            strict = self._settings.strict_moves
        elif not strict:
            return hosts
        fit = [host for host in hosts if not view.avoids(host.host)]
        return fit if fit or strict else hosts
