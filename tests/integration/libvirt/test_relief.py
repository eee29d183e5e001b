"""CPU steal of real guests, relieved: measured, found, moved, measured again.

Nobody says who is contended: guests burn CPU, the exporters read what the
kernel tells, Prometheus keeps it, and the migrator asks Prometheus.
"""

import re
import sys

from tests.integration import daemons, hypervisors
from tests.integration.cloud import events
from tests.integration.libvirt import lab
from tests.shared import PATIENCE

setUpModule = lab.set_up()

#: Wants three quarters of a core: so one stays alone where it goes, and waits
#: much less than four that share a core, whatever else runs here.
BUSY = hypervisors.bursts(on=300, every=400)
#: Seconds over which is measured.
WINDOW = 15


class TestRelief(daemons.TestCase):
    def setUp(self):
        super().setUp()
        if trouble := hypervisors.kvm_trouble():
            self.skipTest(f'Emulated guests need all there is: {trouble}')
        self.lab = lab.the
        self.addCleanup(self.lab.clear)
        for daemon in self.lab.services.values():
            self.keep(daemon.log)
        # It has the core of host-a.
        self.lab.enable(self.lab.c, False)
        self.addCleanup(self.lab.enable, self.lab.c, True)

    def weigh(self, times):
        """Of both hosts, their share of the cores."""
        for host in (self.lab.a, self.lab.b):
            host.machine.weigh(times)

    def test_what_waits_is_moved_and_waits_less(self):
        begun = self.lab.services[lab.MIGRATOR].log.stat().st_size
        # Else what else runs here keeps them waiting wherever they are.
        self.addCleanup(self.weigh, 1)
        self.weigh(8)
        ids = self.lab.boot_guests(self.lab.a, *[BUSY] * 4)
        with self.lab.measuring(WINDOW):
            ended = daemons.until(
                'a move to be over, and measured',
                lambda: re.search(
                    r'Move of server \S+ \((?P<id>\S+)\) from host host-a to '
                    r'host host-b ended: (?P<outcome>\w+): it waits '
                    r'(?P<after>\d+)% of its time now',
                    self.said(begun),
                ),
                PATIENCE,
            )
            id_, outcome = ended['id'], ended['outcome']
            found = re.search(
                rf'\({id_}\) .* entered stage drain: waits (?P<before>\d+)%',
                self.said(begun),
            )
            # On a busy machine it still waits, for what else runs here.
            self.assertIn(outcome, ('helped', 'not_helped'))
            self.assertLess(int(ended['after']), int(found['before']) - 10)
            self.assertEqual(
                1,
                self.lab.metric(lab.MIGRATOR, 'moves_total', outcome=outcome),
            )
            print(
                f'relief of {id_}: it waited {found["before"]} % of its '
                f'time, and waits {ended["after"]} % now: {outcome}',
                file=sys.__stderr__,
            )
        self.assertEqual(['host-b'], self.lab.runs_on(id_))
        for other in {*ids} - {id_}:
            self.assertEqual(['host-a'], self.lab.runs_on(other))
            self.assertEqual([], self.lab.migrations(other))
        self.assertEqual([], events.trouble(self.lab.done(id_)))
        self.assertEqual([], self.lab.left(ids))

    def said(self, begun):
        """What the migrator has said since its log had so many bytes."""
        log = self.lab.services[lab.MIGRATOR].log
        return log.read_bytes()[begun:].decode()
