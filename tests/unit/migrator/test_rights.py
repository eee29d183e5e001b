from oslotest import base

from steal_scheduler.exception import ConfigError, NovaError
from steal_scheduler.migrator import build, rights
from tests.standins import nova_api
from tests.unit.deployment import Deployment


class TestCheck(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())
        self.answers = self.deployment.nova.instead

    def check(self) -> None:
        rights.check(build.build(self.deployment.conf()).nova)

    def missing(self) -> str:
        return str(self.assertRaises(ConfigError, self.check))

    def test_all_is_well(self) -> None:
        """Nothing can have come of what was asked."""
        self.check()
        asked = self.deployment.nova.calls()
        changes = [a for a in asked if not a.startswith('GET')]
        self.assertEqual(3, len(changes), changes)
        add, remove, abort = changes
        self.assertRegex(add, '^PUT /servers/x/tags/steal-status-x{60}$')
        self.assertRegex(remove, '^DELETE /servers/x/tags/steal-status-x{60}$')
        self.assertEqual('DELETE /servers/x/migrations/0', abort)

    def test_a_server_that_nova_busies_itself_with(self) -> None:
        for path in ('PUT /servers/x/tags/*', 'DELETE /servers/x/*'):
            self.answers[path] = nova_api.fault(409)
        self.check()

    def test_each_right_is_named(self) -> None:
        for path, policy in (
            ('PUT /servers/x/tags/*', 'os-server-tags:update (add a tag)'),
            ('DELETE /servers/x/*', 'os-server-tags:delete (remove a tag)'),
            ('DELETE /servers/x/*', 'servers:migrations:delete (abort'),
        ):
            before = self.answers[path]
            self.answers[path] = nova_api.fault(403)
            error = self.missing()
            self.assertIn('lacks rights in Nova: os_compute_api:', error)
            self.assertIn(policy, error)
            self.assertIn('Give it a role that context_is_admin names', error)
            self.answers[path] = before

    def test_servers_of_others_are_hidden(self) -> None:
        """They are listed, and none of them can be seen."""
        self.answers['GET /servers/x'] = nova_api.fault(404)
        self.assertIn('context_is_admin (see and change', self.missing())

    def test_it_was_deleted_just_now(self) -> None:
        def gone(request: object) -> nova_api.Answer:
            self.deployment.servers.pop('x', None)
            return nova_api.fault(404)

        self.answers['GET /servers/x'] = gone
        self.check()

    def test_a_cloud_without_servers(self) -> None:
        self.deployment.servers.clear()
        self.check()

    def test_no_answer(self) -> None:
        self.answers['PUT /servers/x/tags/*'] = nova_api.fault(503)
        self.assertRaises(NovaError, self.check)
