from typing import Any

from oslo_config import cfg
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

    def test_whatever_stands_before_a_host(self) -> None:
        """A password with an @ in it, and a token that has no name."""
        for before in ('bob:hush', 'bob:p@hush', 'hush'):
            conf = cfg.ConfigOpts()
            url = f'http://{before}@prometheus:9090/'
            conf.register_opt(cfg.StrOpt('url', default=url), 'prometheus')
            conf([])
            (found,) = (
                o for o in settings(conf)['options'] if o['name'] == 'url'
            )
            self.assertEqual('http://****@prometheus:9090/', found['value'])
