"""What the tests of the orchestrator ``octavia`` begin with."""

from typing import Any
from unittest import mock

from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import orchestrators
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.octavia.plugin import Octavia
from tests.standins import keystone, octavia
from tests.standins.transport import mounted
from tests.unit import make

ME = '11111111-2222-3333-4444-555555555555'
KEYSTONE = 'http://192.0.2.1:5000'
OCTAVIA = 'http://192.0.2.2:9876'
OTHER = '99999999-2222-3333-4444-555555555555'


class OctaviaTestCase(base.BaseTestCase):
    """An Octavia with one pool of two members, and us."""

    def setUp(self) -> None:
        super().setUp()
        self.keystone = keystone.Keystone()
        self.keystone.catalog = {
            'compute': 'http://192.0.2.3:8774',
            'load-balancer': OCTAVIA,
        }
        self.api = octavia.Octavia(self.keystone)
        self.enterContext(
            mounted({KEYSTONE: self.keystone, OCTAVIA: self.api})
        )
        self.pool = self.api.add_pool()
        self.mine = self.api.add_member(
            self.pool, '10.0.0.5', weight=5, tags=['theirs']
        )
        self.api.add_member(self.pool, '10.0.0.6')
        self.now = make.NOW
        self.enterContext(mock.patch('time.time', lambda: self.now))

    def server(self, server_id: str = ME, **other: Any) -> Server:
        values: dict[str, Any] = {
            'project_id': 'p',
            'addresses': ('10.0.0.5', '203.0.113.9'),
        }
        return make.server(server_id, **(values | other))

    def conf(
        self,
        user: dict[str, str] | None = None,
        section: str = 'keystone',
        **values: Any,
    ) -> cfg.ConfigOpts:
        """A file's worth of options, since a log-in is read from one."""
        login = keystone.login(KEYSTONE) | (user or {})
        lines = [f'{name} = {value}' for name, value in login.items()]
        text = '\n'.join([f'[{section}]', *lines])
        path = self.create_tempfiles([('steal', text)], '.conf')[0]
        conf = cfg.ConfigOpts()
        conf.register_opts([*orchestrators.OPTS, *Octavia.OPTS], group='lb')
        conf(['--config-file', path], default_config_files=[])
        for name, value in ({'auth_section': section} | values).items():
            conf.set_override(name, value, group='lb')
        return conf

    def octavia(self, **values: Any) -> Octavia:
        return Octavia(self.conf(**values), 'lb')

    def forge(self, member: dict[str, Any], tag: str) -> None:
        """As the member's project may."""
        member['tags'] = [*member['tags'], tag]
        member['weight'] = 0
