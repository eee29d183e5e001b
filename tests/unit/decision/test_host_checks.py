import dataclasses

from oslotest import base

from steal_scheduler.decision.host_checks import (
    OPTIONAL,
    HostCheck,
    UnreliableHost,
)
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import Host, HostSignal, Migration
from tests.unit.make import (
    NOW,
    fleet,
    host_signal,
    migration,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

IDS = [f's{n}' for n in range(10)]


class HostCheckTest(base.BaseTestCase):
    """Host a: 16 cores, ten servers with two vCPUs each, nothing wrong."""

    REASON: HostCheck

    def setUp(self) -> None:
        super().setUp()
        self.told: HostSignal | None = host_signal('a', cores=16.0)
        self.servers = {s: server(s, vcpus=2) for s in IDS}
        self.seen = {s: signal(s, used=1.0, waited=0.1) for s in IDS}
        self.migrations: list[Migration] = []
        #: A host whose nova-compute is down.
        self.down = ''

    def tell(self, **values: object) -> None:
        """What the host says of itself."""
        self.told = host_signal('a', **values)

    def see(self, *server_ids: str, **values: object) -> None:
        """What is measured of these servers."""
        for s in server_ids:
            self.seen[s] = dataclasses.replace(self.seen[s], **values)

    def found(self, **values: object) -> UnreliableHost | None:
        told = fleet(*self.servers.values(), migrations=tuple(self.migrations))
        if self.down:
            told.hosts[self.down] = Host(self.down, 'az1', up=False)
        known = snapshot(
            told,
            measured=signals(
                *self.seen.values(),
                hosts={'a': self.told} if self.told else {},
            ),
            rules=rules(**values),
        )
        return usable_signals(known).unreliable.get('a')

    def unreliable(self, **values: object) -> str:
        """It is, for this reason and no other.

        :returns: what the operator is told
        """
        found = self.found(**values)
        assert found is not None
        self.assertEqual(('a', self.REASON), (found.host, found.reason))
        without = self.found(disabled_checks={self.REASON}, **values)
        self.assertEqual(self.REASON in OPTIONAL, without is None)
        return found.detail

    def reliable(self, **values: object) -> None:
        self.assertIsNone(self.found(**values))


class TestNothingWrong(HostCheckTest):
    def test_a_busy_host(self) -> None:
        self.reliable()

    def test_an_empty_host(self) -> None:
        self.servers, self.seen = {}, {}
        self.reliable()

    def test_an_idle_host(self) -> None:
        self.see(*IDS, used=0.0, waited=0.0)
        self.reliable()

    def test_the_first_that_holds_is_the_reason(self) -> None:
        """Everything is wrong at once, and cured in the order of checks."""
        self.tell(cores=12.0, clock_offset=31.0)
        self.see(*IDS, used=1.7, waited=0.0, guest_waited=1.0)
        for s in IDS[:3]:
            del self.seen[s]
        self.migrations = [
            migration(f'm{n}', target='a', status='error') for n in range(3)
        ]
        for n, reason in enumerate(OPTIONAL):
            found = self.found(disabled_checks=set(OPTIONAL[:n]))
            self.assertIs(reason, found and found.reason)
        self.reliable(disabled_checks=set(OPTIONAL))


class TestStale(HostCheckTest):
    REASON = HostCheck.STALE

    def test_nothing_tells_of_it(self) -> None:
        self.told = None
        self.assertIn('no signal tells of it', self.unreliable())

    def test_too_old(self) -> None:
        self.tell(at=NOW - 120)
        self.reliable()
        self.tell(at=NOW - 121)
        self.assertIn('121 s old', self.unreliable())
        self.reliable(max_age=121)


class TestClock(HostCheckTest):
    REASON = HostCheck.CLOCK

    def test_from_the_future(self) -> None:
        self.tell(at=NOW + 120)
        self.reliable()
        self.tell(at=NOW + 121)
        self.assertIn('121 s in the future', self.unreliable())
        self.reliable(max_age=121)

    def test_ahead(self) -> None:
        self.tell(clock_offset=30.0)
        self.reliable()
        self.tell(clock_offset=31.0)
        self.assertIn('31 s ahead', self.unreliable())

    def test_behind(self) -> None:
        self.tell(clock_offset=-30.0)
        self.reliable()
        self.tell(clock_offset=-31.0)
        self.assertIn('clock is 31 s behind', self.unreliable())


class TestSource(HostCheckTest):
    REASON = HostCheck.SOURCE

    def test_it_says_so(self) -> None:
        self.tell(reliable=False)
        self.assertIn('says that its metrics', self.unreliable())

    def test_no_cores(self) -> None:
        self.tell(cores=0.0)
        self.assertIn('none of its cores', self.unreliable())
        self.tell(cores=0.5)
        self.reliable()


class TestMissingServers(HostCheckTest):
    REASON = HostCheck.MISSING_SERVERS

    def test_more_than_a_fifth(self) -> None:
        del self.seen['s0'], self.seen['s1']
        self.reliable()
        del self.seen['s2']
        self.assertIn('7 of the 10', self.unreliable())
        self.unreliable(coverage_floor=70.5)
        self.reliable(coverage_floor=70)

    def test_one_has_perhaps_just_been_created(self) -> None:
        self.seen = {}
        self.servers = {s: server(s) for s in IDS[:1]}
        self.reliable()
        self.servers = {s: server(s) for s in IDS[:2]}
        self.unreliable()

    def test_seen_elsewhere_or_long_ago(self) -> None:
        self.see('s0', 's1', host='b')
        self.see('s2', at=NOW - 121)
        self.unreliable()

    def test_seen_by_its_guest(self) -> None:
        self.see('s0', 's1', 's2', host=None)
        self.reliable()

    def test_only_who_runs_has_to_be_seen(self) -> None:
        for s in IDS[:3]:
            del self.seen[s]
            self.servers[s] = dataclasses.replace(
                self.servers[s], status='SHUTOFF'
            )
        self.reliable()


class TestFlatWait(HostCheckTest):
    REASON = HostCheck.FLAT_WAIT

    def setUp(self) -> None:
        super().setUp()
        self.see(*IDS, waited=0.0)

    def test_they_run_and_never_wait(self) -> None:
        self.assertIn('used 10.0 cores', self.unreliable())

    def test_whether_they_run(self) -> None:
        """A twentieth of the cores."""
        self.see(*IDS, used=0.0)
        self.see('s0', used=0.79)
        self.reliable()
        self.see('s0', used=0.8)
        self.unreliable()

    def test_its_cores_are_not_known(self) -> None:
        """Its own sample does not count, and the clock is not looked at."""
        self.tell(at=NOW + 121)
        self.reliable(disabled_checks=set(OPTIONAL) - {self.REASON})

    def test_one_that_waits_is_enough(self) -> None:
        self.see('s0', waited=1e-6)
        self.reliable()

    def test_what_a_guest_counts_says_nothing_of_the_counter(self) -> None:
        self.see('s0', host=None, waited=0.5)
        self.unreliable()
        self.see(*IDS, host=None, waited=0.0)
        self.reliable()


class TestZeroWait(HostCheckTest):
    """Twenty vCPUs use 16 cores, and wait for a little more than nothing."""

    REASON = HostCheck.ZERO_WAIT

    def setUp(self) -> None:
        super().setUp()
        self.size(16)
        self.use(16.0, 0.015625)

    def size(self, first: int) -> None:
        """Two more have two vCPUs, and the others are not told of."""
        vcpus = (first, 0, 0, 0, 0, 0, 0, 0, 2, 2)
        self.servers |= {
            s: server(s, vcpus=n) for s, n in zip(IDS, vcpus, strict=True)
        }

    def use(self, used: float, waited: float) -> None:
        """The first server runs, and the others do next to nothing."""
        self.see(*IDS, used=0.0, waited=0.0)
        self.see('s0', used=used, waited=waited)

    def test_it_is_full(self) -> None:
        detail = self.unreliable()
        self.assertIn('16.0 of 16 cores with 20 vCPUs', detail)
        self.assertIn('waited for 0.10% of that', detail)

    def test_its_cores_are_not_known(self) -> None:
        self.tell(at=NOW + 121)
        self.reliable(disabled_checks=set(OPTIONAL) - {self.REASON})

    def test_less_of_it_is_in_use(self) -> None:
        self.tell(cores=20.0)
        self.size(18)
        self.use(19.0, 0.015625)
        self.unreliable()
        self.use(18.9, 0.015625)
        self.reliable()

    def test_they_wait(self) -> None:
        self.use(16.0, 0.016)
        self.unreliable()
        self.use(16.0, 0.0161)
        self.reliable()

    def test_each_vcpu_has_a_core(self) -> None:
        """All of it may be in use then, and nobody needs to wait."""
        for s in IDS[:2]:
            self.servers[s] = server(s, vcpus=0)
        self.reliable()

    def test_who_is_not_seen_may_be_idle(self) -> None:
        del self.seen['s8'], self.seen['s9']
        self.reliable()

    def test_what_a_guest_counts_is_not_what_it_uses(self) -> None:
        self.see('s0', host=None)
        self.reliable()


class TestGuestsDisagree(HostCheckTest):
    """By a tenth of a vCPU, which is a fifth of a core for two of them."""

    REASON = HostCheck.GUESTS_DISAGREE

    def tell_apart(self, apart: int, agree: int = 0, by: float = 0.5) -> None:
        self.see(*IDS, waited=1.0, guest_waited=None)
        self.see(*IDS[:agree], guest_waited=1.0)
        self.see(*IDS[agree : agree + apart], guest_waited=1.0 + by)

    def test_the_margin(self) -> None:
        for by in (0.2, -0.2):
            self.tell_apart(2, by=by)
            self.reliable()
            self.tell_apart(2, by=by * 1.01)
            self.unreliable()

    def test_what_is_said(self) -> None:
        self.tell_apart(3, agree=2)
        detail = self.unreliable()
        self.assertIn('3 of 5 guests', detail)
        self.assertIn('s2 counts 1.50 cores, its host 1.00', detail)

    def test_more_than_half_of_those_that_tell(self) -> None:
        for apart, agree, doubted in (
            (2, 0, True),
            (2, 1, True),
            (2, 2, False),
            (3, 2, True),
            (3, 3, False),
        ):
            self.tell_apart(apart, agree)
            if doubted:
                self.unreliable()
            else:
                self.reliable()

    def test_one_tenant_may_lie(self) -> None:
        self.tell_apart(1)
        self.reliable()

    def test_all_guests_of_one_tenant_may_lie(self) -> None:
        """They would else make the others wait there, unseen."""
        for owners, doubted in (
            ('pppp', True),
            ('ppqq', False),
            ('pqqq', True),
        ):
            for id_, project in zip(IDS, owners + 'qqqqqq', strict=True):
                self.servers[id_] = server(id_, vcpus=2, project_id=project)
            if owners == 'pppp':
                for id_ in IDS[4:]:
                    del self.servers[id_]
            self.tell_apart(2)
            if doubted:
                self.unreliable()
            else:
                self.reliable()
            self.servers = {s: server(s, vcpus=2) for s in IDS}

    def test_a_guest_that_counts_nothing_may_be_blind(self) -> None:
        self.see(*IDS, waited=1.0, guest_waited=0.0)
        self.reliable()

    def test_who_is_seen_by_its_guest_alone_agrees_with_itself(self) -> None:
        self.tell_apart(2)
        self.see('s1', host=None)
        self.reliable()


class TestFailedArrivals(HostCheckTest):
    REASON = HostCheck.FAILED_ARRIVALS

    def send(self, *statuses: str, **values: object) -> None:
        """One server after the other, the first one first."""
        for status in statuses:
            n = len(self.migrations)
            record = {
                # Ids say nothing of who was first.
                'migration_id': 99 - n,
                'status': status,
                'source': 'b',
                'target': 'a',
                'created_at': NOW - 100 + n,
                'user_id': 'them',
            }
            self.migrations.append(migration(f'm{n}', **(record | values)))

    def test_three_in_a_row(self) -> None:
        self.send('error', 'failed')
        self.reliable()
        self.send('error')
        detail = self.unreliable()
        self.assertIn('last 3 migrations', detail)
        self.assertIn('one is tried in 1702 s', detail)

    def test_one_arrived_meanwhile(self) -> None:
        self.send('error', 'error', 'completed', 'error', 'error')
        self.reliable()
        self.send('error')
        self.unreliable()
        self.send('completed')
        self.reliable()

    def test_what_was_cancelled_says_nothing(self) -> None:
        self.send('error', 'cancelled', 'error', 'cancelled')
        self.reliable()
        self.send('error', 'cancelled')
        self.unreliable()

    def test_what_has_not_ended_says_nothing(self) -> None:
        self.send('error', 'error', 'running')
        self.reliable()
        self.send('error', 'running')
        self.unreliable()

    def test_what_we_had_aborted_says_nothing(self) -> None:
        """Nova 33 and 34 call that an error."""
        self.send('error', 'error')
        self.send('error', aborted=True)
        self.reliable()

    def test_a_source_that_died_says_nothing(self) -> None:
        """Its migrations end as error, wherever they were to go."""
        self.send('error', 'error', 'error')
        self.down = 'b'
        self.reliable()
        self.down = 'c'
        self.unreliable()

    def test_after_the_pause_one_is_tried(self) -> None:
        self.send('error', 'error', 'error', created_at=NOW - 1799)
        self.unreliable()
        self.unreliable(breaker_pause=1800)
        self.reliable(breaker_pause=1799)
        # It fails.
        self.send('error', created_at=NOW - 1)
        self.unreliable(breaker_pause=2)

    def test_how_many(self) -> None:
        self.send('error', 'error')
        self.unreliable(breaker_failures=2)

    def test_to_another_host_or_to_none(self) -> None:
        self.send(*['error'] * 3, target='b')
        self.send(*['error'] * 3, target=None)
        self.send(*['error'] * 3, source='a', target='b')
        self.reliable()

    def test_of_one_server(self) -> None:
        for n in range(3):
            self.migrations.append(
                migration('m', migration_id=n, target='a', status='error')
            )
        self.unreliable()
