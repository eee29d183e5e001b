import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.exception import ConfigError
from steal_scheduler.migrator import plugins
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.unit.fakes import dispatcher_of
from tests.unit.make import server


class TestPlugins(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.conf = cfg.ConfigOpts()
        load.register(self.conf)
        self.conf([], default_config_files=[], default_config_dirs=[])

    def test_the_defaults(self) -> None:
        self.assertEqual(({}, []), plugins.orchestrators(self.conf))
        source = plugins.signal_source(self.conf)
        self.assertIsInstance(source, PrometheusSource)
        # Its options are registered in the group of its name.
        self.assertIn('url', self.conf.prometheus)

    def test_not_installed(self) -> None:
        self.conf.set_override('source', 'chef', group='signals')
        error = self.assertRaises(
            ConfigError, plugins.signal_source, self.conf
        )
        for word in ("[signals] source = 'chef'", 'prometheus, static'):
            self.assertIn(word, str(error))

    def load(self, text: str) -> cfg.ConfigOpts:
        path = self.useFixture(fixtures.TempDir()).join('conf')
        with open(path, 'w') as file:
            file.write(text)
        conf = cfg.ConfigOpts()
        load.register(conf)
        conf([], default_config_files=[path], default_config_dirs=[])
        return conf

    def test_several_of_one_kind(self) -> None:
        conf = self.load(
            '[migrator]\norchestrators = one, noop, two\n'
            '[one]\ndriver = command\npath = /bin/true\nroles = web\n'
            '[two]\ndriver = command\npath = /bin/false\nall_servers = 1\n'
        )
        dispatcher = dispatcher_of(*plugins.orchestrators(conf))
        # Only two refuses, and it is the last.
        answer = dispatcher.drain(server(role='web'))
        self.assertEqual('two: status 1:', answer.detail)

    def test_a_driver_that_refers_to_another_option(self) -> None:
        conf = self.load(
            '[migrator]\norchestrators = prod\n[prod]\ndriver = $my_ip\n'
        )
        error = self.assertRaises(ConfigError, plugins.orchestrators, conf)
        self.assertIn('[prod] driver: a $ in it', str(error))

    def test_wrong_names(self) -> None:
        for text, words in (
            (
                '[migrator]\norchestrators = chef\n',
                (
                    '[migrator] orchestrators = chef: ',
                    '[chef] driver is not set, as there is no section [chef]',
                    'command',
                ),
            ),
            (
                '[migrator]\norchestrators = a\n[a]\ndriver = chef\n',
                ("[a] driver = 'chef'", 'command'),
            ),
            (
                '[migrator]\norchestrators = static\n'
                '[static]\ndriver = noop\n',
                ("'static'", 'another section'),
            ),
            (
                '[migrator]\norchestrators = DEFAULT\n'
                '[DEFAULT]\ndriver = noop\n',
                ("'DEFAULT'", 'another section'),
            ),
            (
                '[migrator]\norchestrators = oslo_messaging_rabbit\n'
                '[oslo_messaging_rabbit]\ndriver = noop\n',
                ("'oslo_messaging_rabbit'", 'another section'),
            ),
            (
                '[migrator]\norchestrators = a, a\n[a]\ndriver = noop\n',
                ('orchestrators = a, a', "'a' stands twice"),
            ),
            (
                '[migrator]\norchestrators = nova\n[nova]\ndriver = noop\n',
                ("'nova'", 'another section'),
            ),
            (
                '[migrator]\norchestrators = noop\n[noop]\nname_pattern = (\n',
                ('[noop] name_pattern = (: ', 'not a regular expression'),
            ),
            (
                '[migrator]\norchestrators = noop\n'
                '[noop]\nnode_name = {host}\n',
                ('[noop] node_name = {host}: ', 'use {name}, {id} or both'),
            ),
            (
                '[migrator]\norchestrators = noop\n'
                '[noop]\nnode_name = {name:d}\n',
                ('[noop] node_name = {name:d}: ', 'use {name}, {id} or both'),
            ),
            (
                '[migrator]\norchestrators = noop\n'
                '[noop]\nnode_name = {name!r}\n',
                ('[noop] node_name = {name!r}: ', 'use {name}, {id} or both'),
            ),
        ):
            error = self.assertRaises(
                ConfigError, plugins.orchestrators, self.load(text)
            )
            for word in words:
                self.assertIn(word, str(error))

    def test_one_section_for_two_things(self) -> None:
        conf = self.load(
            '[migrator]\norchestrators = octavia\n'
            '[octavia]\nauth_section = prometheus\n'
            '[prometheus]\nauth_type = none\n'
        )
        plugins.orchestrators(conf)
        error = self.assertRaises(ConfigError, plugins.signal_source, conf)
        self.assertIn('[prometheus] timeout', str(error))
        self.assertIn('a section of its own', str(error))

    def test_options_for_the_sample(self) -> None:
        """In the order in which an operator meets them."""
        groups = [group for group, _ in plugins.list_opts()]
        self.assertEqual(
            'migrator nova signals prometheus static detection'.split(),
            groups[:6],
        )
        self.assertEqual(
            'command consul kubernetes noop octavia webhook'.split(),
            sorted(groups[-6:]),
        )
        ours = {group for group, _ in load.list_opts()}
        self.assertLessEqual(ours, {*groups[:-6]})
