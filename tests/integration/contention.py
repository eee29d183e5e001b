"""What is measured of contention on real hypervisors, and what is made of it.

The kernel, libvirt, the exporter and the guest each tell how long a server
waited; a decider reads the lab's Prometheus and finds who is contended.
"""

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Callable

from steal_scheduler.conf import load, rules
from steal_scheduler.decision import detector
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import plugins
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.refusal import Refusal
from tests.integration import daemons
from tests.integration import guest as guests
from tests.integration.guest import Domain
from tests.integration.hypervisors import Hypervisor, Lab
from tests.unit import make

#: Seconds: short, to see many of them; yet one second is less than a tenth.
WINDOW = 12

_CONF = """
[prometheus]
url = {url}
window = {window}
"""

#: Seconds until what must come has come.
PATIENCE = 90
#: Share of the time from one poll to the next, without which no two of the
#: seconds are bad and no mean is over a threshold. Of a time of more than a
#: second, for polls may lag, it is as much as if all of it were in one second.
UNREST = 0.1


@dataclasses.dataclass(frozen=True)
class Testimony:
    """By his own clock, and since he knows the server; both in seconds."""

    at: float
    waited: float

    def share(self, later: 'Testimony') -> float:
        """Return the share of the time since then that it waited."""
        return (later.waited - self.waited) / (later.at - self.at)


Witness = Callable[[Hypervisor, Domain], Testimony]


def kernel(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell the run_delay of its vCPU thread."""
    at = time.monotonic()
    return Testimony(at, host.schedstat(domain)[1])


def libvirt(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell what virsh domstats says."""
    said = host.virsh('domstats', '--vcpu', domain.name)
    at = time.monotonic()
    words = dict(
        line.strip().split('=') for line in said.splitlines() if '=' in line
    )
    return Testimony(at, int(words['vcpu.0.delay']) / 1e9)


def exporter(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell the counters of steal-exporter; they are of its last sample."""
    page = host.scrape()
    return Testimony(
        page['steal_exporter_server_seconds_total', domain.uuid],
        page['steal_exporter_server_wait_seconds_total', domain.uuid],
    )


def guest(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell what the guest read on its steal clock; KVM only."""
    report = domain.reports()[-1]
    return Testimony(report.at, report.steal)


def confront(
    witness: Witness, host: Hypervisor, domain: Domain
) -> tuple[Testimony, Testimony]:
    """Wait until a witness has news; return them, and the kernel's word.

    The kernel is asked right after, so that both tell of the same time.
    """
    before = witness(host, domain)

    def news() -> tuple[Testimony, Testimony] | None:
        now = witness(host, domain)
        return (now, kernel(host, domain)) if now.at > before.at else None

    return daemons.until(f'{witness.__name__} has news', news)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is known and found after one poll; servers by their uuid."""

    signals: dict[str, ServerSignal]
    findings: frozenset[str]
    refusals: dict[str, Refusal]
    #: Hosts that are not believed, and why.
    unreliable: dict[str, str]


class Decider:
    """All defaults, but for the window. Nova is the lab's own word."""

    def __init__(self, lab: Lab, directory: pathlib.Path) -> None:
        path = directory / 'steal-migrator.conf'
        path.write_text(_CONF.format(url=lab.prometheus.url, window=WINDOW))
        conf = load.load([f'--config-file={path}'], 'steal-migrator')
        self._lab = lab
        self._source = plugins.signal_source(conf)
        self._rules = rules.rules(conf)
        self._watches: detector.Watches = {}
        self._moves = 0
        self._migrations = ()

    def moved(self, domain: Domain, source: Hypervisor) -> None:
        """Have Nova tell that a server has just come from there."""
        migration = make.migration(
            domain.uuid,
            migration_id=len(self._migrations) + 1,
            source=source.name,
            target=self._lab.where[domain].name,
            created_at=time.time(),
        )
        self._migrations = (migration, *self._migrations)

    def poll(self) -> Verdict:
        """Read and judge once.

        :raises SignalError: nothing can be told yet
        """
        now = time.time()
        servers = [
            make.server(domain.uuid, host=host.name, vcpus=1, ram_mb=32)
            for domain, host in self._lab.where.items()
        ]
        fleet = make.fleet(
            *servers,
            hosts={host.name: 'az1' for host in self._lab.hosts},
            migrations=self._migrations,
        )
        measured = self._source.read(now)
        known = usable_signals(Snapshot(now, self._rules, fleet, measured))
        detection = detector.detect(known, self._watches)
        self._watches = detection.watches
        return Verdict(
            dict(known.signals.servers),
            frozenset(f.server_id for f in detection.findings),
            {r.server_id: r for r in detection.refusals if r.server_id},
            {
                name: host.detail
                for name, host in known.unreliable.items()
                # A scrape that came too late says nothing of a host.
                if name in measured.hosts
            },
        )


class GuestsTestCase(daemons.TestCase):
    #: Whether its guests run on KVM, where that works; else they are
    #: emulated, as they are for whoever does not ask.
    kvm = False

    def setUp(self):
        super().setUp()
        self.kvm = self.kvm and not guests.kvm_trouble()
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
            (server.uuid, host.name): kernel(host, server)
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
        begun = Testimony(first.at - 1, 0)
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
                    share * max(1, took)
                    for number, (took, share) in self.kernel_told(
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
                (source, server): confront(
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
