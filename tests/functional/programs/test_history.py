"""The history, as Nova alone tells it: whatever has moved, and when."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import json

from steal_scheduler.reporting import history
from tests.functional import daemon

scene = one.scene
setUpModule = one.set_up()


class TestHistory(loop.LoopTestCase):
    scene = scene

    def told(self, *argv: str) -> dict:
        done = daemon.run(
            'steal-manage',
            '--config-file',
            self.config_file(),
            'history',
            '-f',
            'json',
            *argv,
        )
        # Of the static source nobody keeps what migrators tell.
        self.assertEqual(2, done.returncode, done.stderr)
        document: dict = json.loads(done.stdout)
        return document

    def test_a_move(self) -> None:
        mover = self.boot_contended()
        migrator = self.loop()
        (ended,) = migrator.until_ended(mover)
        (row,) = self.told('--server', mover)['history']
        self.assertEqual(
            ('nova', None, 'a1', scene.host(mover), 'az1'),
            tuple(
                row[key]
                for key in (
                    *('source_of_truth', 'outcome', 'source', 'target'),
                    'zone',
                )
            ),
        )
        named = self.told('--server', row['server_name'])['history']
        self.assertEqual([row], named)
        self.assertEqual([], self.told('--zone', 'az2')['history'])
        # The migrator itself knows more of the same move.
        fleet = migrator.parts.nova_cache.refresh(ended.at, {})
        (known,) = history.remembered(
            migrator.journal.past.read(), fleet, history.Wanted(0.0)
        )
        self.assertEqual('helped', known.outcome)
        self.assertEqual({'memory', 'nova'}, known.told_by)
        self.assertIsNotNone(row['requested_at'])
