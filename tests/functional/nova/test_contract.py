"""What we rely on in Nova, by our own client; see ``tests/contract``."""

from tests.functional import one  # isort: skip (before Nova's)

import itertools
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import fixtures
from nova import context, objects
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.demo import users
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.exception import LoginRefused, NovaRefused
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.nova_client.parse import says_never
from tests.contract.nova import NovaContract
from tests.functional import cell
from tests.functional.scene import Guest
from tests.shared import PATIENCE

scene = one.scene
setUpModule = one.set_up()

NEVER = {'steal:migrate': 'never'}
#: Nova's own words for what it shows as a status.
_STATES = {
    'ACTIVE': 'active',
    'PAUSED': 'paused',
    'SUSPENDED': 'suspended',
    'SHUTOFF': 'stopped',
    'ERROR': 'error',
    'VERIFY_RESIZE': 'resized',
    'SHELVED_OFFLOADED': 'shelved_offloaded',
}


def set_state(server_id: str, **fields: str | None) -> None:
    """In Nova's database, as if it had just done it, or were about to."""
    admin = context.get_admin_context()
    found = objects.InstanceMapping.get_by_instance_uuid(admin, server_id)
    with context.target_cell(admin, found.cell_mapping) as cell:
        instance = objects.Instance.get_by_uuid(cell, server_id)
        instance.update(fields)
        instance.save()


class RealCase(base.BaseTestCase):
    source = 'a1'
    _numbers = itertools.count()

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(scene.clear)
        self.nova = self.client()

    def client(
        self, user: users.User = users.ADMIN, url: str = ''
    ) -> NovaClient:
        path = scene.workdir / f'client-{next(self._numbers)}.conf'
        path.write_text(scene.cloud.nova_auth_conf(user))
        conf = load.load([f'--config-file={path}'], 'a test')
        return NovaClient(conf, RoleRule())

    def boot(self, goes: str = '', **fields: Any) -> str:
        metadata = {
            '': {},
            'never': {'demo:seconds': 'never'},
        }.get(goes, {'demo:fail': goes})
        fields.setdefault('metadata', metadata)
        (server_id,) = scene.boot(Guest('x', self.source, **fields))
        return server_id

    def become(self, server_id: str, status: str) -> None:
        host = None if status == 'SHELVED_OFFLOADED' else self.source
        set_state(server_id, vm_state=_STATES[status], host=host)

    def lose(self, server_id: str) -> None:
        set_state(server_id, host='a2')
        self.addCleanup(set_state, server_id, host=self.source)

    def delete(self, server_id: str) -> None:
        scene.call('DELETE', f'/servers/{server_id}')
        wait_for(
            lambda: not scene.exists(server_id), PATIENCE, 'it to be deleted'
        )

    def cell_down(self) -> AbstractContextManager[None]:
        return cell.down()

    def until(self, predicate: Callable[[], Any], what: str) -> Any:
        return wait_for(predicate, PATIENCE, what)

    def now(self) -> float:
        return time.time()


class TestNova(NovaContract, RealCase):
    """All of the contract."""

    def setUp(self) -> None:
        super().setUp()
        # So that a few servers are several pages.
        self.useFixture(
            fixtures.MonkeyPatch('steal_scheduler.nova_client.client.PAGE', 2)
        )


class TestOnlyReal(RealCase):
    """What the stand-in has no part in."""

    def test_one_that_is_pinned_by_its_image(self) -> None:
        """Which a fake driver would not start: so it is told later."""
        server_id = self.boot()
        before = self.nova.server(server_id)
        self.assertEqual(0, before.dedicated)
        admin = context.get_admin_context()
        found = objects.InstanceMapping.get_by_instance_uuid(admin, server_id)
        with context.target_cell(admin, found.cell_mapping) as cell_context:
            instance = objects.Instance.get_by_uuid(
                cell_context, server_id, expected_attrs=['system_metadata']
            )
            instance.system_metadata['image_hw_cpu_policy'] = 'dedicated'
            instance.save()
        listed = self.nova.page(None), self.nova.changed(self.now() - 3600)
        found = [
            read.dedicated
            for reads in ([self.nova.server(server_id)], *listed)
            for read in reads
            if read.server_id == server_id
        ]
        self.assertEqual([before.vcpus] * 3, found)

    def test_who_is_left_alone(self) -> None:
        """By its metadata, its flavor, its lock or its host's aggregate."""
        tenant = self.boot(metadata=NEVER)
        flavor = self.boot(extra_specs=tuple(NEVER.items()))
        locked = self.boot()
        scene.action(locked, 'lock')
        self.assertEqual('metadata', self.nova.server(tenant).opted_out)
        self.assertEqual('flavor', self.nova.server(flavor).opted_out)
        self.assertTrue(self.nova.server(locked).locked)
        self.addCleanup(scene.set_zone_metadata, 'az2', dict.fromkeys(NEVER))
        scene.set_zone_metadata('az2', NEVER)
        self.assertEqual(
            [('az2', ('b1', 'b2'), 'az2')],
            [
                (each.name, each.hosts, each.zone)
                for each in self.nova.aggregates()
                if says_never(each.metadata)
            ],
        )

    def test_a_queue(self) -> None:
        """So many at once, and the next one waits; it can be aborted."""
        *running, last = (
            self.boot(goes='never') for _ in range(one.CONCURRENT + 1)
        )
        for server_id in running:
            self.nova.live_migrate(server_id)
            scene.cloud.servers.wait_migrated(server_id, 'running')
        self.nova.live_migrate(last)
        found = scene.cloud.servers.wait_migrated(last, 'queued')
        self.assertIsNotNone(found['dest_compute'])
        self.nova.abort(last, found['id'])
        scene.cloud.servers.wait_migrated(last, 'cancelled')

    def test_the_target_cannot_finish(self) -> None:
        """The guest has moved, and Nova lets nobody take its tag off."""
        server_id = self.boot(goes='post')
        self.nova.add_tag(server_id, 'steal:migrate:1')
        self.nova.live_migrate(server_id)
        found = scene.cloud.servers.wait_migrated(server_id, 'error')
        self.until(
            lambda: self.nova.server(server_id).status == 'ERROR', 'its end'
        )
        self.assertEqual(
            found['dest_compute'], self.nova.server(server_id).host
        )
        self.assertRaises(
            NovaRefused, self.nova.remove_tag, server_id, 'steal:migrate:1'
        )

    def test_who_may_not(self) -> None:
        """In Nova's words, which name the rule; and in Keystone's."""
        server_id = self.boot()
        alice = self.client(users.ALICE)
        error = self.assertRaises(NovaRefused, alice.migrations, 0.0)
        self.assertIn('os_compute_api:os-migrations:index', str(error))
        self.assertIn('403', str(error))
        mallory = self.client(users.User('admin', 'guessed', 'admin', ()))
        self.assertRaises(LoginRefused, mallory.server, server_id)
