"""What the tests of our classes in a real nova-scheduler share."""

import collections
import contextlib
import functools
import pathlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.functional.one import scene  # isort: skip (before Nova's)

from oslo_config import cfg
from oslo_messaging import conffixture
from oslotest import base
from sqlalchemy import event
from sqlalchemy.engine import Engine

from steal_scheduler import scheduler as ours
from steal_scheduler.demo import http, image, users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.messaging.view import Sender
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.scheduler import listener
from tests.shared import PATIENCE

CLASSES = ['SameAvailabilityZoneFilter', 'StealFilter', 'StealWeigher']

COLD = HostView(Tier.COLD, 0.0, 2.0, 16.0)
STEALING = HostView(Tier.COLD, 0.03, 2.0, 16.0)
HOT = HostView(Tier.HOT, 0.2, 20.0, 16.0)
#: As a view calls role web of the project whose servers these are.
WEB = f'{users.ADMIN.project_id}/web'


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


@functools.cache
def sender() -> Sender:
    """The migrator's end of the bus."""
    conf = cfg.ConfigOpts()
    conf([], project='test', default_config_files=[])
    conffixture.ConfFixture(conf, 'fake:/').setUp()
    return Sender(conf)


@functools.cache
def flavor(vcpus: int) -> str:
    """Id of a flavor with so many vCPUs."""
    return scene.cloud.servers.flavor(f'of {vcpus}', vcpus=vcpus)


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
    """Each test has an empty cloud, and a scheduler that knows nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.servers = scene.cloud.servers
        apps = scene.cloud.http.apps
        self.addCleanup(apps.update, image=apps['image'])
        apps['image'] = image_app
        self.addCleanup(scene.clear)

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
            self.assertTrue(sender().send(view))
            threading.Event().wait(0.05)
            latest = listener.latest()
            return bool(latest and latest.view.taken_at == view.taken_at)

        wait_for(arrived, PATIENCE, 'the view to arrive')
        return view

    def expire(self) -> None:
        """As if the view had come a long time ago."""
        latest = listener.latest()
        assert latest is not None
        latest.expires = 0.0
        self.assertIsNone(listener.latest())

    def boot(self, *news: dict[str, Any]) -> list[str]:
        """Boot servers one after the other; ids in order."""
        ids = []
        for n, new in enumerate(news or [{}]):
            fields = {'name': f'vm{n}', 'flavor': flavor(1)} | new
            ids += self.servers.boot_many([NewServer(**fields)])
        return ids

    def hosts_of(self, ids: list[str]) -> collections.Counter[str]:
        return collections.Counter(self.servers.host(each) for each in ids)

    def migrate(self, server_id: str, status: str = 'completed') -> str:
        """Live-migrate it to wherever Nova likes; the host it is on then."""
        before = len(self.servers.migrations(server_id))
        self.servers.migrate(server_id)

        def ended() -> bool:
            # The record of this one comes a moment after the answer.
            found = self.servers.migrations(server_id)
            return len(found) > before and found[0]['status'] == status

        wait_for(ended, PATIENCE, f'the migration to be {status}')
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

        return wait_for(reached, PATIENCE, f'the server to be {status}')
