"""A whole cloud: zones, hosts, Nova, Placement and what they need."""

from __future__ import annotations

import gc
import logging
import pathlib
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import nova.conf
from nova import config as nova_config
from nova import context as nova_context
from nova import objects
from nova.objects import host_mapping
from oslo_log import log

from steal_scheduler.demo import (
    bus,
    cells,
    config,
    driver,
    image,
    network,
    services,
    sqlite,
    users,
)
from steal_scheduler.demo.api import Api
from steal_scheduler.demo.http import Http
from steal_scheduler.demo.identity import Identity
from steal_scheduler.demo.servers import Servers
from steal_scheduler.demo.settings import Settings

_CONTROLLER = 'controller'
_STOCK = Settings()
# Where files are memory, if the system has such a place.
_TMPFS = pathlib.Path('/dev/shm')


class Cloud:
    """A cloud from `start` to `stop`; one per process, as Nova is global.

    ``with Cloud({'az1': ['a1', 'a2'], 'az2': ['b1']}) as cloud: ...``
    """

    def __init__(
        self,
        zones: Mapping[str, Sequence[str]],
        settings: Settings = _STOCK,
        *,
        workdir: str | None = None,
        port: int = 0,
    ) -> None:
        """Zones are names of hosts by name of availability zone.

        Files go to workdir, which must be empty, and stay; or to a new
        directory that `stop` removes. The APIs listen on this port of
        127.0.0.1, or on a free one.
        """
        self.zones = zones
        self.settings = settings
        self.http = Http(port)
        self.url = self.http.url
        self.servers = self.servers_of(users.ADMIN)
        self._temporary = None if workdir else _new_directory()
        self.workdir = pathlib.Path(
            self._temporary.name if self._temporary else str(workdir)
        )
        self.nova_log = self.workdir / 'nova.log'
        self.clouds_yaml = self.workdir / 'clouds.yaml'
        self._services = services.Services()

    def servers_of(self, user: users.User) -> Servers:
        """The cloud as this user sees it; `servers` is the admin's."""
        return Servers(Api(self.url, user))

    def nova_auth_conf(self, user: users.User = users.ADMIN) -> str:
        """A ``[nova]`` section with which a client can log in as user."""
        return config.nova_auth(self.url, user)

    def start(self) -> Self:
        """Bring everything up; all hosts are in their zones on return."""
        identity = Identity(self.url)
        self._write_files(identity.issue(users.ADMIN))
        self._configure()
        self.http.apps |= {
            'identity': identity,
            'image': image.app,
            'network': network.app,
        }
        self.http.start()
        cells.migrate(self.workdir)
        app = services.placement(self.workdir / 'placement.conf')
        self.http.apps['placement'] = identity.guard_placement(app)
        self._services.start_controllers()
        self._services.start_computes(
            host for hosts in self.zones.values() for host in hosts
        )
        host_mapping.discover_hosts(nova_context.get_admin_context())
        app = services.compute_api(_CONTROLLER)
        app = network.none_if_auto(app)
        self.http.apps['compute'] = identity.guard(app, '', 'v2.1')
        self._make_zones()
        # What is there now stays: looking through it for garbage again and
        # again would cost a fifth of the time of a boot.
        gc.freeze()
        gc.enable()
        return self

    def stop(self) -> None:
        """End all threads; the process can end, but start no other cloud."""
        self._services.stop()
        self.http.stop()
        if self._temporary:
            # Threads that have not ended yet would open the log again.
            self._close_log()
            self.remove_files()

    def remove_files(self) -> None:
        """Remove the directory if it is ours, whatever still runs in it."""
        if self._temporary and self.workdir.is_dir():
            # NOTE: who makes a file while a directory is removed keeps it
            # there. All know it by its old name only.
            gone = self.workdir.rename(self.workdir.with_suffix('.gone'))
            shutil.rmtree(gone, ignore_errors=True)
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _write_files(self, token: str) -> None:
        (self.workdir / 'instances').mkdir(parents=True, exist_ok=True)
        cells.create_files(self.workdir)
        texts = config.files(self.settings, self.url, self.workdir, token)
        for name, text in texts.items():
            (self.workdir / name).write_text(text)

    def _configure(self) -> None:
        # Of Nova's and Placement's default policies, at each start.
        warnings.filterwarnings('ignore', module='oslo_policy')
        sqlite.install()
        bus.install()
        driver.install(self.settings)
        nova_config.parse_args(
            ['nova', '--config-file', str(self.workdir / 'nova.conf')]
        )
        log.setup(nova.conf.CONF, 'nova')
        # NOTE: oslo.log takes the hook over, and an error that ends the demo
        # would leave an empty console.
        sys.excepthook = sys.__excepthook__
        objects.register_all()

    def _close_log(self) -> None:
        root = logging.getLogger()
        for handler in list(root.handlers):
            if isinstance(handler, logging.FileHandler):
                root.removeHandler(handler)
                handler.close()
        # Without any handler a warning would go to the terminal.
        root.addHandler(logging.NullHandler())

    def _make_zones(self) -> None:
        call = self.servers.api.call
        for zone, hosts in self.zones.items():
            body = {'aggregate': {'name': zone, 'availability_zone': zone}}
            answer = call('POST', '/os-aggregates', body)
            path = f'/os-aggregates/{answer["aggregate"]["id"]}/action'
            for host in hosts:
                call('POST', path, {'add_host': {'host': host}})


def _new_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(
        prefix='steal-demo-',
        dir=_TMPFS if _TMPFS.is_dir() else None,
        ignore_cleanup_errors=True,
    )
