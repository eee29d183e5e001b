from oslo_config import cfg
from oslotest import base

from steal_scheduler import plugins
from steal_scheduler.conf import opts
from steal_scheduler.exception import ConfigError
from steal_scheduler.orchestrators.noop import Noop
from steal_scheduler.signals.prometheus import PrometheusSource


class TestPlugins(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = cfg.ConfigOpts()
        opts.register(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])

    def test_the_defaults(self) -> None:
        self.assertIsInstance(plugins.orchestrator(self.conf), Noop)
        source = plugins.signal_source(self.conf)
        self.assertIsInstance(source, PrometheusSource)
        # Its options are registered in the group of its name.
        self.assertIn('url', self.conf.prometheus)

    def test_not_installed(self) -> None:
        self.conf.set_override('orchestrator', 'chef', group='migrator')
        error = self.assertRaises(ConfigError, plugins.orchestrator, self.conf)
        for word in ("[migrator] orchestrator = 'chef'", 'command, noop'):
            self.assertIn(word, str(error))
        self.conf.set_override('source', 'chef', group='signals')
        error = self.assertRaises(
            ConfigError, plugins.signal_source, self.conf
        )
        for word in ("[signals] source = 'chef'", 'prometheus, static'):
            self.assertIn(word, str(error))

    def test_options_for_the_sample(self) -> None:
        groups = [group for group, _ in plugins.list_opts()]
        self.assertEqual(['command', 'prometheus', 'static'], sorted(groups))
