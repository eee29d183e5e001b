"""Real guests, moved by Nova's own scheduler and libvirt.

Where KVM works they run on it, else they are emulated; see ``guest.c``. They
hardly run, so that it works on a machine with much to do as well: which of
them are contended stands in a file.
"""

import re
import time

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

    def begun(self, host, load):
        """Let two guests be contended there; return who is on its way."""
        pair = self.lab.boot_guests(host, load, load)
        self.lab.suffer(pair)
        daemons.until(
            'one of them to be on its way',
            lambda: any(map(self.lab.migrations, pair)),
            PATIENCE,
        )
        (id_,) = (id_ for id_ in pair if self.lab.migrations(id_))
        # It is not tried again.
        self.lab.calm_down(pair)
        return id_

    def moved(self, load):
        """Of two that are contended, who was moved, when it is over."""
        return self.ended(self.begun(self.lab.a, load))

    def ended(self, id_):
        """It is in service again, and was never migrated while it was."""
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
        self.assert_stays(self.moved(lab.RESTLESS), self.lab.a)

    def test_a_guest_moves_encrypted(self):
        """By Nova's settings for host-c; see below that it is."""
        id_ = self.ended(self.begun(self.lab.c, lab.CALM))
        host = self.lab.host(id_)
        self.assertNotEqual('host-c', host)
        self.assertEqual([host], self.lab.runs_on(id_))
        self.assertEqual(['completed'], self.lab.migrations(id_))

    def assert_stays(self, id_, host):
        """Nova 33 and 34 show ERROR until the migrator ends that."""
        self.assertEqual(host.name, self.lab.host(id_))
        self.assertEqual([host.name], self.lab.runs_on(id_))
        (status,) = self.lab.migrations(id_)
        self.assertIn(status, ('error', 'failed', 'cancelled'))
        daemons.until(
            'all to be as it was', lambda: not self.lab.left([id_]), PATIENCE
        )

    def test_a_guest_that_was_slowed_down_for_it_stays(self):
        """QEMU's auto-converge; what is aborted is slowed down no more."""
        host = self.lab.c
        id_ = self.begun(host, lab.WILD)
        throttled = 'cpu throttle percentage'

        def told(command):
            return host.virsh('qemu-monitor-command', id_, '--hmp', command)

        def is_throttled():
            return throttled in told('info migrate') and re.search(
                "tls-creds: '.+'", told('info migrate_parameters')
            )

        over = ['cancelled'], ['error'], ['failed']
        daemons.until(
            'it to be slowed down, and encrypted',
            lambda: is_throttled() or self.lab.migrations(id_) in over,
            PATIENCE,
            (daemons.DaemonError,),
        )
        slowed = self.lab.migrations(id_) not in over
        self.assert_stays(self.ended(id_), host)
        self.assertNotIn(throttled, told('info migrate'))
        if not slowed:
            self.skipTest('It was aborted before QEMU had slowed it down.')

    def test_a_guest_in_post_copy_mode_is_not_aborted(self):
        """Nova chooses that mode by itself, and our time is over meanwhile."""
        with self.lab.b.narrow_network():
            id_ = self.begun(self.lab.b, lab.RESTLESS)
            mode = ['running (post-copy)']
            daemons.until(
                'it to be in post-copy mode',
                lambda: self.lab.migrations(id_) == mode,
                PATIENCE,
            )
            over = time.time() + lab.TIMEOUT
            daemons.until(
                'our time for it to be over',
                lambda: self.lab.good_tick() > over,
                PATIENCE,
            )
            ticks = self.lab.attempts()
            daemons.until(
                'more ticks', lambda: self.lab.attempts() > ticks + 2, PATIENCE
            )
            # Else nothing is proved here.
            self.assertEqual(mode, self.lab.migrations(id_))
            self.assertTrue(events.is_out(self.lab.done(id_)))
            self.ended(id_)
        host = self.lab.host(id_)
        self.assertNotEqual('host-b', host)
        self.assertEqual([host], self.lab.runs_on(id_))
        self.assertEqual(['completed'], self.lab.migrations(id_))
        self.assertNotIn('live_migration_cancel', self.lab.actions(id_))
        said = self.lab.services[lab.MIGRATOR].log.read_text()
        self.assertNotIn(f'{id_}) not aborted', said)
        daemons.until(
            'all to be as it was', lambda: not self.lab.left([id_]), PATIENCE
        )
