"""The demo's cloud as its users reach it: rights, clients, boots, the bus."""

from tests.functional import one  # isort: skip (before Nova's)

import json
import os
import queue
import shlex
import subprocess
import sys
from typing import Any

import oslo_messaging
import requests
from nova import context, objects, rpc
from oslo_config import cfg
from oslo_messaging import conffixture
from oslotest import base

from steal_scheduler.demo import users
from steal_scheduler.demo.api import Api, ApiError
from steal_scheduler.demo.servers import NewServer
from tests.functional.one import scene
from tests.shared import PATIENCE

setUpModule = one.set_up()

#: One process for many commands: it takes a second to import all this.
CLIENT = """
import contextlib, io, json, sys
from openstackclient import shell
for args in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        shell.main(args)
    print(json.dumps([out.getvalue(), err.getvalue()]))
"""


class CloudTestCase(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(scene.clear)
        self.servers = scene.cloud.servers

    def boot(self, **fields: Any) -> str:
        new = NewServer(**{'name': 'x', 'flavor': scene.flavor()} | fields)
        (id_,) = self.servers.boot_many([new])
        return id_


class TestRights(CloudTestCase):
    def refused(self, api: Api, method: str, path: str, body: Any) -> int:
        return self.assertRaises(ApiError, api.call, method, path, body).status

    def test_who_may_what(self) -> None:
        self.boot(name='ours')
        alice = scene.cloud.servers_of(users.ALICE)
        (hers,) = alice.boot_many([NewServer('hers', scene.flavor())])
        listed = alice.api.call('GET', '/servers')['servers']
        self.assertEqual(['hers'], [server['name'] for server in listed])
        body = {'os-migrateLive': {'host': None, 'block_migration': 'auto'}}
        path = f'/servers/{hers}/action'
        self.assertEqual(403, self.refused(alice.api, 'POST', path, body))

    def test_who_may_not_enter(self) -> None:
        alice = users.ALICE
        for mallory in (
            users.User('alice', 'guessed', 'books', ()),
            # Another one's project.
            users.User(alice.name, alice.password, 'admin', ()),
        ):
            api = Api(scene.cloud.url, mallory)
            self.assertEqual(401, self.refused(api, 'GET', '/servers', None))
        for path in ('compute/v2.1/servers', 'placement/resource_providers'):
            answer = requests.get(
                f'{scene.cloud.url}/{path}', timeout=PATIENCE
            )
            self.assertEqual(401, answer.status_code)


class TestCommandLine(CloudTestCase):
    def run_all(
        self, *commands: str, user: str = 'admin'
    ) -> list[tuple[str, str]]:
        """What each prints, and what it complains of."""
        env = os.environ | {
            'OS_CLIENT_CONFIG_FILE': str(scene.cloud.clouds_yaml),
            'OS_CLOUD': user,
        }
        done = subprocess.run(
            [sys.executable, '-c', CLIENT],
            env=env,
            input=json.dumps([shlex.split(c) for c in commands]),
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]

    def openstack(self, *commands: str, user: str = 'admin') -> list[Any]:
        """The JSON that each prints."""
        found = self.run_all(*(f'{c} -f json' for c in commands), user=user)
        self.assertEqual([''] * len(found), [err for _, err in found])
        return [json.loads(out) for out, _ in found]

    def test_servers(self) -> None:
        """By names, and without a network, as one types it first."""
        id_ = self.boot(name='shown', host='a1', metadata={'role': 'web'})
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_)
        self.openstack(
            'server create --image demo '
            f'--flavor {scene.flavor()} --wait typed',
            user='bob',
        )
        listed, shown, migrations, everybodys = self.openstack(
            'server list --long',
            'server show shown',
            'server migration list',
            'server list --all-projects',
        )
        (found,) = [each for each in listed if each['ID'] == id_]
        self.assertEqual(
            ('shown', self.servers.host(id_)), (found['Name'], found['Host'])
        )
        self.assertEqual(id_, shown['id'])
        self.assertEqual('completed', migrations[0]['Status'])
        self.assertEqual(
            {'typed': 'ACTIVE', 'shown': 'ACTIVE'},
            {each['Name']: each['Status'] for each in everybodys},
        )

    def test_lists(self) -> None:
        scene.flavor()
        kinds = (
            ('role', 'Name', {'admin', 'member', 'reader'}),
            ('service', 'Type', {'compute', 'identity', 'placement'}),
            ('endpoint', 'Interface', {'public', 'internal', 'admin'}),
            ('project', 'Name', {'admin', 'books', 'shoes', 'music'}),
            ('user', 'Name', {'admin', 'alice', 'bob'}),
            ('domain', 'Name', {'Default'}),
            ('region', 'Region', {'demo'}),
            ('image', 'Name', {'demo'}),
            ('flavor', 'ID', {scene.flavor()}),
            ('hypervisor', 'Hypervisor Hostname', {'a1', 'a2'}),
            ('compute service', 'Binary', {'nova-compute'}),
            ('availability zone', 'Zone Name', {'az1', 'az2'}),
            ('aggregate', 'Name', {'az1', 'az2'}),
        )
        *lists, networks, quotas = self.openstack(
            *(f'{kind} list' for kind, _, _ in kinds),
            'network list',
            'quota show',
        )
        for (kind, key, expected), listed in zip(kinds, lists, strict=True):
            found = {each[key] for each in listed}
            self.assertEqual(set(), expected - found, kind)
        self.assertEqual([], networks)
        limits = {each['Resource']: each['Limit'] for each in quotas}
        self.assertEqual(-1, limits['networks'])

    def test_what_stand_ins_cannot_do(self) -> None:
        expected = {
            'project create x': 'Keystone of the demo takes no POST',
            'network create x': 'Neutron of the demo takes no POST',
            'image create x': 'Glance of the demo takes no POST',
            'image show x': 'No Image found for x',
        }
        found = self.run_all(*expected)
        for said, (_, error) in zip(expected.values(), found, strict=True):
            self.assertIn(said, error)


class TestCloud(CloudTestCase):
    def test_services_are_up_and_hosts_in_their_zones(self) -> None:
        services = scene.call('GET', '/os-services')['services']
        # One host is for others to kill.
        alive = [each for each in services if each['host'] != 'c1']
        self.assertEqual({'up'}, {each['state'] for each in alive})
        self.assertEqual(
            {(h, z) for z, hosts in one.ZONES.items() for h in hosts},
            {
                (each['host'], each['zone'])
                for each in services
                if each['binary'] == 'nova-compute'
            },
        )

    def test_boots(self) -> None:
        """On a host no zone is requested; in a zone one is, with a hint."""
        other = self.boot(host='b1')
        self.assertEqual('b1', self.servers.host(other))
        self.assertIsNone(self.spec(other).availability_zone)
        id_ = self.boot(zone='az1', hints={'different_host': [other]})
        self.assertEqual('az1', self.spec(id_).availability_zone)
        hint = self.spec(id_).get_scheduler_hint('different_host')
        self.assertEqual(other, hint)
        huge = self.servers.flavor('huge', ram_mb=10**9)
        error = self.assertRaises(RuntimeError, self.boot, flavor=huge)
        self.assertIn('No valid host', str(error))

    @staticmethod
    def spec(id_: str) -> Any:
        return objects.RequestSpec.get_by_instance_uuid(
            context.get_admin_context(), id_
        )

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
        self.assertEqual('world', heard.get(timeout=PATIENCE))
