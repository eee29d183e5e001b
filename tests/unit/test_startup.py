import gc
import os
import weakref

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler import startup
from steal_scheduler.conf import migrator
from steal_scheduler.exception import ConfigError


class Something:
    """What a weak reference can be of."""


class TestCollectRarely(base.BaseTestCase):
    def test_cycles_are_still_found(self) -> None:
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        startup.collect_rarely()
        cycle: list[object] = [Something()]
        cycle.append(cycle)
        gone = weakref.ref(cycle[0])
        del cycle
        kept: list[list[object]] = []
        while gone() is not None and len(kept) < 2 * startup.YOUNG:
            kept.append([])
        self.assertIsNone(gone())


class TestCheckValues(base.BaseTestCase):
    def conf(self, text: str) -> cfg.ConfigOpts:
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        with open(path, 'w') as file:
            file.write(f'[migrator]\n{text}\n')
        conf = cfg.ConfigOpts()
        conf.register_opts(migrator.OPTS, group='migrator')
        conf([f'--config-file={path}'])
        return conf

    def test_good(self) -> None:
        startup.check_values(self.conf('dry_run = no'))

    def test_of_the_wrong_kind(self) -> None:
        for name, value, word in (
            ('dry_run', 'perhaps', 'perhaps'),
            ('poll_interval', 'soon', 'soon'),
            ('metrics_port', '70000', 'equal to 65535'),
        ):
            conf = self.conf(f'{name} = {value}')
            error = self.assertRaises(ConfigError, startup.check_values, conf)
            self.assertIn(f'[migrator] {name} = {value}: ', str(error))
            self.assertIn(word, str(error))
            self.assertRegex(str(error), r'Correct it in /\S+x\.conf\.$')

    def test_no_finite_number(self) -> None:
        for value in ('nan', 'inf', '-inf'):
            conf = self.conf(f'poll_interval = {value}')
            error = self.assertRaises(ConfigError, startup.check_values, conf)
            self.assertIn('poll_interval', str(error))

    def test_an_empty_number(self) -> None:
        for name in ('poll_interval', 'metrics_port'):
            conf = self.conf(f'{name} =')
            error = self.assertRaises(ConfigError, startup.check_values, conf)
            self.assertIn(f'[migrator] {name} ', str(error))

    def test_a_dollar(self) -> None:
        for value in ('/srv/$cret', '/srv/${cret}', '/srv/${no.cret}'):
            conf = self.conf(f'lock_url = {value}')
            error = self.assertRaises(ConfigError, startup.check_values, conf)
            self.assertIn('[migrator] lock_url: ', str(error))
            self.assertIn('Write $$ for a $', str(error))
            # It may be a piece of a password.
            self.assertNotIn('cret', str(error))
        startup.check_values(self.conf('lock_url = file:///srv/$$cret'))

    def test_a_dollar_that_leads_back(self) -> None:
        conf = self.conf('lock_url = $lock_url')
        error = self.assertRaises(ConfigError, startup.check_values, conf)
        self.assertIn('[migrator] lock_url: a $ in it ref', str(error))
        self.assertIn('Write $$ for a $', str(error))

    def test_a_nul_byte(self) -> None:
        conf = self.conf('lock_url = file:///srv/\0')
        error = self.assertRaises(ConfigError, startup.check_values, conf)
        self.assertIn('[migrator] lock_url has a NUL byte', str(error))
