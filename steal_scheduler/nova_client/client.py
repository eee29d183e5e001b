"""A client of Nova's API: the few calls we make.

What comes back is turned into the values of ``model`` here; what fails, by
``errors.py`` into NovaRefused (it did not happen), NovaError (it may have
happened) or ServerGone. Nobody else imports novaclient.
"""

import contextlib
import dataclasses
import functools
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import novaclient.client
from novaclient import api_versions

from steal_scheduler import exception
from steal_scheduler.edge import keystone
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Host, Migration, Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.room import Group
from steal_scheduler.nova_client import pages, parse
from steal_scheduler.nova_client.errors import in_our_words, log_in
from steal_scheduler.nova_client.placement import Placement
from steal_scheduler.nova_client.rows import Rows
from steal_scheduler.nova_client.servers import Servers

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
        options = conf[GROUP]
        # keystoneauth's options know hardly any limits.
        if not 1 <= (options.timeout or 0) <= 3600:
            raise exception.ConfigError(
                f'[nova] timeout = {options.timeout} is not allowed. Give a '
                'number from 1 to 3600 (unit: seconds).'
            )
        keystone.check_endpoint(GROUP, options)
        auth = keystone.load_auth(conf, GROUP)
        #: Whose options say how to log in.
        self._login = options.auth_section or GROUP
        self._session = keystone.load_session(conf, GROUP, auth)
        client = functools.partial(
            novaclient.client.Client,
            session=self._session,
            service_type='compute',
            region_name=options.region_name,
            endpoint_type=(options.valid_interfaces or [None])[0],
            endpoint_override=options.endpoint_override,
        )
        self._nova = client(MICROVERSION)
        self._servers = Servers(client, MICROVERSION)
        self.placement = Placement(self._session, options)
        #: Migrations that Nova was asked to end: their servers and ids.
        self._aborted: set[tuple[str, int]] = set()
        #: Requests sent, for the metrics and the benchmark.
        self.calls = 0
        self.rows = Rows(role_rule)

    # -- reading -----------------------------------------------------------

    def page(self, marker: str | None) -> list[Server]:
        """The next servers of the whole cloud, oldest first.

        :param marker: id of the last server of the page before
        :raises ServerGone: the marker is not known any more
        """
        try:
            found = self._ask(
                self._servers.list,
                search_opts={'all_tenants': 1},
                marker=marker,
                limit=PAGE,
                sort_keys=['created_at', 'uuid'],
                sort_dirs=['asc', 'asc'],
            )
        except exception.NovaRefused as error:
            if marker and 'marker' in str(error):
                raise exception.ServerGone(str(error)) from error
            raise
        return self.rows.servers(found)

    def changed(self, since: float) -> list[Server]:
        """Servers that changed since; deleted ones have status DELETED."""
        query = {'all_tenants': 1, 'changes-since': parse.iso(since)}
        found = self._all(self._servers, 'id', search_opts=query)
        return self.rows.servers(found)

    def server(self, server_id: str) -> Server:
        """As Nova tells it; UNKNOWN where that makes no sense.

        :raises NovaError: nor does its id
        """
        found = self.rows.servers([self._ask(self._servers.get, server_id)])
        if not found:
            raise exception.NovaError(f'Nova tells no id of {server_id}')
        return found[0]

    def hosts(self) -> list[Host]:
        """The hosts with a nova-compute, but those of a cell that is down."""
        found = self._ask(self._nova.services.list, binary='nova-compute')
        return self.rows.hosts([s for s in found if 'zone' in s.to_dict()])

    def hypervisors(self) -> list[Hypervisor]:
        return self.rows.hypervisors(self._all(self._nova.hypervisors, 'id'))

    def aggregates(self) -> list[Aggregate]:
        return self.rows.aggregates(self._ask(self._nova.aggregates.list))

    def server_groups(self) -> list[Group]:
        """Those of all projects; of who is no admin to Nova, his own."""
        found: dict[str, Any] = {}
        ask = self._nova.server_groups.list
        while page := self._ask(
            ask, all_projects=True, limit=PAGE, offset=len(found)
        ):
            known = len(found)
            found |= {str(row.to_dict().get('id')): row for row in page}
            if len(found) == known:
                # One that comes again would come for ever.
                break
        return self.rows.groups(found.values())

    def migrations(self, since: float) -> list[Migration]:
        """Live migrations that changed since, in no order."""
        return self._records(changes_since=parse.iso(since))

    def accepted(self) -> list[Migration]:
        """Live migrations whose target Nova has not chosen yet.

        ``migrations`` does not list them, for minutes with a busy scheduler:
        to Nova a record that is as it was made has never changed.
        """
        return self._records(status='accepted')

    def unended_migrations(self) -> list[Migration]:
        """Live migrations that have not ended, however old, in no order."""
        return [
            migration
            for status in parse.UNENDED
            for migration in self._records(status=status)
            if migration.status == status
        ]

    def _records(self, **query: Any) -> list[Migration]:
        found = self._all(
            self._nova.migrations,
            'uuid',
            migration_type='live-migration',
            **query,
        )
        return [
            dataclasses.replace(
                m, aborted=(m.server_id, m.migration_id) in self._aborted
            )
            for m in self.rows.migrations(found)
        ]

    def copied(self, server_id: str) -> Copied | None:
        """How far the live migration under way is; None if Nova cannot say.

        The list of all records does not tell.
        """
        found = self._ask(self._nova.server_migrations.list, server_id)
        return parse.copied(found[0].to_dict()) if found else None

    def last_was_abort(self, server_id: str, since: float) -> bool:
        """Whether the last thing that was asked of it is an abort of ours.

        :param since: abort no earlier than this counts
        """
        actions = self._ask(self._nova.instance_action.list, server_id)
        return bool(actions) and parse.is_abort(
            actions[0].to_dict(), self.user_id(), since
        )

    def ever_had(self, server_id: str) -> bool:
        """Whether it is Nova's, or was until its database was archived."""
        with contextlib.suppress(exception.ServerGone):
            self._ask(self._nova.instance_action.list, server_id)
            return True
        return False

    def runs(self, server_id: str) -> bool:
        """Whether its host's nova-compute finds its guest running now.

        :raises NovaRefused: Nova cannot say
        """
        try:
            _, found = self._ask(self._nova.servers.diagnostics, server_id)
        except exception.NovaRefused as error:
            if 'power state' in str(error):
                return False
            raise
        return parse.runs(found)

    def check_version(self) -> None:
        """:raises ConfigError: Nova is too old for what we ask"""
        current = self._ask(self._nova.versions.get_current)
        with in_our_words(self._login):
            newest = api_versions.APIVersion(current.version)
        if newest < api_versions.APIVersion(MICROVERSION):
            raise exception.ConfigError(
                f'Nova offers microversion {current.version} at most, '
                f'{MICROVERSION} is needed: upgrade Nova to Train or later.'
            )

    def user_id(self) -> str | None:
        """Our own user, whose migrations are ours."""
        user: str | None = self._ask(self._session.get_user_id)
        return user

    def project_id(self) -> str | None:
        """Of the project that our user logs in to."""
        project: str | None = self._ask(self._session.get_project_id)
        return project

    def scheduler_hosts(self) -> frozenset[str]:
        """Where nova-scheduler runs now."""
        found = self._ask(self._nova.services.list, binary='nova-scheduler')
        services = self.rows.hosts(found)
        return frozenset(host.name for host in services if host.open)

    # -- acting ------------------------------------------------------------

    def live_migrate(self, server_id: str) -> None:
        """Ask for a move to a host of nova-scheduler's choice."""
        ask = self._nova.servers.live_migrate
        self._ask(ask, server_id, host=None, block_migration='auto')

    def abort(self, server_id: str, migration_id: int) -> None:
        ask = self._nova.server_migrations.live_migration_abort
        self._ask(ask, server_id, migration_id)
        self._aborted.add((server_id, migration_id))

    def reset_state(self, server_id: str) -> None:
        """Let Nova call it ACTIVE; its guest is not touched."""
        self._ask(self._nova.servers.reset_state, server_id, 'active')

    def add_tag(self, server_id: str, tag: str) -> None:
        self._ask(self._nova.servers.add_tag, server_id, tag)

    def remove_tag(self, server_id: str, tag: str) -> None:
        # NOTE: novaclient does not quote it. A tenant's GENUINE?x would take
        # our genuine one with it.
        quoted = urllib.parse.quote(tag, safe=':', errors='replace')
        # One that is gone already is what we wanted.
        with contextlib.suppress(exception.ServerGone):
            self._ask(self._nova.servers.delete_tag, server_id, quoted)

    def set_metadata(self, server_id: str, key: str, value: str) -> None:
        self._ask(self._nova.servers.set_meta_item, server_id, key, value)

    def remove_metadata(self, server_id: str, key: str) -> None:
        with contextlib.suppress(exception.ServerGone):
            self._ask(self._nova.servers.delete_meta, server_id, [key])

    def create_aggregate(self, name: str) -> None:
        """One that holds no host and is no availability zone."""
        self._ask(self._nova.aggregates.create, name, None)

    def set_aggregate_metadata(
        self, aggregate_id: int, metadata: Mapping[str, str | None]
    ) -> None:
        """Other keys stay as they are; None removes one."""
        ask = self._nova.aggregates.set_metadata
        self._ask(ask, aggregate_id, metadata)

    # -- the edge ----------------------------------------------------------

    def _all(self, manager: Any, key: str, **query: Any) -> list[Any]:
        """Page by page; the marker of the next one is called ``key``."""
        ask = functools.partial(self._ask, manager.list, limit=PAGE, **query)
        return pages.all_rows(ask, key)

    def _ask(self, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Make a call, and say in our words what it has come to.

        For example a 409 is a NovaRefused, a 503 a NovaError, and no answer a
        NovaSilent.
        """
        self.calls += 1
        log_in(self._session, self._login)
        with in_our_words(self._login):
            return call(*args, **more)
