import pathlib
from unittest import mock

import fixtures
from oslo_config import cfg
from oslotest import base

from steal_scheduler.conf import load
from steal_scheduler.migrator import ports
from steal_scheduler.moves.leftovers import Leftover
from tests.standins import keystone, neutron
from tests.standins.transport import mounted
from tests.unit.make import fleet, migration, server

KEYSTONE, NEUTRON = 'http://192.0.2.5:5000', 'http://192.0.2.6:9696'


class TestLeftBindings(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.keystone = keystone.Keystone()
        self.keystone.catalog['network'] = NEUTRON
        self.neutron = neutron.Neutron()
        self.neutron.ports = {'s': ['p'], 't': ['q']}
        self.neutron.bindings = {
            'p': {'a': 'ACTIVE', 'b': 'INACTIVE'},
            'q': {'a': 'ACTIVE'},
        }
        net = {KEYSTONE: self.keystone, NEUTRON: self.neutron}
        self.enterContext(mounted(net))

    def conf(self) -> cfg.ConfigOpts:
        login = keystone.login(KEYSTONE).items()
        path = pathlib.Path(self.useFixture(fixtures.TempDir()).path) / 'conf'
        lines = [f'{name} = {value}\n' for name, value in login]
        path.write_text(f'[nova]\n{"".join(lines)}')
        return load.load([f'--config-file={path}'], 'test')

    def look(
        self, status: str = 'error', **of_server: object
    ) -> tuple[list[Leftover], str]:
        known = fleet(
            server(**of_server),
            server('t'),
            migrations=(migration(status=status), migration('t')),
        )
        return ports.left_bindings(self.conf(), known)

    def test_one_is_left_on_the_target(self) -> None:
        (found,), note = self.look()
        self.assertEqual('', note)
        self.assertEqual(
            ('s', 'a', 'two_port_bindings'),
            (found.server_id, found.host, str(found.kind)),
        )
        self.assertIn('p is ACTIVE on a, INACTIVE on b, and', found.detail)
        self.assertRegex(
            found.command,
            f'^curl -X DELETE .* {NEUTRON}/v2.0/ports/p/bindings/b$',
        )

    def test_that_of_the_target_is_active(self) -> None:
        self.neutron.bindings['p'] = {'a': 'INACTIVE', 'b': 'ACTIVE'}
        (found,), _ = self.look()
        self.assertRegex(
            found.command, '^curl -X PUT .*/ports/p/bindings/a/activate$'
        )

    def test_none_is_where_it_is(self) -> None:
        (found,), _ = self.look(host='c')
        self.assertRegex(found.command, '^curl -H .*/ports/p/bindings$')

    def test_while_it_migrates_both_are_right(self) -> None:
        for values in (
            {'status': 'running'},
            {'task_state': 'migrating'},
            {'host': None},
        ):
            self.assertEqual(([], ''), self.look(**values))

    def test_an_old_neutron(self) -> None:
        self.neutron.extended = False
        self.assertEqual(([], ''), self.look())

    def test_no_neutron(self) -> None:
        for catalog in ({'compute': NEUTRON}, {}):
            self.keystone.catalog = catalog
            found, note = self.look()
            self.assertEqual([], found)
            expected = 'Neutron was not asked: the catalog names none.'
            self.assertEqual(expected, note)

    def test_it_does_not_tell(self) -> None:
        for answer in ((403, {}), (500, b''), (200, {'ports': [None]})):
            self.neutron.instead['GET /v2.0/ports'] = answer
            found, note = self.look()
            self.assertEqual([], found)
            self.assertIn('Neutron was not asked for all ports: ', note)

    def test_not_for_ever(self) -> None:
        with mock.patch.object(ports, 'MOST', 1):
            _, note = self.look()
        self.assertEqual(1, len(self.neutron.asked) // 2)
        self.assertEqual('Neutron was not asked for 1 servers more.', note)
