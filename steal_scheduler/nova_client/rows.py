"""The rows of Nova's answers: one that makes no sense costs itself alone."""

import collections
import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from oslo_log import log

from steal_scheduler.edge import sense
from steal_scheduler.edge.text import one_line
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Host, Migration, Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.room import Group
from steal_scheduler.nova_client import parse

LOG = log.getLogger(__name__)

#: Rows that are remembered as said, and seconds after which one is forgotten
#: that was not told again: far more than a round of all pages takes.
_MOST = 10000
_GONE = 86400.0

_T = TypeVar('_T')
Read = Callable[[Mapping[str, Any]], _T]


class Rows:
    """Reads them, and says once of each which makes no sense, and why."""

    def __init__(self, role_rule: RoleRule) -> None:
        """:param role_rule: says which role a server has"""
        self._server = functools.partial(parse.server, role_rule=role_rule)
        #: How many made none, each time that they were told.
        self.unreadable = 0
        #: By kind and name, those that were said, and when each was told last;
        #: in that order.
        self._said: collections.OrderedDict[tuple[str, str], float] = (
            collections.OrderedDict()
        )
        #: There were more.
        self._full = False

    def servers(self, found: Iterable[Any]) -> list[Server]:
        return self._read('servers', found, self._server, parse.bad_server)

    def hosts(self, found: Iterable[Any]) -> list[Host]:
        return self._read('services', found, parse.host)

    def hypervisors(self, found: Iterable[Any]) -> list[Hypervisor]:
        return self._read('hypervisors', found, parse.hypervisor)

    def groups(self, found: Iterable[Any]) -> list[Group]:
        return self._read('server groups', found, parse.group)

    def aggregates(self, found: Iterable[Any]) -> list[Aggregate]:
        read, bad = parse.aggregate, parse.bad_aggregate
        return self._read('host aggregates', found, read, bad)

    def migrations(self, found: Iterable[Any]) -> list[Migration]:
        read, bad = parse.migration, parse.bad_migration
        return self._read('migrations', found, read, bad)

    def _read(
        self,
        what: str,
        found: Iterable[Any],
        read: Read[_T],
        instead: Read[_T] | None = None,
    ) -> list[_T]:
        """Those of these that make sense.

        :param instead: what is made of one that makes none; it is left out
            where that fails as well
        """
        values = []
        for each in found:
            raw = each.to_dict()
            try:
                values.append(sense.typed(read(raw)))
                if self._said:
                    self._said.pop((what, _name(raw)), None)
            except sense.NONSENSE as error:
                self._say(what, raw, error)
                if instead is not None:
                    # Unless nobody can say what it is about.
                    with contextlib.suppress(*sense.NONSENSE):
                        values.append(sense.typed(instead(raw)))
        return values

    def _say(
        self, what: str, raw: Mapping[str, Any], error: Exception
    ) -> None:
        self.unreadable += 1
        now, key = time.monotonic(), (what, _name(raw))
        if key in self._said:
            self._said[key] = now
            self._said.move_to_end(key)
            return
        while self._said and now - next(iter(self._said.values())) >= _GONE:
            self._said.popitem(last=False)
        was_full, self._full = self._full, len(self._said) >= _MOST
        if not self._full:
            self._said[key] = now
            why = f'{type(error).__name__}: {error}'
            LOG.warning(
                'Nova tells of its %s what makes no sense. Nothing begins for '
                'what it is about. %s',
                what,
                one_line(f'{key[1]}: {why:.100}'),
            )
        elif not was_full:
            LOG.warning(
                'Nova tells of more than %d rows what makes no sense. The '
                'others are counted, and not named.',
                _MOST,
            )


def _name(raw: Mapping[str, Any]) -> str:
    """What a person can find a row by; '' where nothing tells."""
    name = next((raw[k] for k in ('uuid', 'id', 'host') if raw.get(k)), '')
    return f'{name!s:.60}'
