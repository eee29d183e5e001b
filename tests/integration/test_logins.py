"""steal-api and a real Keystone: whose tokens may do what.

The user that checks tokens has the rights of doc/source/install/api.rst, and
no others.
"""

# NOTE: before oslo.messaging, which would import eventlet.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import os
import pathlib
import subprocess
import sys
import tempfile

import requests
from falcon import testing
from keystoneauth1 import session
from keystoneauth1.identity import v3

from steal_scheduler.api import app
from steal_scheduler.conf import api as options
from tests.integration import daemons

ROOT = pathlib.Path(__file__).parents[2]
PASSWORD = 'secret'
_KEYSTONE = """
[database]
connection = sqlite:///{workdir}/keystone.db
[fernet_tokens]
key_repository = {workdir}/fernet
[credential]
key_repository = {workdir}/credential
[identity]
password_hash_rounds = 4
"""
_API = """
[DEFAULT]
transport_url = fake:/
[keystone_authtoken]
www_authenticate_uri = {url}
auth_url = {url}
auth_type = password
username = steal-api
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
"""


#: What the script keystone-manage does.
_MANAGE = 'from keystone.cmd import manage; manage.main()'


class Leader:
    """Answers nothing, and remembers who asked."""

    def __init__(self):
        self.who = []

    def call(self, who, method, args):
        self.who.append(who)
        return {}


class Keystone(daemons.Parts):
    """A real one, with an admin; its database is a file."""

    def __init__(self, workdir):
        self.workdir = workdir
        port = daemons.free_port()
        self.url = f'http://127.0.0.1:{port}/v3'
        self._environ = {
            'OS_KEYSTONE_CONFIG_DIR': str(workdir),
            'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}',
        }
        self.daemon = daemons.Daemon(
            'keystone',
            [
                *(sys.executable, '-W', 'ignore', '-m'),
                'tests.integration.cloud.serve',
                *('keystone.wsgi.api', str(port)),
            ],
            workdir,
            lambda: requests.get(self.url, timeout=20).ok,
            self._environ,
        )

    def begin(self, stack):
        path = self.workdir / 'keystone.conf'
        path.write_text(_KEYSTONE.format(workdir=self.workdir))
        root = ('--keystone-user=root', '--keystone-group=root')
        for name in 'fernet', 'credential':
            (self.workdir / name).mkdir(mode=0o700)
            self._manage(f'{name}_setup', *root)
        self._manage('db_sync')
        self._manage(
            *('bootstrap', f'--bootstrap-password={PASSWORD}'),
            f'--bootstrap-public-url={self.url}',
            f'--bootstrap-internal-url={self.url}',
        )
        stack.callback(self.daemon.stop)
        self.daemon.start()

    def log_in(self, user, **scope):
        if 'project_name' in scope:
            scope['project_domain_id'] = 'default'
        return session.Session(
            v3.Password(
                self.url,
                username=user,
                password=PASSWORD,
                user_domain_id='default',
                **scope,
            )
        )

    def _manage(self, *words):
        subprocess.run(
            [
                *(sys.executable, '-W', 'ignore', '-c', _MANAGE),
                *(f'--config-file={self.workdir}/keystone.conf', *words),
            ],
            check=True,
            timeout=daemons.PATIENCE,
            env={**os.environ, **self._environ},
        )


class TestLogins(daemons.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        workdir = pathlib.Path(
            cls.enterClassContext(tempfile.TemporaryDirectory())
        )
        cls.keystone = Keystone(workdir)
        cls.enterClassContext(cls.keystone)
        cls.url = cls.keystone.url
        cls.admin = cls.keystone.log_in('admin', project_name='admin')
        found = cls.admin.get(f'{cls.url}/roles').json()['roles']
        cls.roles = {role['name']: role['id'] for role in found}
        cls.projects = {
            name: cls.make('project', name=name)
            for name in ('service', 'shop')
        }
        cls.make_user('steal-api', 'service', '/projects/service')
        cls.make_user('alice', 'member', '/projects/shop')
        cls.make_user('rita', 'reader', '/system')

    @classmethod
    def make(cls, kind, **fields):
        """One of Keystone's objects; its id."""
        body = {kind: {'domain_id': 'default', **fields}}
        found = cls.admin.post(f'{cls.url}/{kind}s', json=body)
        return found.json()[kind]['id']

    @classmethod
    def make_user(cls, name, role, where):
        id_ = cls.make('user', name=name, password=PASSWORD)
        for project, project_id in cls.projects.items():
            where = where.replace(f'/{project}', f'/{project_id}')
        url = f'{cls.url}{where}/users/{id_}/roles/{cls.roles[role]}'
        cls.admin.put(url)

    def setUp(self):
        super().setUp()
        self.keep(self.keystone.daemon.log)
        path = self.directory() / 'steal-api.conf'
        path.write_text(_API.format(url=self.url))
        conf = options.load([f'--config-file={path}'], 'steal-api')
        self.leader = Leader()
        self.client = testing.TestClient(app.build(conf, self.leader))
        self.log_in = self.keystone.log_in

    def test_who_may_what(self):
        project = {'project_name': 'shop'}
        admin = self.admin
        alice = self.log_in('alice', **project)
        rita = self.log_in('rita', system_scope='all')
        for who, path, status in (
            (admin, '/v1/summary', 200),
            (rita, '/v1/summary', 200),
            (alice, '/v1/summary', 403),
            (admin, '/v1/servers', 200),
            (rita, '/v1/servers', 200),
            (alice, '/v1/servers', 200),
        ):
            found = self.ask(who, 'GET', path)
            self.assertEqual(status, found.status_code, found.text)
        scopes = [who['scope'] for who in self.leader.who]
        shop = {'project_id': alice.get_project_id()}
        self.assertEqual([None, None, None, None, shop], scopes)
        self.assertEqual('alice', self.leader.who[-1]['user_name'])
        pause = {'scope': 'cloud', 'reason': 'a new kernel'}
        for who, status in ((admin, 200), (rita, 403), (alice, 403)):
            found = self.ask(who, 'PUT', '/v1/pauses', json=pause)
            self.assertEqual(status, found.status_code, found.text)

    def test_a_token_that_counts_no_more(self):
        alice = self.log_in('alice', project_name='shop')
        token = alice.get_token()
        self.admin.delete(
            f'{self.url}/auth/tokens', headers={'X-Subject-Token': token}
        )
        for headers in ({'X-Auth-Token': token}, {'X-Auth-Token': 'x'}, {}):
            found = self.client.simulate_get('/v1/servers', headers=headers)
            self.assertEqual(401, found.status_code)
            self.assertEqual(401, found.json['error']['code'])
            self.assertIn(self.url, found.headers['www-authenticate'])

    def test_a_keystone_that_is_gone(self):
        """It is said as it is: nobody is told to log in again."""
        token = self.log_in('alice', project_name='shop').get_token()
        self.keystone.daemon.stop()
        self.addCleanup(self.keystone.daemon.start)
        found = self.client.simulate_get(
            '/v1/servers', headers={'X-Auth-Token': token}
        )
        self.assertEqual(503, found.status_code, found.text)
        self.assertIn('Keystone', found.json['error']['message'])
        self.assertEqual(200, self.client.simulate_get('/v1').status_code)

    # -- parts -------------------------------------------------------------

    def ask(self, who, method, path, **more):
        headers = {'X-Auth-Token': who.get_token()}
        return self.client.simulate_request(
            method, path, headers=headers, **more
        )
