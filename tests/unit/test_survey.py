import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler import ranking
from steal_scheduler.doubts import Doubt
from steal_scheduler.evidence import Evidence
from steal_scheduler.heat import HeatRules
from steal_scheduler.model import (
    Fleet,
    Host,
    HostSignal,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.move import Move, Stage
from steal_scheduler.survey import survey
from steal_scheduler.trust import Distrust
from steal_scheduler.view import Mover, Tier, View
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)

NOW = 1_000_000.0
RULES = HeatRules()
ARRIVING = [stage for stage in Stage if Move('', '', stage, 0).arriving]


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
        self.distrust: dict[str, Distrust] = {}

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
        moved = self.servers[server_id]
        self.moves[server_id] = Move(
            server_id,
            source='a',
            stage=stage,
            since=NOW,
            role=moved.role,
            zone='az1',
            demand=4.0,
            target=target,
        )

    def view(
        self, rules: HeatRules = RULES, before: View | None = None
    ) -> View:
        fleet = Fleet(
            self.servers, {name: Host(name, 'az1') for name in 'abc'}, {}
        )
        known = Evidence(Signals(self.signals, self.hosts, NOW), self.distrust)
        return survey(known, fleet, self.moves, rules, before)


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

    def test_hot_by_demand(self) -> None:
        self.cloud.add('1', used=16.0, waited=0.1)
        self.assertIs(Tier.HOT, self.tier())

    def test_what_else_runs_there_counts(self) -> None:
        self.cloud.add('1', used=2.0)
        other = dataclasses.replace(self.cloud.hosts['a'], used=17.0)
        self.cloud.hosts['a'] = other
        self.assertIs(Tier.HOT, self.tier())
        self.assertEqual(0.0, self.cloud.view().hosts['a'].steal)

    def test_unknown_without_signal(self) -> None:
        del self.cloud.hosts['a']
        self.assertIs(Tier.UNKNOWN, self.tier())

    def test_unknown_if_not_believed(self) -> None:
        self.cloud.distrust['a'] = Distrust('a', Doubt.FLAT_WAIT, '')
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
            counts = self.cloud.view().roles['web']
            self.assertEqual(
                {'b': 2} if stage in ARRIVING else {'a': 1, 'b': 1},
                counts,
                stage,
            )

    def test_no_target_yet(self) -> None:
        self.cloud.move('1', Stage.REQUEST, None)
        found = self.cloud.view()
        self.assertEqual({'a': 1}, found.roles['web'])
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
        self.assertEqual(Mover('web', 'az1', 'a', 4.0), mover)

    def test_a_server_without_host_counts_nowhere(self) -> None:
        self.cloud.servers['1'] = server('1', None, 'web')
        self.assertEqual({}, self.cloud.view().roles)


class TestAnyCloud(base.BaseTestCase):
    """What holds whatever was measured."""

    @given(
        st.lists(
            st.tuples(
                st.sampled_from('abc'), st.floats(0, 20), st.floats(0, 20)
            ),
            max_size=8,
        ),
        st.sets(st.sampled_from('abc'), max_size=2),
        st.sets(st.integers(0, 7)),
    )
    def test_who_lacks_signals_is_behind_all_who_are_cold(
        self,
        servers: list[tuple[str, float, float]],
        without: set[str],
        unseen: set[int],
    ) -> None:
        cloud = Cloud()
        for n, (host, used, waited) in enumerate(servers):
            cloud.add(str(n), host, used, waited)
        for n in unseen:
            cloud.signals.pop(str(n), None)
        for name in without:
            del cloud.hosts[name]
        found = cloud.view()
        ranks = ranking.ranks(found, None, move=True)
        for name in without:
            self.assertIs(Tier.UNKNOWN, found.hosts[name].tier)
            for other in ranks:
                if found.hosts[other].tier is Tier.COLD:
                    self.assertLess(ranks[other], ranks[name])
