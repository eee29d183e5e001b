"""What tests with real guests share: the lab, and what is found in it."""

import itertools
import time

from steal_scheduler.exception import SignalError
from tests.integration import daemons, guest, witnesses
from tests.integration.decider import WINDOW, Decider
from tests.integration.lab import Lab

#: Seconds until what must come has come.
PATIENCE = 90
#: Share of the time from one poll to the next, about a second later, without
#: which no two of the seconds are bad and no mean is over a threshold.
UNREST = 0.1


class GuestsTestCase(daemons.TestCase):
    kvm = False

    def setUp(self):
        super().setUp()
        trouble = guest.kvm_trouble() if self.kvm else ''
        if trouble:
            self.skipTest(trouble)
        directory = self.directory()
        lab = Lab(directory, self.kvm)
        for log in lab.logs:
            self.keep(log)
        self.lab = self.enterContext(lab)
        self.a, self.b = lab.hosts
        self.decider = Decider(lab, directory)
        #: Verdicts, and by server and host what the kernel told then.
        self.polls = []

    def wait_for(self, what, condition):
        return daemons.until(what, condition, PATIENCE, (SignalError,))

    def pause(self, seconds):
        """Let that much time be measured."""
        end = time.monotonic() + seconds
        self.wait_for('time passes', lambda: time.monotonic() > end)

    def poll(self):
        verdict = self.decider.poll()
        told = {
            (server.uuid, host.name): witnesses.kernel(host, server)
            for server, host in self.lab.where.items()
        }
        self.polls.append((verdict, told))
        return verdict

    def judged(self, what, condition):
        """Poll every second until the verdict is so; return it."""

        def attempt():
            self.pause(1)
            verdict = self.poll()
            return verdict if condition(verdict) else None

        return self.wait_for(what, attempt)

    def kernel_told(self, server, host):
        """Return how long it waited there, by number of the poll.

        :returns: seconds since the poll before, and the share of them
        """
        key = server, host
        told = {n: t[key] for n, (_, t) in enumerate(self.polls) if key in t}
        first = next(iter(told.values()))
        # Its counters began there at 0.
        begun = witnesses.Testimony(first.at - 1, 0)
        return {
            number: (now.at - then.at, then.share(now))
            for number, (then, now) in zip(
                told,
                itertools.pairwise([begun, *told.values()]),
                strict=True,
            )
        }

    def assert_findings_are_true(self):
        """Whatever was found, the kernel had counted in those seconds."""
        for last, (verdict, _) in enumerate(self.polls):
            for uuid in verdict.findings:
                host = verdict.signals[uuid].host
                shares = [
                    share
                    for number, (_, share) in self.kernel_told(
                        uuid, host
                    ).items()
                    if last - WINDOW - 3 < number <= last
                ]
                self.assertGreater(max(shares), UNREST, (uuid, host))

    def assert_hosts_are_reliable(self):
        for verdict, _ in self.polls:
            self.assertEqual({}, verdict.unreliable)

    def shares(self, servers, sources):
        """Measure over a window how long servers wait.

        :returns: by source and server, what it tells, and what the kernel
            tells of the same time; shares of it
        """

        def hear():
            return {
                (source, server): witnesses.confront(
                    source, self.lab.where[server], server
                )
                for source in sources
                for server in servers
            }

        first = hear()
        self.pause(WINDOW)
        return {
            key: tuple(
                then.share(now)
                for then, now in zip(first[key], later, strict=True)
            )
            for key, later in hear().items()
        }
