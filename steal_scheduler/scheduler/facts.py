"""What is known of the server that a request is about.

A request tells neither the server's metadata nor its name, and not always
the host it is on. The database is asked at most once for each request,
however many filters and weighers want to know, and only if one does.
"""

import weakref
from typing import Any

from steal_scheduler.scheduler import lookup, request
from steal_scheduler.scheduler.settings import Settings

_known: weakref.WeakKeyDictionary[Any, 'Facts'] = weakref.WeakKeyDictionary()


def of(spec: Any) -> 'Facts':
    """The facts of a request; the same for as long as it lives.

    Servers that are created together are one request, and differ in nothing
    that is asked for here.
    """
    known = _known.get(spec)
    if known is None:
        known = _known[spec] = Facts(spec)
    return known


class Facts:
    """Answers about one server; None for what cannot be found out.

    NOTE: it must not keep the request, or neither would ever be freed; and
    Nova's lists and dicts keep the object that they are a field of. And no
    ``cached_property``: in Python 3.11 its lock would have every request
    wait for the database query of another.
    """

    def __init__(self, spec: Any) -> None:
        self._server_id = spec.instance_uuid
        self._cell = request.cell(spec)
        self._exists = request.exists(spec)
        self._hints = request.hints(spec)
        self._source = next(iter(request.ignored(spec)), None)
        self._zone: str | None = None
        self._found: lookup.Found | None = None
        #: Servers of this request whose choice was remembered already.
        self.placed: set[str] = set()

    @property
    def source(self) -> str | None:
        """The host it is on; None for a server that is on none."""
        if self._source is None and self._exists:
            self._source = self._find().host
        return self._source

    @property
    def zone(self) -> str | None:
        """The availability zone it is in."""
        if self._zone is None and self.source is not None:
            # '' if it is not known: not to be asked for again.
            self._zone = lookup.host_zone(self.source) or ''
        return self._zone or None

    def role(self, settings: Settings) -> str | None:
        """The role it plays; a hint spares the look-up."""
        rule = settings.role
        hint = self._hints.get(rule.hint)
        if hint:
            return rule.role_of(hint=hint)
        if not rule.metadata_key and not rule.name_pattern:
            return None
        if not self._exists and not settings.boot_role_lookup:
            return None
        found = self._find()
        return rule.role_of(found.metadata, found.name)

    def _find(self) -> lookup.Found:
        if self._found is None:
            self._found = (
                lookup.existing_server(self._server_id, self._cell)
                if self._exists
                else lookup.new_server(self._server_id)
            )
        return self._found
