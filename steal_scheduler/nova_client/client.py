"""A client of Nova's API: the few calls we make.

The only module that imports novaclient. What comes back is turned into the
values of ``model`` here; what fails, into NovaRefused (it did not happen),
NovaError (it may have happened) or ServerGone.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import keystoneauth1.exceptions
import novaclient.client
import novaclient.exceptions

from steal_scheduler.edge import keystone
from steal_scheduler.exception import (
    ConfigError,
    LoginRefused,
    NovaError,
    NovaRefused,
    ServerGone,
)
from steal_scheduler.model.cloud import Host, Migration, Server
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client import parse

GROUP = 'nova'
#: Migration records with project and user: Nova 20 (Train) and later.
MICROVERSION = '2.80'
PAGE = 1000


class NovaClient:
    """A session with Nova. Every call is one HTTP request, or one a page."""

    def __init__(self, conf: Any, role_rule: RoleRule) -> None:
        """Take the options of ``[nova]``; the first call connects.

        :raises ConfigError: the options of ``[nova]`` do not fit together
        """
        self._session = _session(conf)
        self._nova = novaclient.client.Client(
            MICROVERSION,
            session=self._session,
            service_type='compute',
            region_name=conf.nova.region_name,
            endpoint_type=(conf.nova.valid_interfaces or [None])[0],
            endpoint_override=conf.nova.endpoint_override,
        )
        self._role_rule = role_rule
        #: Requests sent, for the metrics and the benchmark.
        self.calls = 0

    # -- reading -----------------------------------------------------------

    def page(self, marker: str | None) -> list[Server]:
        """The next servers of the whole cloud, oldest first.

        :param marker: id of the last server of the page before
        :raises ServerGone: the marker is not known any more
        """
        try:
            with self._call():
                found = self._nova.servers.list(
                    search_opts={'all_tenants': 1},
                    marker=marker,
                    limit=PAGE,
                    sort_keys=['created_at', 'uuid'],
                    sort_dirs=['asc', 'asc'],
                )
        except NovaRefused as error:
            if marker and 'marker' in str(error):
                raise ServerGone(str(error)) from error
            raise
        return [self._value(s) for s in found]

    def changed(self, since: float) -> list[Server]:
        """Servers that changed since; deleted ones have status DELETED."""
        query = {'all_tenants': 1, 'changes-since': parse.iso(since)}
        found = self._all(self._nova.servers, 'id', search_opts=query)
        return [self._value(s) for s in found]

    def server(self, server_id: str) -> Server:
        with self._call():
            return self._value(self._nova.servers.get(server_id))

    def hosts(self) -> list[Host]:
        """The hosts whose nova-compute is enabled, with their zones."""
        with self._call():
            zones = self._nova.availability_zones.list(detailed=True)
        return [
            Host(name, zone.zoneName, services['nova-compute']['available'])
            for zone in zones
            for name, services in (zone.hosts or {}).items()
            if 'nova-compute' in services
        ]

    def opted_out_hosts(self) -> frozenset[str]:
        """Hosts of the aggregates whose metadata say: never."""
        with self._call():
            aggregates = self._nova.aggregates.list()
        return frozenset(
            host
            for aggregate in aggregates
            if parse.says_never(aggregate.metadata)
            for host in aggregate.hosts
        )

    def migrations(self, since: float) -> list[Migration]:
        """Live migrations that changed since, in no order."""
        found = self._all(
            self._nova.migrations,
            'uuid',
            migration_type='live-migration',
            changes_since=parse.iso(since),
        )
        return [parse.migration(m.to_dict()) for m in found]

    def newest_microversion(self) -> tuple[int, int]:
        with self._call():
            version = self._nova.versions.get_current().version
        major, minor = version.split('.')
        return int(major), int(minor)

    def user_id(self) -> str | None:
        """Our own user, whose migrations are ours."""
        with self._call():
            user: str | None = self._session.get_user_id()
            return user

    # -- acting ------------------------------------------------------------

    def live_migrate(self, server_id: str) -> None:
        """Ask for a move to a host of nova-scheduler's choice."""
        with self._call():
            self._nova.servers.live_migrate(
                server_id, host=None, block_migration='auto'
            )

    def abort(self, server_id: str, migration_id: int) -> None:
        with self._call():
            self._nova.server_migrations.live_migration_abort(
                server_id, migration_id
            )

    def add_tag(self, server_id: str, tag: str) -> None:
        with self._call():
            self._nova.servers.add_tag(server_id, tag)

    def remove_tag(self, server_id: str, tag: str) -> None:
        # One that is gone already is what we wanted.
        with contextlib.suppress(ServerGone), self._call():
            self._nova.servers.delete_tag(server_id, tag)

    # -- the edge ----------------------------------------------------------

    def _all(self, manager: Any, key: str, **query: Any) -> list[Any]:
        """Page by page, until none is left.

        NOTE: a short page proves nothing: Nova's own limit, ``max_limit``,
        may be less than ours. With 1,000 each, 1,500 are two pages and an
        empty one.

        :param key: what the marker of the next page is called
        """
        found: list[Any] = []
        while True:
            marker = getattr(found[-1], key) if found else None
            with self._call():
                page = manager.list(marker=marker, limit=PAGE, **query)
            if not page:
                return found
            found += page

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        self.calls += 1
        try:
            yield
        except novaclient.exceptions.NotFound as error:
            raise ServerGone(str(error)) from error
        except novaclient.exceptions.ClientException as error:
            if 400 <= error.code < 500 and error.code not in (408, 413, 429):
                raise NovaRefused(str(error)) from error
            raise NovaError(f'Nova failed: {error}') from error
        except keystoneauth1.exceptions.Unauthorized as error:
            raise LoginRefused(keystone.refused(GROUP, error)) from error
        except keystoneauth1.exceptions.ClientException as error:
            raise NovaError(f'Nova does not answer: {error}') from error

    def _value(self, server: Any) -> Server:
        return parse.server(server.to_dict(), self._role_rule)


def _session(conf: Any) -> Any:
    """Of keystoneauth, whose options know hardly any limits.

    :raises ConfigError: an option is wrong
    """
    options = conf[GROUP]
    if not 1 <= (options.timeout or 0) <= 3600:
        raise ConfigError(
            f'[nova] timeout = {options.timeout} is not allowed. Give a '
            'number from 1 to 3600 (unit: seconds).'
        )
    auth = keystone.load_auth(conf, GROUP)
    return keystone.load_session(conf, GROUP, auth)
