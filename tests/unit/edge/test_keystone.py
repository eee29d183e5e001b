import pathlib

import fixtures
from keystoneauth1 import loading
from oslo_config import cfg
from oslotest import base

from steal_scheduler.edge import keystone
from steal_scheduler.exception import ConfigError

LOGIN = {
    'auth_type': 'password',
    'auth_url': 'http://192.0.2.1:5000/v3',
    'username': 'monitor',
    'password': 'hush',
}


class TestLoadAuth(base.BaseTestCase):
    def load(self, text: str) -> object:
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path, 'x.conf')
        path.write_text(text)
        conf = cfg.ConfigOpts()
        loading.register_auth_conf_options(conf, 'nova')
        conf([f'--config-file={path}'], default_config_dirs=[])
        return keystone.load_auth(conf, 'nova')

    def login(self, section: str = 'nova', **changes: str | None) -> str:
        options = {**LOGIN, **changes}
        lines = [f'{n} = {v}' for n, v in options.items() if v is not None]
        return '\n'.join([f'[{section}]', *lines, ''])

    def error(self, text: str) -> str:
        return str(self.assertRaises(ConfigError, self.load, text))

    def test_good(self) -> None:
        for text in (
            self.login(),
            self.login('Nova'),
            self.login(username=None, user_id='u'),
            self.login(auth_type='v3password', user_domain_id='d'),
            # It logs in with another secret.
            self.login(
                auth_type='v3totp',
                password=None,
                passcode='1',
                user_domain_id='d',
            ),
            self.login(auth_type='http_basic'),
            f'{self.login("other")}[nova]\nauth_section = other\n',
        ):
            self.assertIsNotNone(self.load(text))

    def test_what_is_missing(self) -> None:
        for text, said in (
            (
                '',
                '[nova] auth_type is not set, as there is no section [nova]. '
                'Set it, for example to password.',
            ),
            (
                '[nova]\nauth_section = other\n',
                '[nova] auth_section = other: [other] auth_type is not set, '
                'as there is no section [other]. Set it, for example to '
                'password.',
            ),
            (
                self.login(auth_type=None),
                '[nova] auth_type is not set. Set it, for example to '
                'password.',
            ),
            (
                self.login(username=None),
                '[nova] username is not set. Set the name of a user of '
                'Keystone.',
            ),
            (
                self.login(password=None),
                "[nova] password is not set. Set that of the user 'monitor'.",
            ),
            (
                self.login('other', password=None)
                + '[nova]\nauth_section = other\n',
                '[nova] auth_section = other: [other] password is not set. '
                "Set that of the user 'monitor'.",
            ),
        ):
            self.assertEqual(said, self.error(text))

    def test_an_address_that_is_none(self) -> None:
        for url in ('192.0.2.1:5000/v3', 'controller', 'https:/controller/'):
            self.assertEqual(
                f'[nova] auth_url = {url!r} is no address of a server. Use, '
                'for example, http://controller:5000/v3.',
                self.error(self.login(auth_url=url)),
            )
        # A password would be shown.
        said = self.error(self.login(auth_url='http://me:s3cret@192.0.2.1/'))
        self.assertIn("[nova] auth_url = 'http://***@192.0.2.1/'", said)


class TestCheckEndpoint(base.BaseTestCase):
    def check(self, **values: object) -> None:
        conf = cfg.ConfigOpts()
        conf.register_opts(
            keystone.adapter_options('valid_interfaces', 'endpoint_override'),
            group='nova',
        )
        conf([], default_config_files=[], default_config_dirs=[])
        for name, value in values.items():
            conf.set_override(name, value, group='nova')
        keystone.check_endpoint('nova', conf.nova)

    def test_good(self) -> None:
        self.check()
        self.check(
            endpoint_override='https://[2001:db8::1]:8774/v2.1',
            valid_interfaces=['internalURL', 'public', 'admin'],
        )

    def test_wrong(self) -> None:
        for values, said in (
            (
                {'endpoint_override': 'controller:8774'},
                "[nova] endpoint_override = 'controller:8774' is no address "
                'of a server. Use, for example, http://controller:8774/v2.1.',
            ),
            (
                {'valid_interfaces': ['public', 'internl']},
                '[nova] valid_interfaces = internl: there is no such '
                'interface. Use public, internal, admin.',
            ),
        ):
            error = self.assertRaises(ConfigError, self.check, **values)
            self.assertEqual(said, str(error))
