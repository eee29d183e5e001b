"""Servers of the demo cloud: boot, look, migrate, wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from steal_scheduler.demo import image
from steal_scheduler.demo.api import Api
from steal_scheduler.demo.deadline import wait_for


@dataclasses.dataclass(frozen=True)
class NewServer:
    """A server to boot.

    With ``host`` it starts there, and no zone is requested: Nova will think
    of none when it moves the server later. With ``zone`` one is requested.
    """

    name: str
    flavor: str
    host: str | None = None
    zone: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)
    hints: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    image: str = image.IMAGE_ID


class Servers:
    """The servers that one user of the cloud sees."""

    def __init__(self, api: Api) -> None:
        """Use the rights of the api's user."""
        self.api = api

    def flavor(
        self,
        name: str,
        vcpus: int = 1,
        ram_mb: int = 512,
        disk_gb: int = 1,
        extra_specs: Mapping[str, str] | None = None,
    ) -> str:
        """Create a flavor; returns its id. Only an admin may."""
        flavor = {
            'name': name,
            'vcpus': vcpus,
            'ram': ram_mb,
            'disk': disk_gb,
        }
        answer = self.api.call('POST', '/flavors', {'flavor': flavor})
        id_: str = answer['flavor']['id']
        if extra_specs:
            path = f'/flavors/{id_}/os-extra_specs'
            self.api.call('POST', path, {'extra_specs': dict(extra_specs)})
        return id_

    def boot(self, new: NewServer) -> str:
        """Ask for a server; returns its id at once. See `wait_active`."""
        server: dict[str, Any] = {
            'name': new.name,
            'flavorRef': new.flavor,
            'imageRef': new.image,
            'networks': 'none',
            'metadata': dict(new.metadata),
        }
        if new.host:
            server['host'] = new.host
        if new.zone:
            server['availability_zone'] = new.zone
        body: dict[str, Any] = {'server': server}
        if new.hints:
            body['os:scheduler_hints'] = dict(new.hints)
        answer = self.api.call('POST', '/servers', body)
        id_: str = answer['server']['id']
        return id_

    def boot_many(
        self, news: Iterable[NewServer], seconds: float = 120.0
    ) -> list[str]:
        """Ask for servers, wait until all are ACTIVE; their ids in order.

        Raises as `wait_active` does.
        """
        # One after the other: Nova is here, in one interpreter, and threads
        # that ask side by side only take its time from each other.
        ids = [self.boot(new) for new in news]
        self.wait_active(ids, seconds)
        return ids

    def wait_active(self, ids: Iterable[str], seconds: float = 120.0) -> None:
        """Wait until all these servers are ACTIVE.

        Raises RuntimeError if one goes to ERROR, TimeoutError after seconds.
        """
        waiting = set(ids)

        def active() -> bool:
            building = self.api.call('GET', '/servers?status=BUILD')
            if waiting & {each['id'] for each in building['servers']}:
                return False
            failed = self.api.call('GET', '/servers/detail?status=ERROR')
            for server in failed['servers']:
                if server['id'] in waiting:
                    raise RuntimeError(f'{server["name"]}: {server["fault"]}')
            return True

        wait_for(active, seconds, f'{len(waiting)} servers to be ACTIVE', 0.5)

    def server(self, id_: str) -> dict[str, Any]:
        """The server as Nova shows it. Raises ApiError (404) if gone."""
        path = f'/servers/{id_}'
        found: dict[str, Any] = self.api.call('GET', path)['server']
        return found

    def host(self, id_: str) -> str:
        """The host the server is on. Only an admin sees it."""
        name: str = self.server(id_)['OS-EXT-SRV-ATTR:host']
        return name

    def migrate(self, id_: str) -> None:
        """Ask for a live migration to wherever the scheduler likes."""
        body = {'os-migrateLive': {'host': None, 'block_migration': 'auto'}}
        self.api.call('POST', f'/servers/{id_}/action', body)

    def migrations(self, id_: str) -> list[dict[str, Any]]:
        """The migrations of the server, the latest first."""
        path = f'/os-migrations?instance_uuid={id_}'
        found: list[dict[str, Any]] = self.api.call('GET', path)['migrations']
        return sorted(found, key=lambda each: each['id'], reverse=True)

    def abort(self, id_: str) -> None:
        """Ask Nova to abort the server's latest migration."""
        migration = self.migrations(id_)[0]['id']
        self.api.call('DELETE', f'/servers/{id_}/migrations/{migration}')

    def wait_migrated(
        self,
        id_: str,
        status: str = 'completed',
        seconds: float = 120.0,
    ) -> dict[str, Any]:
        """Wait until the latest migration has this status; returns it.

        Raises TimeoutError, which says what became of it, after seconds.
        """

        def reached() -> dict[str, Any] | None:
            found = self.migrations(id_)
            # There may be none yet: the record follows the 202 by a moment.
            return found[0] if found and found[0]['status'] == status else None

        try:
            return wait_for(reached, seconds, f'a migration to be {status}')
        except TimeoutError as error:
            latest = self.migrations(id_)[:1]
            raise TimeoutError(f'{error}, but: {latest}') from None
