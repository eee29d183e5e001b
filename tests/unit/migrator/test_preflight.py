from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.exception import ConfigError, NovaError
from steal_scheduler.migrator import (
    build,
    lock_store,
    preflight,
    store_errors,
)
from tests.standins import nova_api
from tests.unit.deployment import Deployment


class TestCheck(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())
        self.answers = self.deployment.nova.instead

    def built(self) -> build.Components:
        return build.build(self.deployment.conf())

    def check(self) -> None:
        preflight.check(self.built())

    def missing(self) -> str:
        return str(self.assertRaises(ConfigError, self.check))

    def test_all_is_well(self) -> None:
        self.check()

    def test_an_old_nova(self) -> None:
        old = {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.79'}
        self.answers['GET /'] = (200, {'version': old})
        for word in ('2.79', '2.80 is needed', 'upgrade Nova'):
            self.assertIn(word, self.missing())

    def test_each_right_is_named(self) -> None:
        for asked, policy in (
            ('/servers/detail', 'servers:detail:get_all_tenants'),
            ('/os-services', 'os-services:list'),
            ('/os-aggregates', 'os-aggregates:index'),
            ('/os-migrations', 'os-migrations:index'),
            (
                '/servers/x/os-instance-actions',
                'os-instance-actions:list',
            ),
        ):
            before = self.answers[f'GET {asked}']
            self.answers[f'GET {asked}'] = nova_api.fault(403)
            error = self.missing()
            self.assertIn(f'os_compute_api:{policy}', error)
            self.assertIn('context_is_admin', error)
            self.answers[f'GET {asked}'] = before

    def test_hosts_of_servers_are_hidden(self) -> None:
        for server in self.deployment.servers.values():
            del server['OS-EXT-SRV-ATTR:host']
        self.assertIn('os-extended-server-attributes', self.missing())

    def test_hosts_of_migrations_are_hidden(self) -> None:
        """As Nova hides them: by null."""
        record = nova_api.migration(source_compute=None, dest_compute=None)
        for found in ([record], [nova_api.migration(), record]):
            answer = (200, {'migrations': found})
            self.answers['GET /os-migrations'] = answer
            self.assertIn('os-migrations:index:host', self.missing())
        bad = record | {'created_at': 'yesterday'}
        self.answers['GET /os-migrations'] = (200, {'migrations': [bad]})
        self.check()

    def test_no_answer(self) -> None:
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        self.answers['GET /os-migrations'] = nova_api.fault(503)
        self.check()
        self.assertIn('not checked', log.output)
        nova = self.built().nova
        self.assertRaises(NovaError, preflight.check_nova, nova)

    def test_a_lock_store_that_is_silent(self) -> None:
        """It may answer later, and the migrator stands by until then."""
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

        def connect(url: str, seconds: float) -> None:
            raise store_errors.StoreError('no connection')

        with mock.patch.object(lock_store, 'connect', connect):
            self.check()
            self.assertIn('does not answer: no connection', log.output)
