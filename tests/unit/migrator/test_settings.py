from typing import Any

from oslotest import base

from steal_scheduler.migrator import build
from steal_scheduler.migrator.settings import settings
from tests.unit.deployment import Deployment

SECRETS = """
[prometheus]
url = http://bob:hush@prometheus:9090/
[DEFAULT]
transport_url = rabbit://nova:hush@host:5672/
"""


class TestSettings(base.BaseTestCase):
    def found(self, more: str = '') -> dict[tuple[str, str], Any]:
        conf = self.useFixture(Deployment(more)).conf()
        # Which registers the rest of them.
        build.build(conf)
        options = settings(conf)['options']
        self.assertEqual(
            {('group', 'name', 'value')}, {tuple(o) for o in options}
        )
        return {(o['group'], o['name']): o['value'] for o in options}

    def test_what_is_in_force(self) -> None:
        found = self.found('[limits]\nslots = 7')
        self.assertEqual('7', found['limits', 'slots'])
        self.assertEqual('command', found['migrator', 'orchestrators'])
        self.assertEqual('False', found['DEFAULT', 'debug'])
        self.assertIsNone(found['DEFAULT', 'log_file'])

    def test_no_secret(self) -> None:
        found = self.found(SECRETS)
        self.assertEqual('****', found['migrator', 'tag_keys'])
        self.assertEqual('****', found['DEFAULT', 'transport_url'])
        said = ' '.join(map(str, found.values()))
        self.assertNotIn('hush', said)
        self.assertNotIn('key of the tests', said)
