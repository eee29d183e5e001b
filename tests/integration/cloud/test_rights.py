"""The user of ``doc/source/install/rights.rst``, on a real Keystone and Nova.

The lab has made it by the commands and with the files of that page, and its
migrators run as this user. It has servers of another project to look after.
"""

import subprocess
import sys

import keystoneauth1.exceptions

from steal_scheduler.demo.deadline import wait_for
from tests.integration import daemons
from tests.integration.cloud import config, lab, plane, terminal

setUpModule = lab.set_up()

_ROLE = 'steal-migrator'
_USER = 'steal-scheduler'


class TestRights(daemons.TestCase):
    def setUp(self):
        super().setUp()
        self.lab, self.plane = lab.lab, lab.lab.plane
        self.addCleanup(self.lab.clear)
        for name in (*lab.MIGRATORS, 'nova-api'):
            self.keep(self.lab.services[name].log)
        self.user = self.plane.log_in(_USER, terminal.PASSWORD, 'service')

    def test_it_has_the_role_of_the_page_and_no_other(self):
        id_ = self.user.get_user_id()
        found = self._identity('GET', f'/role_assignments?user.id={id_}')
        names = self._identity('GET', '/roles')['roles']
        role_ids = [each['role']['id'] for each in found['role_assignments']]
        self.assertEqual(
            [_ROLE], [r['name'] for r in names if r['id'] in role_ids]
        )

    def test_it_can_do_nothing_in_keystone(self):
        project = {'project': {'name': 'mine', 'domain_id': 'default'}}
        for method, path, body in (
            ('GET', '/users', None),
            ('GET', '/projects', None),
            ('GET', '/role_assignments', None),
            ('POST', '/projects', project),
        ):
            self.assertRaises(
                keystoneauth1.exceptions.Forbidden,
                *(self._identity, method, path, body, self.user),
            )

    def test_without_the_role_nova_shows_it_no_server_of_others(self):
        (id_,) = self.lab.boot('a1')
        project_id = self.user.get_project_id()
        roles = self._identity('GET', '/roles?name=reader')['roles']
        user = {
            'name': 'reader',
            'password': config.PASSWORD,
            'domain_id': 'default',
        }
        made = self._identity('POST', '/users', {'user': user})['user']
        self._identity(
            'PUT',
            f'/projects/{project_id}/users/{made["id"]}'
            f'/roles/{roles[0]["id"]}',
        )
        reader = self.plane.log_in('reader', config.PASSWORD, 'service')
        self.assertEqual(404, self._status('GET', f'/servers/{id_}', reader))
        self.assertIsNone(self._status('GET', f'/servers/{id_}', self.user))

    def test_the_check_is_content(self):
        workdir = self.plane.workdir
        done = subprocess.run(
            [
                *(sys.executable, '-W', 'ignore'),
                *('-m', 'steal_scheduler.cmd.status'),
                *('--config-file', workdir / 'steal-migrator.conf'),
                *('--config-file', workdir / f'{lab.MIGRATORS[0]}.conf'),
                *('upgrade', 'check'),
            ],
            env={'PYTHONPATH': str(config.ROOT)},
            capture_output=True,
            text=True,
            timeout=lab.PATIENCE,
        )
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_it_cures_a_server_of_another_project(self):
        ids = self.lab.boot('a1', 'a1')
        self.lab.suffer(ids)
        wait_for(
            lambda: (
                len({self.lab.host(id_) for id_ in ids}) == 2
                and not self.lab.left(ids)
            ),
            lab.PATIENCE,
            'one server to have left',
        )
        ((status, user_id, project_id),) = self.plane.query(
            'nova_cell1',
            'SELECT status, user_id, project_id FROM migrations '
            'WHERE instance_uuid IN %s',
            ids,
        )
        self.assertEqual('completed', status)
        self.assertEqual(self.user.get_user_id(), user_id)
        self.assertEqual(self.user.get_project_id(), project_id)
        owner = self.plane.tenant.get_project_id()
        self.assertNotEqual(owner, project_id)

    def test_it_aborts_a_migration(self):
        (id_,) = self.lab.boot('a1')
        self._call(
            'POST',
            f'/servers/{id_}/metadata',
            {'metadata': {'demo:seconds': 'never'}},
        )
        body = {'os-migrateLive': {'host': None, 'block_migration': 'auto'}}
        self._call('POST', f'/servers/{id_}/action', body)
        path = f'/servers/{id_}/migrations'

        def running():
            found = self._call('GET', path)['migrations']
            return [m['id'] for m in found if m['status'] == 'running']

        (migration,) = wait_for(running, lab.PATIENCE, 'it to run')
        self._call('DELETE', f'{path}/{migration}')
        wait_for(
            lambda: self.lab.migrations(id_) != ['running'],
            lab.PATIENCE,
            'it to be aborted',
        )
        self.assertEqual('a1', self.lab.host(id_))

    def _call(self, method, path, body=None):
        """Nova, as the migrator's user."""
        return self.plane.call(method, path, body, who=self.user)

    def _status(self, method, path, who):
        """The error that Nova answers with, if it does."""
        try:
            self.plane.call(method, path, who=who)
        except plane.ApiError as error:
            return error.status
        return None

    def _identity(self, method, path, body=None, who=None):
        return self.plane.identity(method, path, body, who)
