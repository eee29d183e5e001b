"""The demo's cloud: hosts, servers, migrations and messages."""

import queue
import time
from typing import Any

from tests.functional.base import CloudTestCase  # isort: skip (before Nova's)

import oslo_messaging
from nova import context, objects, rpc
from oslo_config import cfg
from oslo_messaging import conffixture

from steal_scheduler.demo.settings import Settings


class CloudTest(CloudTestCase):
    zones = {'az1': ['a1', 'a2'], 'az2': ['b1']}  # noqa: RUF012
    settings = Settings(notifications=True)

    def test_services_are_up_and_hosts_in_their_zones(self) -> None:
        answer = self.servers.api.call('GET', '/os-services')
        services = answer['services']
        self.assertEqual({'up'}, {each['state'] for each in services})
        found = [
            (each['host'], each['zone'])
            for each in services
            if each['binary'] == 'nova-compute'
        ]
        expected = [('a1', 'az1'), ('a2', 'az1'), ('b1', 'az2')]
        self.assertEqual(expected, found)

    def test_boot_on_a_host_requests_no_zone(self) -> None:
        id_ = self.boot(host='b1', metadata={'role': 'web'})
        server = self.servers.server(id_)
        self.assertEqual('b1', server['OS-EXT-SRV-ATTR:host'])
        self.assertEqual({'role': 'web'}, server['metadata'])
        spec = objects.RequestSpec.get_by_instance_uuid(
            context.get_admin_context(), id_
        )
        self.assertIsNone(spec.availability_zone)

    def test_boot_in_a_zone_with_a_hint(self) -> None:
        other = self.boot(host='a1')
        id_ = self.boot(zone='az1', hints={'different_host': [other]})
        server = self.servers.server(id_)
        self.assertEqual('az1', server['OS-EXT-AZ:availability_zone'])
        spec = objects.RequestSpec.get_by_instance_uuid(
            context.get_admin_context(), id_
        )
        self.assertEqual('az1', spec.availability_zone)
        self.assertEqual(other, spec.get_scheduler_hint('different_host'))

    def test_migration_completes_on_another_host(self) -> None:
        id_ = self.boot(host='a1')
        self.servers.migrate(id_)
        migration = self.servers.wait_migrated(id_)
        self.assertEqual('a1', migration['source_compute'])
        self.assertNotEqual('a1', self.servers.host(id_))
        self.assertEqual(migration['dest_compute'], self.servers.host(id_))
        # And the source has forgotten it: back it comes.
        self.servers.api.call(
            'POST',
            f'/servers/{id_}/action',
            {'os-migrateLive': {'host': 'a1', 'block_migration': 'auto'}},
        )
        self.wait_for(
            lambda: self.servers.host(id_) == 'a1', 'the server to be back'
        )

    def test_migration_takes_its_time(self) -> None:
        id_ = self.boot(host='a1', metadata={'demo:seconds': '1.5'})
        begun = time.monotonic()
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_, 'running')
        self.servers.wait_migrated(id_)
        self.assertGreater(time.monotonic() - begun, 1.5)

    def test_endless_migration_is_aborted(self) -> None:
        id_ = self.boot(host='a1', metadata={'demo:seconds': 'never'})
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_, 'running')
        self.servers.abort(id_)
        self.servers.wait_migrated(id_, 'cancelled')
        self._assert_unharmed(id_)

    def test_no_target_accepts(self) -> None:
        id_ = self.boot(host='a1', metadata={'demo:fail': 'precheck'})
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_, 'error')
        self._assert_unharmed(id_)

    def test_target_cannot_prepare(self) -> None:
        id_ = self.boot(host='a1', metadata={'demo:fail': 'pre'})
        self.servers.migrate(id_)
        # It is "error" for a moment, until all is rolled back.
        self.servers.wait_migrated(id_, 'failed')
        self._assert_unharmed(id_)

    def test_migration_fails_on_the_way(self) -> None:
        id_ = self.boot(host='a1', metadata={'demo:fail': 'run'})
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_, 'failed')
        self._assert_unharmed(id_)

    def test_target_cannot_finish(self) -> None:
        # There is no way back then, says Nova.
        id_ = self.boot(host='a1', metadata={'demo:fail': 'post'})
        self.servers.migrate(id_)
        migration = self.servers.wait_migrated(id_, 'error')
        self.wait_for(
            lambda: self.servers.server(id_)['status'] == 'ERROR',
            'the server to be in ERROR',
        )
        self.assertEqual(migration['dest_compute'], self.servers.host(id_))

    def test_boot_fails_where_there_is_no_room(self) -> None:
        huge = self.servers.flavor('huge', ram_mb=10**9)
        error = self.assertRaises(RuntimeError, self.boot, flavor=huge)
        self.assertIn('No valid host', str(error))

    def _assert_unharmed(self, id_: str) -> None:
        self.wait_for(
            lambda: self.servers.server(id_)['status'] == 'ACTIVE',
            'the server to be ACTIVE',
        )
        self.assertEqual('a1', self.servers.host(id_))

    def test_bus_is_one_for_all_configurations(self) -> None:
        heard = queue.SimpleQueue[str]()

        class Endpoint:
            def hello(self, context: Any, who: str) -> None:
                heard.put(who)

        server = oslo_messaging.get_rpc_server(
            rpc.TRANSPORT,
            oslo_messaging.Target(topic='greetings', server='here'),
            [Endpoint()],
        )
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        conf = cfg.ConfigOpts()
        conf([], default_config_files=[], default_config_dirs=[])
        self.useFixture(conffixture.ConfFixture(conf, 'fake:/'))
        client = oslo_messaging.get_rpc_client(
            oslo_messaging.get_rpc_transport(conf),
            oslo_messaging.Target(
                exchange='nova', topic='greetings', fanout=True
            ),
        )
        client.cast({}, 'hello', who='world')
        self.assertEqual('world', heard.get(timeout=10))

    def test_notifications(self) -> None:
        heard = queue.SimpleQueue[Any]()

        class Endpoint:
            def info(
                self, _context: Any, _publisher: str, event: str, *args: Any
            ) -> None:
                heard.put((event, args[0]['nova_object.data']['uuid']))

        listener = oslo_messaging.get_notification_listener(
            rpc.NOTIFICATION_TRANSPORT,
            [
                oslo_messaging.Target(
                    exchange='nova', topic='versioned_notifications'
                )
            ],
            [Endpoint()],
        )
        listener.start()
        self.addCleanup(listener.wait)
        self.addCleanup(listener.stop)
        id_ = self.boot()
        self.wait_for(
            lambda: heard.get(timeout=10) == ('instance.create.end', id_),
            'the notification of the boot',
        )
