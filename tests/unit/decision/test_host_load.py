import dataclasses
import math

import fixtures
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import detector, ranking
from steal_scheduler.decision.host_checks import HostCheck, UnreliableHost
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import (
    Fleet,
    Host,
    HostSignal,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.host_view import Mover, Tier, View
from steal_scheduler.model.move import Move, Stage
from tests.unit import (
    clouds,
    make,
    strategies,  # noqa: F401 (hypothesis' settings)
)
from tests.unit.clouds import Measured

NOW = 1_000_000.0
RULES = make.rules()
ARRIVING = [
    stage for stage in Stage if Move(make.server(), '', stage, 0).arriving
]


def server(
    server_id: str, host: str | None = 'a', role: str | None = None
) -> Server:
    return Server(
        server_id=server_id,
        name=server_id,
        host=host,
        zone='az1',
        status='ACTIVE',
        vcpus=4,
        ram_mb=4096,
        project_id='p',
        disk_gb=0,
        role=role,
    )


def signal(
    server_id: str, used: float = 1.0, waited: float = 0.0, host: str = 'a'
) -> ServerSignal:
    return ServerSignal(server_id, host, used, waited, NOW)


class Cloud:
    """Hosts a, b and c with 16 cores each; everything has a signal."""

    def __init__(self) -> None:
        self.servers: dict[str, Server] = {}
        self.signals: dict[str, ServerSignal] = {}
        self.hosts = {n: HostSignal(n, 16.0, NOW) for n in 'abc'}
        self.moves: dict[str, Move] = {}
        self.unreliable: dict[str, UnreliableHost] = {}
        self.migrations: dict[str, tuple[Migration, ...]] = {}
        self.window = 0.0

    def add(
        self,
        server_id: str,
        host: str = 'a',
        used: float = 1.0,
        waited: float = 0.0,
        role: str | None = None,
    ) -> None:
        self.servers[server_id] = server(server_id, host, role)
        self.signals[server_id] = signal(server_id, used, waited, host)

    def move(self, server_id: str, stage: Stage, target: str | None) -> None:
        self.moves[server_id] = Move(
            self.servers[server_id],
            source='a',
            stage=stage,
            since=NOW,
            demand=Demand.exactly(4.0),
            target=target,
        )

    def view(self, rules: Rules = RULES, before: View | None = None) -> View:
        fleet = Fleet(
            self.servers,
            {name: Host(name, 'az1') for name in 'abc'},
            self.migrations,
        )
        usable = Signals(self.signals, self.hosts, NOW, window=self.window)
        known = make.snapshot(
            fleet,
            measured=usable,
            unreliable=self.unreliable,
            moves=self.moves,
            rules=rules,
        )
        return build_view(known, before)


class TestTier(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cloud = Cloud()

    def tier(self) -> Tier:
        return self.cloud.view().hosts['a'].tier

    def test_idle(self) -> None:
        self.assertIs(Tier.COLD, self.tier())

    def test_busy_without_steal(self) -> None:
        self.cloud.add('1', used=16.0)
        self.assertIs(Tier.COLD, self.tier())

    def test_hot_by_steal(self) -> None:
        self.cloud.add('1', used=1.9, waited=0.1)
        self.assertIs(Tier.HOT, self.tier())
        self.assertAlmostEqual(0.05, self.cloud.view().hosts['a'].steal)

    def test_small_numbers_count(self) -> None:
        self.cloud.hosts['a'] = HostSignal('a', 1.0, NOW)
        self.cloud.add('1', used=0.25, waited=0.5)
        found = self.cloud.view().hosts['a']
        self.assertAlmostEqual(2 / 3, found.steal)
        self.assertEqual((Tier.HOT, 0.75), (found.tier, found.asked.high))

    def test_hot_by_demand(self) -> None:
        self.cloud.add('1', used=16.0, waited=0.1)
        self.assertIs(Tier.HOT, self.tier())

    def test_what_a_quota_holds_back_is_no_heat(self) -> None:
        """One such server on each host would else leave no target."""
        self.cloud.add('1', used=0.4, waited=0.6)
        self.assertIs(Tier.HOT, self.tier())
        for throttled, steal in ((0.6, 0.0), (0.7, 0.0), (0.2, 0.5)):
            self.cloud.signals['1'] = dataclasses.replace(
                self.cloud.signals['1'], throttled=throttled
            )
            found = self.cloud.view().hosts['a']
            self.assertAlmostEqual(steal, found.steal)
            self.assertAlmostEqual(0.4 + 0.4 * (steal > 0), found.asked.high)
            self.assertIs(Tier.HOT if steal else Tier.COLD, found.tier)

    def test_what_else_runs_there_counts(self) -> None:
        self.cloud.add('1', used=2.0)
        other = dataclasses.replace(self.cloud.hosts['a'], used=17.0)
        self.cloud.hosts['a'] = other
        self.assertIs(Tier.HOT, self.tier())
        self.assertEqual(0.0, self.cloud.view().hosts['a'].steal)

    def test_hot_by_those_who_want_to_run(self) -> None:
        """Where they are counted, how much is in use says nothing."""
        self.cloud.add('1', used=4.0)
        for used, runnable, tier in (
            (4.0, 1.1, Tier.HOT),
            (17.0, 0.9, Tier.COLD),
        ):
            self.cloud.hosts['a'] = HostSignal(
                'a', 16.0, NOW, used=used, runnable=runnable
            )
            self.assertIs(tier, self.tier())
            found = self.cloud.view().hosts['a']
            self.assertEqual((used, runnable), (found.demand, found.pressure))

    def test_who_was_hot_stays_so_for_a_band(self) -> None:
        self.cloud.add('1', used=2.0, waited=1.0)
        hot = self.cloud.view()
        self.cloud.add('1', used=9.8, waited=0.2)
        self.assertIs(Tier.HOT, self.cloud.view(before=hot).hosts['a'].tier)
        self.assertIs(Tier.COLD, self.tier())
        # What b was says nothing of a.
        other = dataclasses.replace(hot, hosts={'b': hot.hosts['a']})
        self.assertIs(Tier.COLD, self.cloud.view(before=other).hosts['a'].tier)

    def test_where_they_are_few_each_is_hot_that_waits(self) -> None:
        for name, waited in zip('abc', (1.0, 0.01, 1.2), strict=True):
            self.cloud.add(name, name, used=2.0, waited=waited)
        tiers = {n: h.tier for n, h in self.cloud.view().hosts.items()}
        cold, hot = Tier.COLD, Tier.HOT
        self.assertEqual({'a': hot, 'b': cold, 'c': hot}, tiers)

    def test_only_the_worst_of_its_zone_is_hot_where_all_wait(self) -> None:
        zones = dict.fromkeys('abcde', 'az1') | dict.fromkeys('vwxyz', 'az2')
        waited = dict(
            zip(zones, (1, 2, 3, 4, 5, 6, 7, 8, 9, 9.5), strict=True)
        )
        measured = make.signals(
            *(
                make.signal(name, host=name, used=10.0, waited=waited[name])
                for name in zones
            ),
            hosts=dict.fromkeys(zones, 64.0),
        )
        servers = (make.server(name, host=name) for name in zones)
        known = make.snapshot(
            make.fleet(*servers, hosts=zones), measured=measured
        )
        hosts = build_view(known).hosts
        hot = {name for name in zones if hosts[name].tier is Tier.HOT}
        self.assertEqual({'e', 'z'}, hot)

    def test_an_unreliable_host_moves_no_threshold(self) -> None:
        for name, waited in zip('abc', (1.0, 1.1, 0.02), strict=True):
            self.cloud.add(name, name, used=2.0, waited=waited)
        cold = Tier.COLD
        self.cloud.unreliable['a'] = UnreliableHost(
            'a', HostCheck.FAILED_ARRIVALS, ''
        )
        del self.cloud.hosts['b']
        self.assertIs(cold, self.cloud.view().hosts['c'].tier)

    def test_unknown_without_signal(self) -> None:
        del self.cloud.hosts['a']
        self.assertIs(Tier.UNKNOWN, self.tier())

    def test_unknown_if_unreliable(self) -> None:
        self.cloud.unreliable['a'] = UnreliableHost(
            'a', HostCheck.FLAT_WAIT, ''
        )
        self.assertIs(Tier.UNKNOWN, self.tier())

    def test_an_unseen_server_is_taken_for_busy(self) -> None:
        for n in range(5):
            self.cloud.add(str(n))
        del self.cloud.signals['0']
        host = self.cloud.view().hosts['a']
        self.assertIs(Tier.COLD, host.tier)
        self.assertEqual(4.0, host.credit)

    def test_a_stopped_server_is_not_expected_to_be_seen(self) -> None:
        self.cloud.servers['1'] = dataclasses.replace(
            server('1'), status='SHUTOFF'
        )
        self.assertIs(Tier.COLD, self.tier())
        self.assertEqual(0.0, self.cloud.view().hosts['a'].credit)


class TestMoves(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cloud = Cloud()
        self.cloud.add('1', used=3.0, waited=1.0, role='web')

    def test_credited_to_the_target_from_request_to_verify(self) -> None:
        for stage in Stage:
            self.cloud.move('1', stage, 'b')
            target = self.cloud.view().hosts['b']
            expected = 4.0 if stage in ARRIVING else 0.0
            self.assertEqual(expected, target.credit, stage)

    def test_credit_is_only_what_the_target_does_not_show(self) -> None:
        self.cloud.servers['1'] = server('1', 'b', 'web')
        self.cloud.signals['1'] = signal('1', used=1.0, host='b')
        self.cloud.move('1', Stage.VERIFY, 'b')
        target = self.cloud.view().hosts['b']
        self.assertEqual((1.0, 3.0), (target.demand, target.credit))
        self.assertEqual(12.0, target.head_room)
        self.cloud.signals['1'] = signal('1', used=5.0, host='b')
        self.assertEqual(0.0, self.cloud.view().hosts['b'].credit)

    def test_arrived_and_not_yet_seen_is_credited_once(self) -> None:
        self.cloud.servers['1'] = server('1', 'b', 'web')
        del self.cloud.signals['1']
        self.cloud.move('1', Stage.VERIFY, 'b')
        target = self.cloud.view().hosts['b']
        self.assertEqual(4.0, target.credit)
        self.assertIs(Tier.COLD, target.tier)

    def test_role_counts_on_the_target(self) -> None:
        self.cloud.add('2', 'b', role='web')
        for stage in Stage:
            self.cloud.move('1', stage, 'b')
            counts = self.cloud.view().roles['p/web']
            self.assertEqual(
                {'b': 2} if stage in ARRIVING else {'a': 1, 'b': 1},
                counts,
                stage,
            )

    def test_no_target_yet(self) -> None:
        self.cloud.move('1', Stage.REQUEST, None)
        found = self.cloud.view()
        self.assertEqual({'a': 1}, found.roles['p/web'])
        self.assertEqual(0, sum(h.arrivals for h in found.hosts.values()))

    def test_arrivals_do_not_count_what_is_being_verified(self) -> None:
        self.cloud.move('1', Stage.MIGRATE, 'b')
        self.assertEqual(1, self.cloud.view().hosts['b'].arrivals)
        self.cloud.move('1', Stage.VERIFY, 'b')
        self.assertEqual(0, self.cloud.view().hosts['b'].arrivals)

    def test_movers_are_those_that_need_a_host(self) -> None:
        expected = (Stage.DRAIN, Stage.REQUEST)
        for stage in Stage:
            self.cloud.move('1', stage, None)
            movers = self.cloud.view().movers
            self.assertEqual(stage in expected, '1' in movers, stage)
        self.cloud.move('1', Stage.REQUEST, None)
        mover = self.cloud.view().movers['1']
        self.assertEqual(Mover('p/web', 'a', 4.0), mover)

    def test_a_server_without_host_or_role_counts_nowhere(self) -> None:
        for one in (server('1', None, 'web'), server('1', 'a', None)):
            self.cloud.servers['1'] = one
            self.assertEqual({}, self.cloud.view().roles)


class TestArrivals(base.BaseTestCase):
    """A server that came to host b, and is seen there in half the window."""

    def setUp(self) -> None:
        super().setUp()
        self.cloud = Cloud()
        self.cloud.window = 60.0
        self.cloud.add('1', 'b')
        self.came()

    def came(self, **record: object) -> None:
        newest = make.migration('1', **{'updated_at': NOW - 30, **record})
        records = self.cloud.migrations.get('1', ())
        self.cloud.migrations['1'] = (newest, *records)

    def credit(self) -> dict[str, float]:
        hosts = self.cloud.view().hosts
        return {name: host.credit for name, host in hosts.items()}

    def test_whoever_moved_it(self) -> None:
        for user_id in ('us', 'them', None):
            self.came(user_id=user_id)
            self.assertEqual({'a': 0.0, 'b': 1.0, 'c': 0.0}, self.credit())

    def test_long_ago(self) -> None:
        self.cloud.migrations['1'] = ()
        self.came(updated_at=NOW - 60)
        self.assertEqual(0.0, self.credit()['b'])

    def test_a_move_of_ours_is_credited_once(self) -> None:
        self.cloud.move('1', Stage.VERIFY, 'b')
        self.assertEqual(3.0, self.credit()['b'])

    def test_not_seen_at_all_it_is_credited_once(self) -> None:
        del self.cloud.signals['1']
        self.assertEqual(4.0, self.credit()['b'])

    def test_its_own_sample_is_older_than_the_reading(self) -> None:
        """It is what the sample covers that counts."""
        seen = dataclasses.replace(self.cloud.signals['1'], at=NOW - 40)
        self.cloud.signals['1'] = seen
        self.cloud.migrations['1'] = ()
        self.came(updated_at=NOW - 70)
        self.assertEqual(1.0, self.credit()['b'])

    def test_what_was_tried_since_does_not_hide_it(self) -> None:
        self.came(status='running', source='b', target=None)
        self.assertEqual(1.0, self.credit()['b'])
        self.came(status='error', source='b', updated_at=NOW - 1)
        self.assertEqual(1.0, self.credit()['b'])

    def test_what_failed_brought_nobody(self) -> None:
        self.cloud.migrations['1'] = ()
        self.came(status='error', source='b')
        self.assertEqual(0.0, self.credit()['b'])


class TestRules(base.BaseTestCase):
    def test_what_nova_scheduler_is_told(self) -> None:
        found = Cloud().view(
            make.rules(
                host_steal_threshold=6.0,
                target_demand=80.0,
                slots_per_target=2,
            )
        )
        self.assertEqual(
            (NOW, 6.0, 80.0, 2),
            (
                found.taken_at,
                found.steal_threshold,
                found.target_demand,
                found.max_arrivals,
            ),
        )


def swapped(of: str, cloud: Measured) -> Signals:
    """The first reading, with what the other says of one host."""
    one, other = cloud.one, cloud.other

    def there(server_id: str) -> bool:
        return cloud.fleet.servers[server_id].host == of

    servers = {s: seen for s, seen in one.servers.items() if not there(s)}
    servers |= {s: seen for s, seen in other.servers.items() if there(s)}
    hosts = {n: told for n, told in one.hosts.items() if n != of}
    hosts |= {n: told for n, told in other.hosts.items() if n == of}
    return dataclasses.replace(one, servers=servers, hosts=hosts)


class TestAnyCloud(base.BaseTestCase):
    """What holds whatever is measured."""

    def view_of(
        self,
        cloud: Measured,
        told: Signals,
        before: View | None = None,
    ) -> tuple[Snapshot, View]:
        known = make.snapshot(
            cloud.fleet,
            measured=told,
            moves=cloud.moves,
            rules=make.rules(polls_contended=1, polls_window=1),
        )
        known = usable_signals(known)
        return known, build_view(known, before)

    def elsewhere(self, cloud: Measured, told: Signals) -> object:
        """What is found and decided of all hosts but a."""
        known, view = self.view_of(cloud, told)
        found = detector.detect(known, {})
        servers = cloud.fleet.servers
        return (
            {n: one for n, one in known.unreliable.items() if n != 'a'},
            {n: host for n, host in view.hosts.items() if n != 'a'},
            {
                one
                for one in (*found.findings, *found.refusals)
                if servers[str(one.server_id)].host != 'a'
            },
        )

    @given(clouds.measured(), st.none() | st.just('web'), st.booleans())
    def test_an_unreliable_host_is_unknown(
        self, cloud: Measured, role: str | None, move: bool
    ) -> None:
        """It is behind all that are cold and before all that are hot."""
        _, before = self.view_of(cloud, cloud.other)
        known, found = self.view_of(cloud, cloud.one, before)
        keys = ranking.keys(found, role, move=move)
        tiers = {name: host.tier for name, host in found.hosts.items()}
        for name in known.unreliable:
            self.assertIs(Tier.UNKNOWN, tiers[name])
            self.assertFalse(found.fit(found.hosts[name]))
            self.assertFalse(found.takes(name, 0.0))
            for other, key in keys.items():
                if tiers[other] is Tier.COLD:
                    self.assertLess(key, keys[name])
                if tiers[other] is Tier.HOT:
                    self.assertGreater(key, keys[name])
        for name in tiers.keys() - known.unreliable.keys():
            self.assertIsNot(Tier.UNKNOWN, tiers[name])

    @given(clouds.measured())
    def test_a_host_says_nothing_of_the_others(self, cloud: Measured) -> None:
        """But for the fleet's threshold, and that only if it is reliable."""
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.decision.host_load._hot_quantile',
                lambda values: -math.inf,
            )
        )
        self.assertEqual(
            self.elsewhere(cloud, cloud.one),
            self.elsewhere(cloud, swapped('a', cloud)),
        )

    @given(clouds.measured())
    def test_an_unreliable_host_moves_no_threshold(
        self, cloud: Measured
    ) -> None:
        told = swapped('a', cloud)
        silent = dataclasses.replace(
            told,
            hosts={n: one for n, one in told.hosts.items() if n != 'a'},
        )
        if 'a' in self.view_of(cloud, told)[0].unreliable:
            self.assertEqual(
                self.elsewhere(cloud, silent),
                self.elsewhere(cloud, told),
            )

    @given(clouds.measured())
    def test_credit_is_never_less_than_nothing(self, cloud: Measured) -> None:
        for told in (cloud.one, cloud.other):
            for host in self.view_of(cloud, told)[1].hosts.values():
                self.assertGreaterEqual(host.credit, 0.0)


class TestZones(base.BaseTestCase):
    def test_of_every_host_measured_or_not(self) -> None:
        cloud = Cloud()
        del cloud.hosts['b']
        found = {n: h.zone for n, h in cloud.view().hosts.items()}
        self.assertEqual(dict.fromkeys('abc', 'az1'), found)
