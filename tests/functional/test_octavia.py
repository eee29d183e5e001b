"""A move beside load balancers: real Nova, a stand-in for Octavia.

That Nova has no network, so the address of its servers is made up here.
"""

from tests.functional import loop  # isort: skip (before Nova's)

import dataclasses
from typing import Any

import fixtures

from steal_scheduler.model.cloud import Server
from steal_scheduler.nova_client import parse
from tests.functional import daemon
from tests.functional.scene import Scene
from tests.standins import keystone
from tests.standins.octavia import Octavia
from tests.standins.transport import served

scene = Scene({'az1': ['a1', 'a2', 'a3']})
setUpModule, tearDownModule = scene.start, scene.stop

ADDRESS = '10.0.0.5'
_server = parse.server


def _with_address(*args: Any) -> Server:
    return dataclasses.replace(_server(*args), addresses=(ADDRESS,))


class TestOctavia(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.nova_client.parse.server', _with_address
            )
        )
        identity = keystone.Keystone()
        self.octavia = Octavia(identity)
        # steal-manage asks both in a process of its own.
        self.keystone = self.enterContext(served(identity)).url
        url = self.enterContext(served(self.octavia)).url
        identity.catalog['load-balancer'] = url
        self.mover = self.boot_contended()
        server = scene.call('GET', f'/servers/{self.mover}')['server']
        pool = self.octavia.add_pool(project_id=server['tenant_id'])
        self.member = self.octavia.add_member(
            pool, ADDRESS, weight=5, tags=['theirs']
        )
        self.other = self.octavia.add_member(pool, '203.0.113.250')

    def sections(self) -> dict[str, Any]:
        return {
            'migrator': {'orchestrators': 'lb'},
            'lb': {
                'driver': 'octavia',
                'all_servers': True,
                'auth_section': 'keystone',
                'settle': 0,
            },
            'keystone': keystone.login(self.keystone),
        }

    def assert_as_before(self) -> None:
        self.assertEqual(
            (5, ['theirs']), (self.member['weight'], self.member['tags'])
        )
        self.assertEqual([], scene.tags(self.mover))

    def test_its_weight_is_0_while_it_migrates(self) -> None:
        migrator = self.loop(**self.sections())
        weights = []

        def ended() -> bool:
            self.octavia.take_up()
            if scene.migrations(self.mover) and not migrator.outcomes():
                weights.append(self.member['weight'])
            return bool(migrator.outcomes())

        migrator.until(ended, 'the move to end')
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(0, weights[0])
        self.assert_as_before()

    def test_another_process_puts_it_back(self) -> None:
        """Even if nothing but Octavia tells of it."""
        first = self.loop(**self.sections())
        first.until(lambda: self.member['weight'] == 0, 'the drain')
        first.parts.close()
        for tag in scene.tags(self.mover):
            scene.call('DELETE', f'/servers/{self.mover}/tags/{tag}')
        self.octavia.take_up()
        second = self.loop(**self.sections())
        second.until(lambda: self.member['weight'] == 5, 'the way back')
        self.assertEqual(['theirs'], self.member['tags'])

    def test_it_is_the_last(self) -> None:
        self.other['weight'] = 0
        migrator = self.loop(**self.sections())
        (ended,) = migrator.until_ended(self.mover)
        self.assertIn('takes connections there', ended.move.failure)
        self.assertEqual('a1', scene.host(self.mover))
        self.assertEqual([], self.octavia.changes())
        self.assert_as_before()

    def test_what_an_operator_asks_at_night(self) -> None:
        """The commands of octavia.rst, where Nova itself has no tag."""
        tag = f'steal-scheduler:{self.mover}:weight=5:5'
        self.member.update(weight=0, tags=['theirs', tag])
        config = ('--config-file', self.config_file(**self.sections()))
        shown = daemon.run('steal-manage', *config, 'recover').stdout
        self.assertIn(self.mover, shown)
        checked = daemon.run('steal-status', *config, 'upgrade', 'check')
        self.assertRegex(
            checked.stdout, r'Orchestrators[^|]*\|\n\| Result: Succ'
        )
        daemon.run('steal-manage', *config, 'recover', '--clear')
        self.assert_as_before()
