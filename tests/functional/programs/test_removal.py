"""The page on removal, followed to the letter as far as a Nova goes."""

from tests.functional import one  # isort: skip (before Nova's)

import json
import pathlib
import re

from tests.functional.programs.test_pause import PauseTestCase

PAGE = pathlib.Path(__file__).parents[3] / 'doc/source/admin/removal.rst'

scene = one.scene
setUpModule = one.set_up()


class TestRemoval(PauseTestCase):
    def commands(self, program: str) -> list[list[str]]:
        """Those of the page, in its order."""
        found = re.findall(rf'^ +{program} (.*)$', PAGE.read_text(), re.M)
        return [line.partition(' | ')[0].split() for line in found]

    def test_without_a_trace(self) -> None:
        mover = self.boot_contended(metadata={'demo:seconds': 'never'})
        migrator = self.begin(mover)
        pause, plan, recover, clear = self.commands('steal-manage')
        self.assert_manage(*pause)
        (in_flight,) = self.in_flight(plan)
        self.assertEqual(mover, in_flight['server_id'])
        scene.finish_migration(mover)
        migrator.until_ended(mover)
        self.assertEqual([], self.in_flight(plan))
        # As systemctl does it.
        migrator.parts.leader.release()
        self.assertIn('Nothing is left behind.', self.assert_manage(*recover))
        self.assertIn('Nothing is left behind.', self.assert_manage(*clear))
        self.assert_back(mover)
        scene.set_zone_metadata('az1', {'steal:migrate': 'allow'})
        self.addCleanup(
            scene.set_zone_metadata, 'az1', {'steal:migrate': None}
        )
        delete, show, unset, *_ = self.commands('openstack')
        for words in (delete, show, [*unset[:-1], 'az1']):
            self.openstack(*words)
        aggregates = scene.call('GET', '/os-aggregates')['aggregates']
        self.assertNotIn('steal', json.dumps(aggregates))

    def in_flight(self, plan: list[str]) -> list[dict[str, str]]:
        # Its status is 2, for nothing can start.
        done = self.manage(*plan)
        self.assertEqual(2, done.returncode, done.stderr)
        found: list[dict[str, str]] = json.loads(done.stdout)[
            'moves_in_flight'
        ]
        return found
