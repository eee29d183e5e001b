"""The demo's cloud as its users reach it: rights, clients, and faults."""

import json
import os
import pathlib
import subprocess
import sys
from concurrent import futures
from typing import Any

from tests.functional.base import CloudTestCase  # isort: skip (before Nova's)

import requests
from keystoneauth1 import exceptions, loading
from oslo_config import cfg

from steal_scheduler.demo import users
from steal_scheduler.demo.api import Api, ApiError
from steal_scheduler.demo.http import Fault
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.demo.settings import Settings

OPENSTACK = pathlib.Path(sys.executable).with_name('openstack')


class ApiTest(CloudTestCase):
    settings = Settings(
        policy='os_compute_api:os-hypervisors:list-detail: "@"\n'
    )

    def _names(self, user: users.User) -> set[str]:
        answer = self.cloud.servers_of(user).api.call('GET', '/servers')
        return {server['name'] for server in answer['servers']}

    def _refused(self, api: Api, method: str, path: str, body: Any) -> int:
        return self.assertRaises(ApiError, api.call, method, path, body).status

    def test_wrong_password(self) -> None:
        mallory = users.User('alice', 'guessed', 'books', ())
        api = Api(self.cloud.url, mallory)
        self.assertEqual(401, self._refused(api, 'GET', '/servers', None))

    def test_other_peoples_project(self) -> None:
        alice = users.ALICE
        mallory = users.User(alice.name, alice.password, 'admin', ())
        api = Api(self.cloud.url, mallory)
        self.assertEqual(401, self._refused(api, 'GET', '/servers', None))

    def test_no_token(self) -> None:
        for path in ('compute/v2.1/servers', 'placement/resource_providers'):
            answer = requests.get(f'{self.cloud.url}/{path}', timeout=10)
            self.assertEqual(401, answer.status_code)

    def test_tenants_see_and_move_only_what_they_may(self) -> None:
        self.boot(name='ours')
        alice = self.cloud.servers_of(users.ALICE)
        (hers,) = alice.boot_many([NewServer('hers', self.small)])
        self.assertEqual({'hers'}, self._names(users.ALICE))
        self.assertIn('ours', self._names(users.ADMIN))
        body = {'os-migrateLive': {'host': None, 'block_migration': 'auto'}}
        path = f'/servers/{hers}/action'
        self.assertEqual(403, self._refused(alice.api, 'POST', path, body))

    def test_policy(self) -> None:
        api = self.cloud.servers_of(users.ALICE).api
        answer = api.call('GET', '/os-hypervisors/detail')
        self.assertEqual(2, len(answer['hypervisors']))

    def _session(self, user: users.User) -> Any:
        path = self.cloud.workdir / 'client.conf'
        path.write_text(self.cloud.nova_auth_conf(user))
        conf = cfg.ConfigOpts()
        loading.register_auth_conf_options(conf, 'nova')
        loading.register_session_conf_options(conf, 'nova')
        conf([], default_config_files=[str(path)], default_config_dirs=[])
        auth = loading.load_auth_from_conf_options(conf, 'nova')
        return loading.load_session_from_conf_options(conf, 'nova', auth=auth)

    def test_client_logs_in_as_configured(self) -> None:
        id_ = self.boot()
        where = {'service_type': 'compute', 'region_name': 'demo'}
        answer = self._session(users.ADMIN).get(
            f'/servers/{id_}', endpoint_filter=where
        )
        self.assertEqual(id_, answer.json()['server']['id'])

    def test_client_with_a_wrong_password(self) -> None:
        mallory = users.User('admin', 'guessed', 'admin', ())
        session = self._session(mallory)
        self.assertRaises(exceptions.Unauthorized, session.get_token)

    def _run(
        self, cloud: str, *command: str
    ) -> subprocess.CompletedProcess[str]:
        env = os.environ | {
            'OS_CLIENT_CONFIG_FILE': str(self.cloud.clouds_yaml),
            'OS_CLOUD': cloud,
        }
        return subprocess.run(
            [OPENSTACK, *command],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def _openstack(self, cloud: str, *command: str) -> Any:
        done = self._run(cloud, *command, '-f', 'json')
        self.assertEqual('', done.stderr)
        return json.loads(done.stdout)

    def test_command_line(self) -> None:
        id_ = self.boot(name='shown', host='a1', metadata={'role': 'web'})
        self.servers.migrate(id_)
        self.servers.wait_migrated(id_)
        listed = self._openstack('admin', 'server', 'list', '--long')
        (shown,) = [each for each in listed if each['ID'] == id_]
        self.assertEqual(('shown', 'a2'), (shown['Name'], shown['Host']))
        shown = self._openstack('admin', 'server', 'show', 'shown')
        self.assertEqual(id_, shown['id'])
        moved = self._openstack('admin', 'server', 'migration', 'list')
        self.assertEqual('completed', moved[0]['Status'])
        self.assertNotIn(id_, str(self._openstack('alice', 'server', 'list')))

    def test_command_line_boots(self) -> None:
        """By names, and without a network, as one types it first."""
        self._openstack(
            'bob',
            *('server', 'create', '--image', 'demo', '--flavor', 'small'),
            *('--wait', 'typed'),
        )
        listed = self._openstack('admin', 'server', 'list', '--all-projects')
        project = {
            each['Project ID'] for each in listed if each['Name'] == 'typed'
        }
        self.assertEqual({users.BOB.project_id}, project)
        shown = self._openstack(
            'admin', '--os-project-name', 'shoes', 'server', 'show', 'typed'
        )
        self.assertEqual('ACTIVE', shown['status'])

    def test_command_line_lists(self) -> None:
        for kind, key, expected in (
            ('role', 'Name', {'admin', 'member', 'reader'}),
            ('service', 'Type', {'compute', 'identity', 'placement'}),
            ('endpoint', 'Interface', {'public', 'internal', 'admin'}),
            ('project', 'Name', {'admin', 'books', 'shoes', 'music'}),
            ('user', 'Name', {'admin', 'alice', 'bob'}),
            ('domain', 'Name', {'Default'}),
            ('region', 'Region', {'demo'}),
            ('image', 'Name', {'demo'}),
            ('flavor', 'Name', {'small'}),
            ('hypervisor', 'Hypervisor Hostname', {'a1', 'a2'}),
            ('compute service', 'Binary', {'nova-compute'}),
            ('availability zone', 'Zone Name', {'az1'}),
            ('aggregate', 'Name', {'az1'}),
        ):
            listed = self._openstack('admin', *kind.split(), 'list')
            found = {each[key] for each in listed}
            self.assertEqual(set(), expected - found, kind)
        self.assertEqual([], self._openstack('admin', 'network', 'list'))
        for option in ((), ('--usage',), ('--default',)):
            quotas = self._openstack('admin', 'quota', 'show', *option)
            limits = {each['Resource']: each['Limit'] for each in quotas}
            self.assertEqual(-1, limits['networks'])

    def test_image_by_name(self) -> None:
        """Clients list only after a 404."""
        images = f'{self.cloud.url}/image/v2/images'
        for name in ('demo', 'other'):
            answer = requests.get(f'{images}/{name}', timeout=10)
            self.assertEqual(404, answer.status_code)
            listed = requests.get(f'{images}?name={name}', timeout=10).json()
            self.assertEqual(name == 'demo', bool(listed['images']))
        id_ = self._openstack('admin', 'image', 'show', 'demo')['id']
        answer = requests.get(f'{images}/{id_}', timeout=10)
        self.assertEqual('demo', answer.json()['name'])

    def test_what_stand_ins_cannot_do(self) -> None:
        for command, said in (
            (('project', 'create', 'x'), 'Keystone of the demo takes no POST'),
            (('network', 'create', 'x'), 'Neutron of the demo takes no POST'),
            (('image', 'create', 'x'), 'Glance of the demo takes no POST'),
            (('image', 'show', 'x'), 'No Image found for x'),
        ):
            self.assertIn(said, self._run('admin', *command).stderr)

    def test_faults(self) -> None:
        self.addCleanup(self.cloud.http.lift)
        api = self.servers.api
        self.cloud.http.faults['compute'] = Fault.ERROR
        self.assertEqual(500, self._refused(api, 'GET', '/servers', None))
        self.cloud.http.faults['compute'] = Fault.UNREACHABLE
        self.assertRaises(
            requests.ConnectionError, api.call, 'GET', '/servers'
        )
        self.cloud.http.lift()
        api.call('GET', '/servers')

    def test_answer_that_never_comes(self) -> None:
        self.addCleanup(self.cloud.http.lift)
        self.cloud.http.faults['compute'] = Fault.HANG
        with futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self.servers.api.call, 'GET', '/servers')
            self.assertRaises(TimeoutError, asked.result, timeout=0.5)
            self.cloud.http.lift()
            self.assertRaises(ApiError, asked.result, timeout=10)
