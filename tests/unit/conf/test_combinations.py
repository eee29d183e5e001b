from oslotest import base

from steal_scheduler.conf import combinations
from steal_scheduler.migrator import build
from tests.unit.deployment import Deployment


class TestCombinations(base.BaseTestCase):
    def unlikely(self, more: str = '') -> list[str]:
        conf = self.useFixture(Deployment(more)).conf()
        build.build(conf)
        return [*combinations.unlikely(conf)]

    def test_the_defaults(self) -> None:
        self.assertEqual([], self.unlikely())
        self.assertEqual([], self.unlikely('[signals]\nsource = prometheus'))

    def test_each(self) -> None:
        for more, words in (
            (
                '[hosts]\nhost_steal_threshold = 10',
                '[hosts] host_steal_threshold = 10 percent is not below '
                '[detection] steal_threshold = 5 percent',
            ),
            (
                '[detection]\nsteal_threshold = 2',
                '[hosts] host_steal_threshold = 3 percent is not below '
                '[detection] steal_threshold = 2 percent',
            ),
            (
                '[signals]\nmax_age = 119',
                '[signals] max_age = 119 seconds is less than two times '
                '[migrator] poll_interval = 60 seconds',
            ),
            (
                '[signals]\nsource = prometheus\n[prometheus]\nwindow = 61',
                '[prometheus] window = 61 seconds is longer than [migrator] '
                'poll_interval = 60 seconds',
            ),
            (
                '[signals]\nsource = prometheus\n[prometheus]\ntimeout = 15',
                '[prometheus] timeout = 15 seconds is not less than a fourth '
                'of [migrator] poll_interval = 60 seconds',
            ),
            (
                '[migrator]\norchestrators = octavia\n[octavia]\nsettle = 30\n'
                '[stages]\ndrain_timeout = 30',
                '[octavia] settle = 30 seconds is not less than [stages] '
                'drain_timeout = 30 seconds',
            ),
        ):
            (line,) = self.unlikely(more)
            self.assertIn(words, line)
            self.assertTrue(
                line.endswith('Lower the first one, or raise the second one.')
                or line.endswith(
                    'Raise the first one, or lower the second one.'
                ),
                line,
            )
