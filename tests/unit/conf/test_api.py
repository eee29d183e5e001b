import pathlib

import fixtures
from oslotest import base

from steal_scheduler.conf import api
from steal_scheduler.edge.unread import files, unread
from steal_scheduler.exception import ConfigError

EXAMPLE = (
    pathlib.Path(__file__).parents[3]
    / 'etc/steal_scheduler/steal-api.conf.example'
)
GENERATOR = EXAMPLE.with_name('api-config-generator.conf')


class TestLoad(base.BaseTestCase):
    def test_the_example(self) -> None:
        """Every option exists and is right, and somebody reads it."""
        conf = api.load([f'--config-file={EXAMPLE}'], 'test')
        api.check_login(conf)
        self.assertEqual([], unread(files(conf), api.known(conf), {}))
        self.assertEqual('127.0.0.1', conf.api.listen_host)

    def test_what_is_misspelt_is_named(self) -> None:
        lines = '[api]\nlisten_prt = 1\n[keystone_authtoken]\nusrname = a\n'
        [path] = self.create_tempfiles([('steal-api', lines)])
        conf = api.load([f'--config-file={path}'], 'test')
        said = ' '.join(unread(files(conf), api.known(conf), {}))
        self.assertIn('Did you mean listen_port?', said)
        self.assertIn('[keystone_authtoken] usrname', said)

    def test_a_wrong_value(self) -> None:
        lines = '[api]\nlisten_port = 70000\n'
        [path] = self.create_tempfiles([('steal-api', lines)])
        error = self.assertRaises(
            ConfigError, api.load, [f'--config-file={path}'], 'test'
        )
        self.assertIn('[api] listen_port = 70000', str(error))

    def test_the_file_of_a_wsgi_server(self) -> None:
        """There is no command line."""
        lines = '[api]\nlisten_port = 7\n'
        [path] = self.create_tempfiles([('steal-api', lines)])
        self.useFixture(fixtures.EnvironmentVariable(api.FILE_VARIABLE, path))
        self.assertEqual(7, api.load([], 'test').api.listen_port)

    def test_the_type_in_the_catalog(self) -> None:
        """For application credentials that may ask for some calls only."""
        conf = api.load(['--config-file=/dev/null'], 'test')
        self.assertEqual('steal', conf.keystone_authtoken.service_type)

    def test_the_generator_knows_all(self) -> None:
        lines = GENERATOR.read_text('utf-8').splitlines()
        named = {
            line.partition('= ')[2]
            for line in lines
            if line.startswith('namespace')
        }
        self.assertEqual({'steal-api.conf', *api.LIBRARIES}, named)
