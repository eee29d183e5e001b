"""What is known of the server that a request to nova-scheduler is about.

A request tells neither the server's metadata nor its name, and not always
the host it is on. Everything here comes from the request, from the candidates
and from the view. Nova's database is asked in two cases only, and at most
once for a request: for a zone before the first view (``_look_up_zone``), and
for a server where ``role_lookup`` is on (``_look_up``).
"""

import functools
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from nova import availability_zones, context, exception, objects

from steal_scheduler.model.host_view import Mover, View
from steal_scheduler.scheduler import guard
from steal_scheduler.scheduler.settings import Settings

#: Seconds for which the zone of a host is remembered at most, and hosts.
ZONE_SECONDS = 60.0
MAX_ZONES = 1000

_known: weakref.WeakKeyDictionary[Any, 'RequestInfo'] = (
    weakref.WeakKeyDictionary()
)


def of(spec: Any) -> 'RequestInfo':
    """What is known of a request; the same for as long as it lives.

    Servers that are created together are one request, and differ in nothing
    that is asked for here.
    """
    known = _known.get(spec)
    if known is None:
        known = _known[spec] = RequestInfo(spec)
    return known


class RequestInfo:
    """Answers about one server; None for what cannot be found out.

    NOTE: it must not keep the request, or neither would ever be freed; and
    Nova's lists and dicts keep the object that they are a field of. And no
    ``cached_property``: in Python 3.11 its lock would have every request
    wait for the database query of another.
    """

    def __init__(self, spec: Any) -> None:
        destination = _told(spec, 'requested_destination')
        ignored = _told(spec, 'ignore_hosts')
        self._server_id = spec.instance_uuid
        self.project_id: str = _told(spec, 'project_id') or ''
        #: Nova's mapping of the cell it is in. The conductor names it for
        #: every kind of move but one: a resize to a named host, by a user
        #: who may cross cells.
        self._cell = _told(destination, 'cell')
        #: Of hints that were given several times, the first.
        self._hints = {
            name: values[0]
            for name, values in (_told(spec, 'scheduler_hints') or {}).items()
            if values
        }
        self._source = next(iter(ignored or ()), None)
        self._zone: str | None = None
        #: Nova's instance, as the database has it; () if it was not found.
        self._found: Any = None
        crosses = _told(destination, 'allow_cross_cell_move')
        #: The server was created before; an unshelved one was.
        self.exists = bool(ignored or self._cell or crosses)
        #: It is on a host. NOTE: Nova sets this field for every move; for a
        #: move that may end where it began it is an empty list.
        self.moves = self.exists and ignored is not None
        #: Servers of this request whose choice was remembered already.
        self.placed: set[str] = set()

    def mover(self, view: View) -> Mover | None:
        """What the view says of it, if the migrator is moving it.

        The source is compared, for somebody else may have moved, resized or
        evacuated the server meanwhile.
        """
        mover = view.movers.get(self._server_id)
        return mover if mover and mover.source == self._source else None

    def zone(
        self,
        hosts: Iterable[Any],
        zones: Mapping[str, str] | None,
        settings: Settings,
    ) -> str | None:
        """The availability zone of the host it is on.

        Nova names that host for every move but one that may end where it
        began (a resize with ``allow_resize_to_same_host``). There one of the
        candidates knows the server as its own; Nova keeps that in memory.

        NOTE: if its host is no candidate, because it has no room for the new
        size, it stays unknown without ``role_lookup``.

        :param hosts: the candidates, as Nova's host states
        :param zones: by host, of the last view; None where none ever came
        """
        if self._zone is None:
            source = self._source
            if source is None and self.moves:
                own = (h.host for h in hosts if self._server_id in h.instances)
                source = next(own, None)
                if source is None and settings.role_lookup:
                    source = getattr(self._look_up(), 'host', None)
            # '' if it is not known: not to be asked for again.
            self._zone = _zone(source, hosts, zones) if source else ''
        return self._zone or None

    def role(self, settings: Settings) -> str | None:
        """The role it plays: of its hint, or looked up if that is on."""
        rule = settings.role
        hint = self._hints.get(rule.role_hint)
        if hint:
            return rule.role_of(hint=hint)
        wanted = rule.role_metadata_key or rule.role_name_pattern
        if settings.role_lookup and wanted and (server := self._look_up()):
            return rule.role_of(server.metadata, server.display_name)
        return None

    def _look_up(self) -> Any:
        if self._found is None:
            self._found = _look_up(self._server_id, self._cell, self.exists)
        return self._found


def _zone(
    source: str, hosts: Iterable[Any], zones: Mapping[str, str] | None
) -> str:
    """The zone of a host; '' if it is not known.

    What Nova has in memory comes first: it is what the zones of candidates
    are read from, too. It says nothing of a host in the default zone, and of
    one whose aggregate holds no candidate.
    """
    for aggregate in {id(a): a for h in hosts for a in h.aggregates}.values():
        zone: str | None = aggregate.metadata.get('availability_zone')
        if zone and source in aggregate.hosts:
            return zone
    return _look_up_zone(source) if zones is None else zones.get(source, '')


def _told(part: Any, name: str) -> Any:
    """A field of a request; None where Nova did not set it.

    ``ignore_hosts`` are those that must not be chosen: for a move its source
    comes first, and it is empty for one that may end where it began; None
    for new and unshelved servers.
    """
    return getattr(part, name) if part is not None and name in part else None


@guard.fail_open('Looking up a server', lambda *args: ())
def _look_up(server_id: str, cell: Any, exists: bool) -> Any:
    """Nova's instance; () if there is none.

    :param cell: Nova's mapping of the cell it is in; None costs a query more
    :param exists: it was created some time ago. One that is being created is
        in no cell yet
    """
    admin = context.get_admin_context()
    try:
        if not exists:
            request = objects.BuildRequest
            return request.get_by_instance_uuid(admin, server_id).instance
        if cell is None:
            cell = objects.InstanceMapping.get_by_instance_uuid(
                admin, server_id
            ).cell_mapping
        with context.target_cell(admin, cell) as cell_context:
            return objects.Instance.get_by_uuid(
                cell_context, server_id, expected_attrs=['metadata']
            )
    except exception.NotFound:
        # Deleted while it was being scheduled.
        return ()


@guard.fail_open('Looking up an availability zone', lambda host: '')
def _look_up_zone(host: str) -> str:
    """The availability zone of a host, before the first view only.

    It costs one query of the API database, for the aggregates of one host. At
    most one is made for a request, and for a host one in each minute,
    whatever the number of requests; the first view ends them. Nova's own
    connection with its time-outs is used, which has just answered Nova for
    this request.

    NOTE: Nova's own cache keeps zones for an hour: too long for a host that
    has just been put into another zone.
    """
    return _known_zone(host, time.monotonic() // ZONE_SECONDS)


@functools.lru_cache(MAX_ZONES)
def _known_zone(host: str, period: float) -> str:
    """What Nova's database says.

    :param period: the number of the minute; with the next one, what is
        remembered of this one is not found any more
    """
    admin = context.get_admin_context()
    return str(availability_zones.get_host_availability_zone(admin, host))
