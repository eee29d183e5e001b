"""Nova's services and Placement, as they start and stop in one process."""

from __future__ import annotations

import pathlib
import threading
from collections.abc import Iterable
from typing import Any

from nova import objects, rpc, service
from nova.api import wsgi
from nova.api.openstack import wsgi_app
from nova.compute import rpcapi as compute_rpcapi
from oslo_config import cfg
from placement import conf as placement_conf
from placement import db_api, deploy

from steal_scheduler.demo import http

_STOP_SECONDS = 30.0


def placement(path: pathlib.Path) -> http.App:
    """Placement's API, configured by the file at path."""
    conf = cfg.ConfigOpts()
    placement_conf.register_opts(conf)
    conf(
        [],
        project='placement',
        default_config_files=[str(path)],
        default_config_dirs=[],
    )
    db_api.configure(conf)
    app: http.App = deploy.loadapp(conf)
    return app


def compute_api(host: str) -> http.App:
    """Nova's API, and its record among Nova's services."""
    app: http.App = wsgi.Loader().load_app('osapi_compute')
    wsgi_app._setup_service(host, 'osapi_compute')
    return app


class Services:
    """Those of Nova's services that listen on the message bus."""

    def __init__(self) -> None:
        self._running: list[Any] = []

    def start_controllers(self) -> None:
        """Start nova-conductor, which the others wait for, and -scheduler."""
        for name in ('conductor', 'scheduler'):
            self._start(binary=f'nova-{name}', topic=name)

    def start_computes(self, hosts: Iterable[str]) -> None:
        """Start a nova-compute for each host; Placement must be up."""
        for host in hosts:
            self._start(
                host=host,
                binary='nova-compute',
                topic=compute_rpcapi.RPC_TOPIC,
                topic_alt=compute_rpcapi.RPC_TOPIC_ALT,
            )
            # As each of Nova's programs does; but here it would remember
            # from the conductor's start that there are no computes.
            objects.Service.enable_min_version_cache()

    def _start(self, **kwargs: Any) -> None:
        started = service.Service.create(**kwargs)
        self._running.append(started)
        started.start()

    def stop(self) -> None:
        """Stop them all at once.

        NOTE: they share thread pools. The first one to stop closes the pools,
        and waits for tasks in them which the other ones have to end.
        """
        threads = [
            threading.Thread(target=each.stop, daemon=True)
            for each in self._running
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_STOP_SECONDS)
        self._running.clear()
        if rpc.TRANSPORT is not None:
            rpc.cleanup()
