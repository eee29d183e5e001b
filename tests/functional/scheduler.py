"""A cloud whose nova-scheduler has our filters and our weigher."""

import collections
import contextlib
import functools
import itertools
import pathlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from steal_scheduler.demo.cloud import Cloud  # isort: skip (before Nova's)

from oslo_config import cfg
from oslo_messaging import conffixture
from oslotest import base
from sqlalchemy import event
from sqlalchemy.engine import Engine

from steal_scheduler import scheduler as ours
from steal_scheduler.demo import http, image
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.demo.settings import Settings
from steal_scheduler.messaging.view import Sender
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.scheduler import listener, request_info

# c1 is the host that dies: Nova has no way back for it but a restart.
ZONES = {'az1': ['a1', 'a2', 'a3'], 'az2': ['b1', 'b2'], 'az3': ['c1', 'c2']}
HOSTS = list(itertools.chain.from_iterable(ZONES.values()))
CLASSES = ['SameAvailabilityZoneFilter', 'StealFilter', 'StealWeigher']
MAX_AGE = 30

FILTER_SCHEDULER = """
available_filters = nova.scheduler.filters.all_filters
available_filters = \
steal_scheduler.scheduler.filters.SameAvailabilityZoneFilter
available_filters = steal_scheduler.scheduler.filters.StealFilter
enabled_filters = ComputeFilter,SameAvailabilityZoneFilter,StealFilter
weight_classes = nova.scheduler.weights.all_weighers,\
steal_scheduler.scheduler.weighers.StealWeigher
"""

NOVA_CONF = f"""
[DEFAULT]
allow_resize_to_same_host = True
shelved_offload_time = 0
[steal_scheduler]
view_max_age = {MAX_AGE}
role_name_pattern = ^(\\w+)-\\d+$
"""

COLD = HostView(Tier.COLD, 0.0, 2.0, 16.0)
STEALING = HostView(Tier.COLD, 0.03, 2.0, 16.0)
HOT = HostView(Tier.HOT, 0.2, 20.0, 16.0)


#: Of a second image, for rebuilds: with the same one Nova asks no scheduler.
OTHER_IMAGE = '00000000-0000-4000-8000-000000000002'


def image_app(environ: http.Environ, start_response: Any) -> Any:
    """The image service with two images, and snapshots of shelved servers."""
    if environ['REQUEST_METHOD'] == 'POST':
        made = {'id': image.IMAGE_ID, 'name': 'made', 'status': 'queued'}
        return http.reply(start_response, made, '201 Created')
    if environ['PATH_INFO'].endswith(f'/{OTHER_IMAGE}'):
        environ = environ | {'PATH_INFO': f'/v2/images/{image.IMAGE_ID}'}
    return image.app(environ, start_response)


cloud: Cloud
sender: Sender


def start() -> None:
    """One cloud: a process can have no other after it."""
    global cloud, sender
    settings = Settings(filter_scheduler=FILTER_SCHEDULER, nova_conf=NOVA_CONF)
    cloud = Cloud(ZONES, settings).start()
    cloud.http.apps['image'] = image_app
    conf = cfg.ConfigOpts()
    conf([], project='test', default_config_files=[])
    conffixture.ConfFixture(conf, 'fake:/').setUp()
    sender = Sender(conf)


def stop() -> None:
    listener.stop()
    cloud.stop()


@functools.cache
def flavor(vcpus: int) -> str:
    return cloud.servers.flavor(f'of {vcpus}', vcpus=vcpus)


@contextlib.contextmanager
def asked_by_us() -> Iterator[list[str]]:
    """The queries that our classes cause, of all that this process makes."""
    package = str(pathlib.Path(ours.__path__[0]))
    asked: list[str] = []

    def note(_c: Any, _u: Any, statement: str, *_: Any) -> None:
        frame = sys._getframe()
        while frame.f_back is not None and statement.startswith('SELECT'):
            frame = frame.f_back
            if frame.f_code.co_filename.startswith(package):
                asked.append(statement)
                return

    event.listen(Engine, 'before_cursor_execute', note)
    try:
        yield asked
    finally:
        event.remove(Engine, 'before_cursor_execute', note)


class SchedulerTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        """Each test has an empty cloud and a worker that knows nothing."""
        super().setUp()
        listener.stop()
        request_info._zones.clear()
        self.servers = cloud.servers
        self.addCleanup(self.delete_all)

    def delete_all(self) -> None:
        call = self.servers.api.call
        for each in call('GET', '/servers')['servers']:
            call('DELETE', f'/servers/{each["id"]}')
        wait_for(
            lambda: not call('GET', '/servers')['servers'],
            30.0,
            'all servers to be gone',
        )

    def send(self, hosts: dict[str, HostView], **fields: Any) -> View:
        """What the migrator does; returns when it has arrived."""
        view = View(
            **{
                'taken_at': time.time(),
                'hosts': hosts,
                'roles': {},
                'movers': {},
                **fields,
            }
        )

        def arrived() -> bool:
            self.assertTrue(sender.send(view))
            threading.Event().wait(0.05)
            latest = listener.latest()
            return bool(latest and latest.view.taken_at == view.taken_at)

        wait_for(arrived, 20.0, 'the view to arrive')
        return view

    def boot(self, *news: dict[str, Any]) -> list[str]:
        """Boot servers one after the other; ids in order."""
        ids = []
        for n, new in enumerate(news or [{}]):
            fields = {'name': f'vm{n}', 'flavor': flavor(1)} | new
            ids += self.servers.boot_many([NewServer(**fields)])
        return ids

    def hosts_of(self, ids: list[str]) -> collections.Counter[str]:
        return collections.Counter(self.servers.host(each) for each in ids)

    def act(self, server_id: str, action: str, body: Any = None) -> None:
        self.servers.api.call(
            'POST', f'/servers/{server_id}/action', {action: body}
        )

    def migrate(self, server_id: str, status: str = 'completed') -> str:
        """Live-migrate it to wherever Nova likes; the host it is on then."""
        before = len(self.servers.migrations(server_id))
        self.servers.migrate(server_id)

        def ended() -> bool:
            # The record of this one comes a moment after the answer.
            found = self.servers.migrations(server_id)
            return len(found) > before and found[0]['status'] == status

        wait_for(ended, 30.0, f'the migration to be {status}')
        self.wait_status(server_id, 'ACTIVE')
        return self.servers.host(server_id)

    def wait_status(self, server_id: str, status: str) -> dict[str, Any]:
        def reached() -> dict[str, Any] | None:
            server = self.servers.server(server_id)
            self.assertNotEqual('ERROR', server['status'], server)
            busy = server['OS-EXT-STS:task_state']
            return (
                server if (server['status'], busy) == (status, None) else None
            )

        return wait_for(reached, 30.0, f'the server to be {status}')
