from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.migrator import build
from tests.unit.deployment import Deployment


class TestBuild(base.BaseTestCase):
    def build(self, more: str = '') -> build.Components:
        return build.build(self.useFixture(Deployment(more)).conf())

    def test_nothing_is_connected_yet(self) -> None:
        deployment = self.useFixture(Deployment())
        build.build(deployment.conf())
        self.assertEqual([], deployment.nova.asked)
        self.assertEqual('', deployment.read('asked'))

    def test_wrong_options_are_named(self) -> None:
        for more, words in (
            ('[limits]\nblackout = nine', ('[limits] blackout', "'nine'")),
            (
                '[limits]\nslots = 0',
                ('[limits] slots = 0', '1 to 1000 servers'),
            ),
            ('[detection]\npolls_window = 1', ('polls_contended = 2',)),
            ('[roles]\nrole_name_pattern = (', ('role_name_pattern = (',)),
            (
                '[migrator]\norchestrators = nobody',
                ("'nobody'", 'command, consul, kubernetes, noop'),
            ),
            ('[signals]\nsource = none', ("'none'", 'prometheus, static')),
            ('[command]\npath = script', ("[command] path = 'script'",)),
            ('[migrator]\ndry_run = perhaps', ('dry_run', 'perhaps')),
        ):
            error = self.assertRaises(ConfigError, self.build, more)
            for word in words:
                self.assertIn(word, str(error))
