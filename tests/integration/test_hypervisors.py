"""Real guests on real hypervisors: what is measured, and what is made of it.

The kernel, libvirt, the exporter and the guest each tell how long a server
waited; a decider reads the lab's Prometheus and finds who is contended.

Nothing here is about how fast anything is. Shares of time are compared with
each other, and what is awaited has a deadline.
"""

import dataclasses
import itertools
import time
from collections.abc import Callable

import requests

from steal_scheduler.conf import load, rules
from steal_scheduler.decision import detector
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.exception import SignalError
from steal_scheduler.migrator import plugins
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.refusal import Reason, Refusal
from tests.integration import daemons, hypervisors
from tests.integration.hypervisors import Domain, Hypervisor, Lab
from tests.unit import make

#: It wants three quarters of a core: two are too many for one core, and one
#: leaves time for what else runs there.
BUSY = hypervisors.bursts(on=300, every=400)
#: Seconds: short, to see many of them; yet one second is less than a tenth.
WINDOW = 12

_CONF = """
[prometheus]
url = {url}
window = {window}
"""

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

    def __init__(self, lab, directory):
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
        self.kvm = self.kvm and not hypervisors.kvm_trouble()
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
        return daemons.until(what, condition, failing=(SignalError,))

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


class ContentionTest(GuestsTestCase):
    """Three servers want the core of host-a, until one of them moves."""

    kvm = True

    def test_measured_found_and_relieved(self):
        servers = [self.lab.boot(self.a, load=BUSY) for _ in range(3)]
        moved = servers[0]
        uuids = {server.uuid for server in servers}
        self._assert_all_tell_the_same(servers)
        before = self.judged(
            'all three suffer', lambda verdict: verdict.findings >= uuids
        )
        begun = time.time()
        left = self.a.scrape()
        # Each host sees what is its own.
        for host, page in (self.a, left), (self.b, self.b.scrape()):
            found = {key.partition('/')[0] for _, key in page if key}
            self.assertEqual(uuids if host is self.a else set(), found)
            self.assertEqual(1, page['steal_exporter_host_cores', ''])
        self.lab.migrate(moved, self.b)
        self.decider.moved(moved, self.a)
        self.wait_for('a poll', self.poll)
        self._assert_counts_anew(moved, left)
        # The first windows on the new host are the tricky ones.
        end = time.monotonic() + 2 * WINDOW
        self.judged('two windows', lambda _: time.monotonic() > end)
        self.judged(
            'all are relieved',
            lambda verdict: all(
                uuid in verdict.signals
                and verdict.signals[uuid].steal
                < before.signals[uuid].steal - 0.03
                for uuid in uuids
            ),
        )
        self.assert_findings_are_true()
        self.assert_hosts_are_reliable()
        self._assert_sane_rates(begun)

    def _assert_all_tell_the_same(self, servers):
        # Percent of the time.
        points = {exporter: 5, libvirt: 5}
        if self.kvm:
            points[guest] = 3
        for key, (told, true) in self.shares(servers, points).items():
            source, server = key
            who = f'{source.__name__} of {server.name}'
            self.assertGreater(true, 0.2, who)
            self.assertAlmostEqual(
                true, told, delta=points[source] / 100, msg=who
            )

    def _assert_counts_anew(self, moved, left):
        def watched():
            key = 'steal_exporter_server_seconds_total', moved.uuid
            return self.b.scrape().get(key)

        self.judged('its new host shows it', lambda _: watched())
        page = self.b.scrape()
        for name in ('run', 'wait'):
            key = f'steal_exporter_server_{name}_seconds_total', moved.uuid
            self.assertLess(page[key], left[key], name)

        def hosts():
            query = (
                f'steal_exporter_server_seconds_total{{uuid="{moved.uuid}"}}'
            )
            return {
                series['metric']['instance']
                for series in self._ask('query', query=query)
            }

        self.judged(
            'only its new host shows it', lambda _: hosts() == {'host-b'}
        )

    def _assert_sane_rates(self, begun):
        """A vCPU neither runs nor waits for more than a core."""
        for name in ('run', 'wait'):
            rates = [
                float(value)
                for series in self._ask(
                    'query_range',
                    query=f'rate(steal_exporter_server_{name}_seconds_total[5s])',
                    start=begun,
                    end=time.time(),
                    step=1,
                )
                for _, value in series['values']
            ]
            self.assertNotEqual([], rates)
            self.assertGreaterEqual(min(rates), 0)
            self.assertLess(max(rates), 1.5)

    def _ask(self, what, **params):
        response = requests.get(
            f'{self.lab.prometheus.url}/api/v1/{what}', params, timeout=30
        )
        return response.json()['data']['result']


class QuotaTest(GuestsTestCase):
    def test_a_quota_is_no_contention(self):
        contended = [self.lab.boot(self.a, load=BUSY) for _ in range(2)]
        limited = self.lab.boot(self.b, quota=20)
        periods = 'steal_exporter_server_throttled_periods_total'
        self.wait_for(
            'the quota shows',
            lambda: self.b.scrape().get((periods, limited.uuid)),
        )
        shares = self.shares([*contended, limited], [exporter])
        waits = {server: told for (_, server), (told, _) in shares.items()}
        for server in contended:
            self.assertGreater(waits[server], 0.1)
            self.assertGreater(waits[limited], waits[server])
            self.assertEqual(0, self.a.scrape()[periods, server.uuid])
        uuids = {server.uuid for server in contended}
        verdict = self.judged(
            'all are judged',
            lambda verdict: (
                verdict.findings >= uuids and limited.uuid in verdict.refusals
            ),
        )
        self.assertIs(Reason.QUOTA, verdict.refusals[limited.uuid].reason)
        for verdict, _ in self.polls:
            self.assertNotIn(limited.uuid, verdict.findings)
        self.assert_hosts_are_reliable()


class SpikesTest(GuestsTestCase):
    def test_bad_seconds_are_counted_and_found(self):
        spiky = self.lab.boot(self.a)
        calm = self.lab.boot(self.b, load=BUSY)
        self.lab.boot(self.a, load=hypervisors.bursts(on=1500, every=8000))
        # Until all of them are measured.
        self.pause(5)
        found = self.judged(
            'the spikes are found',
            lambda verdict: spiky.uuid in verdict.findings,
        )
        self.assertGreater(found.signals[spiky.uuid].bad_seconds, 0)
        counted = {server: self._bad(server) for server in (spiky, calm)}
        begun = len(self.polls) - 2
        end = time.monotonic() + 2 * WINDOW
        self.judged('two windows', lambda _: time.monotonic() > end)
        for server, before in counted.items():
            host = self.lab.where[server].name
            told = [
                step
                for number, step in self.kernel_told(server.uuid, host).items()
                if number >= begun
            ]
            # A tenth of a second makes it bad; two polls may part it.
            suspect = sum(took for took, share in told if share > 0.05)
            certain = sum(took for took, share in told if share > 0.2)
            bad = self._bad(server) - before
            self.assertLessEqual(bad, 2 * suspect, server.name)
            self.assertGreaterEqual(bad, certain / 2 - 1, server.name)
        self.assert_findings_are_true()
        self.assert_hosts_are_reliable()

    def _bad(self, server):
        page = self.lab.where[server].scrape()
        return page['steal_exporter_server_bad_seconds_total', server.uuid]
