"""Real guests, moved by Nova's own scheduler and libvirt.

Where KVM works they run on it, else they are emulated; see ``guest.c``. They
hardly run, so that it works on a machine with much to do as well: which of
them are contended stands in a file.
"""

from tests.integration import daemons
from tests.integration.cloud import events
from tests.integration.libvirt import lab
from tests.shared import PATIENCE

setUpModule = lab.set_up()


class TestMoves(daemons.TestCase):
    def setUp(self):
        super().setUp()
        self.lab = lab.the
        self.addCleanup(self.lab.clear)
        for daemon in self.lab.services.values():
            self.keep(daemon.log)
        for log in self.lab.hosts.logs:
            self.keep(log)

    def moved(self, load):
        """Let two guests be contended; return who was moved, when it is over.

        It is in service again then, and was never migrated while it was.
        """
        pair = self.lab.boot_guests(self.lab.a, load, load)
        self.lab.suffer(pair)
        daemons.until(
            'one of them to be on its way',
            lambda: any(map(self.lab.migrations, pair)),
            PATIENCE,
        )
        (id_,) = (id_ for id_ in pair if self.lab.migrations(id_))
        # It is not tried again.
        self.lab.calm_down(pair)
        daemons.until(
            'it to be in service again',
            lambda: (
                events.cycles(self.lab.done(id_)) == 1
                and not events.is_out(self.lab.done(id_))
            ),
            PATIENCE,
        )
        self.assertEqual([], events.trouble(self.lab.done(id_)))
        return id_

    def test_a_guest_moves_to_a_host_of_novas_choice(self):
        id_ = self.moved(lab.CALM)
        host = self.lab.host(id_)
        self.assertNotEqual('host-a', host)
        self.assertEqual([host], self.lab.runs_on(id_))
        self.assertEqual(['completed'], self.lab.migrations(id_))
        daemons.until(
            'all to be as it was', lambda: not self.lab.left([id_]), PATIENCE
        )

    def test_a_guest_that_never_converges_stays(self):
        """Nova 33 and 34 show ERROR until the migrator ends that."""
        id_ = self.moved(lab.RESTLESS)
        self.assertEqual('host-a', self.lab.host(id_))
        self.assertEqual(['host-a'], self.lab.runs_on(id_))
        (status,) = self.lab.migrations(id_)
        self.assertIn(status, ('error', 'failed', 'cancelled'))
        daemons.until(
            'all to be as it was', lambda: not self.lab.left([id_]), PATIENCE
        )
