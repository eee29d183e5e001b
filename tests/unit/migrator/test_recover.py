from oslotest import base

from steal_scheduler.exception import ConfigError
from steal_scheduler.migrator import build
from steal_scheduler.migrator.recover import recover
from steal_scheduler.moves.marks import Mark, Said
from steal_scheduler.reporting.text import as_text
from tests.hostile import HOSTILE, SHOWN
from tests.standins import nova_api
from tests.unit import fakes
from tests.unit.deployment import Deployment

TAG = 'steal:migrate:1795334400'
GONE = '00000000-1111-4222-8333-444455556666'
KNOWN = '5c3f1d0a-1111-4222-8333-444455556666'
REMOVED = [f'DELETE /servers/x/tags/{TAG}']


class TestRecover(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment())

    def recover(self, *, clear: bool) -> tuple[str, bool]:
        """What a person reads, and whether anything is left."""
        document, left = recover(self.deployment.conf(), clear=clear)
        return as_text(document), left

    def test_nothing_is_left(self) -> None:
        for clear in (False, True):
            self.assertEqual(
                ('Nothing is left behind.\n', False),
                self.recover(clear=clear),
            )

    def test_it_is_shown(self) -> None:
        self.deployment.tag('x', TAG)
        text, left = self.recover(clear=False)
        self.assertTrue(left)
        self.assertIn(f'x       name-x  a     {TAG}', text)
        self.assertIn('--clear', text)
        self.assertEqual([], self.deployment.removed())
        self.assertEqual('', self.deployment.read('asked'))

    def test_it_is_cleared(self) -> None:
        self.deployment.tag('x', TAG)
        text, left = self.recover(clear=True)
        self.assertFalse(left, text)
        self.assertIn('reattached, tags removed', text)
        self.assertEqual('reattach x\n', self.deployment.read('asked'))
        self.assertEqual(REMOVED, self.deployment.removed())

    def test_who_has_no_tag(self) -> None:
        server = nova_api.server(KNOWN, name='name of it')
        self.deployment.servers[KNOWN] = server
        path = f'GET /servers/{GONE}'
        self.deployment.nova.instead |= {
            path: nova_api.fault(404),
            f'{path}/os-instance-actions': (200, {'instanceActions': []}),
        }
        self.deployment.write('out', f'{KNOWN}\n{GONE}\n')
        text, left = self.recover(clear=True)
        self.assertFalse(left, text)
        self.assertEqual(
            f'reattach {GONE}\nreattach {KNOWN}\n',
            self.deployment.read('asked'),
        )

    def test_whose_cell_is_down(self) -> None:
        """Nova may migrate it at this moment."""
        self.deployment.write('out', f'{GONE}\n')
        path = f'GET /servers/{GONE}'
        self.deployment.nova.instead[path] = nova_api.fault(503)
        text, left = self.recover(clear=True)
        self.assertTrue(left)
        self.assertIn('is its cell down?', text)
        self.assertEqual('', self.deployment.read('asked'))

    def test_one_of_another_cloud(self) -> None:
        """Its migrator may be about to move it."""
        self.deployment.write('out', f'{GONE}\n')
        path = f'GET /servers/{GONE}'
        self.deployment.nova.instead |= {
            path: nova_api.fault(404),
            f'{path}/os-instance-actions': nova_api.fault(404),
        }
        text, left = self.recover(clear=True)
        self.assertFalse(left)
        self.assertIn('is it one of another cloud or region?', text)
        self.assertEqual('', self.deployment.read('asked'))

    def test_it_is_not_put_back(self) -> None:
        """Its tag stays: it is the only witness."""
        self.deployment.tag('x', TAG)
        self.deployment.write('status', '1')
        text, left = self.recover(clear=True)
        self.assertTrue(left)
        self.assertIn('not reattached', text)
        self.assertEqual([], self.deployment.removed())

    def test_what_a_tenant_wrote(self) -> None:
        self.deployment.tag('x', f'steal:drain:{HOSTILE}')
        text, _ = self.recover(clear=False)
        self.assertIn(f'steal:drain:{SHOWN}', text)
        self.assertNotIn('\x1b', text)

    def test_what_was_said_of_a_move(self) -> None:
        """Nobody drained it, so nobody is asked to put it back."""
        mark = Mark(Said.APPROVED, 1795334400, 'a')
        tag = mark.text('x', fakes.signer())
        self.deployment.tag('x', tag)
        text, left = self.recover(clear=False)
        self.assertTrue(left)
        self.assertIn(tag, text)
        text, left = self.recover(clear=True)
        self.assertFalse(left, text)
        self.assertIn('tags removed', text)
        self.assertEqual('', self.deployment.read('asked'))
        self.assertEqual(
            [f'DELETE /servers/x/tags/{tag}'], self.deployment.removed()
        )

    def test_what_a_newer_version_left(self) -> None:
        """It is shown, and that version has to clear it."""
        text = fakes.newer_tag('x', 'steal2:drain:1:')
        self.deployment.tag('x', text)
        for clear in (False, True):
            said, left = self.recover(clear=clear)
            self.assertTrue(left)
            self.assertIn(text, said)
            self.assertIn('run steal-manage of that version', said)
        self.assertEqual([], self.deployment.removed())
        self.assertEqual('', self.deployment.read('asked'))

    def test_nova_refuses(self) -> None:
        self.deployment.tag('x', TAG)
        self.deployment.nova.instead[REMOVED[0]] = nova_api.fault(409)
        text, left = self.recover(clear=True)
        self.assertTrue(left)
        self.assertIn('409', text)

    def test_a_migrator_is_at_work(self) -> None:
        self.deployment.tag('x', TAG)
        built = build.build(self.deployment.conf())
        self.assertTrue(built.leader.acquire())
        self.addCleanup(built.leader.release)
        error = self.assertRaises(ConfigError, self.recover, clear=True)
        self.assertIn('Another migrator leads', str(error))
        self.assertEqual('', self.deployment.read('asked'))
        # Looking does no harm.
        self.assertTrue(self.recover(clear=False)[1])
