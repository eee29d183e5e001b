import collections
from typing import Any

from nova.scheduler import host_manager
from nova.scheduler import weights as nova_weights
from oslo_utils import uuidutils

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, Mover
from steal_scheduler.model.rankings import MOST_RANKED, Ranking, Rankings
from steal_scheduler.scheduler import listener, weighers
from tests.unit.scheduler import base, database
from tests.unit.scheduler.base import cold, host_state, hot

PATH = 'steal_scheduler.scheduler.weighers.StealWeigher'
SERVER = uuidutils.generate_uuid()


class WeigherTestCase(base.SchedulerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hosts: dict[str, HostView] = {
            'hot': hot(),
            'unknown': HostView(base.UNKNOWN),
            'busy': cold(0.03),
            'idle': cold(),
        }

    def states(self, *names: str) -> list[host_manager.HostState]:
        return [host_state(name) for name in names or self.hosts]

    def ordered(self, spec: Any, *names: str) -> list[list[str]]:
        return self.order(weighers.StealWeigher(), self.states(*names), spec)


class TestLoading(base.SchedulerTestCase):
    def test_by_class_path(self) -> None:
        handler = nova_weights.HostWeightHandler()
        (found,) = handler.get_matching_classes([PATH])
        self.assertIs(weighers.StealWeigher, found)

    def test_one_line(self) -> None:
        self.option('steal_weight_multiplier', 2.5)
        for _ in range(3):
            weighers.StealWeigher()
        self.assertEqual(1, self.log.output.count('\n'))
        self.assertIn('StealWeigher is enabled', self.log.output)
        self.assertIn('2.5', self.log.output)


class TestMultiplier(WeigherTestCase):
    def weights_of(self, *states: host_manager.HostState) -> list[float]:
        self.deliver({'a': cold(), 'b': cold(0.03), 'c': hot()})
        found = self.weighed(weighers.StealWeigher(), states, base.boot())
        return [found[state.host] for state in states]

    def test_one_step_weighs_the_multiplier(self) -> None:
        found = self.weights_of(*self.states('a', 'b', 'c'))
        self.assertEqual([20.0, 10.0, 0.0], found)

    def test_a_step_is_a_step_whatever_the_candidates(self) -> None:
        found = self.weights_of(*self.states('a', 'c'))
        self.assertEqual([20.0, 0.0], found)

    def test_option(self) -> None:
        self.option('steal_weight_multiplier', 0.5)
        found = self.weights_of(*self.states('a', 'b', 'c'))
        self.assertEqual([1.0, 0.5, 0.0], found)

    def test_aggregate(self) -> None:
        found = self.weights_of(
            host_state('a', steal_weight_multiplier='3'),
            host_state('b', steal_weight_multiplier='nonsense'),
            host_state('c'),
        )
        self.assertEqual([6.0, 10.0, 0.0], found)

    def test_aggregates_that_cannot_be_read(self) -> None:
        """The option counts: Nova asks for it outside of the weighing."""
        state = host_state('a')
        state.aggregates = None
        self.assertEqual([20.0, 0.0], self.weights_of(state, host_state('c')))
        self.assertIn('multiplier of StealWeigher failed', self.log.output)

    def test_an_aggregate_says_nan(self) -> None:
        found = self.weights_of(
            host_state('a', steal_weight_multiplier='nan'),
            host_state('b', steal_weight_multiplier='inf'),
            host_state('c'),
        )
        self.assertEqual([20.0, 10.0, 0.0], found)

    def test_a_step_outweighs_nova_and_build_failures_outweigh_steps(
        self,
    ) -> None:
        # Holds for the release of Nova that is installed.
        one = host_state('a')
        multipliers = [
            abs(each().weight_multiplier(one))
            for each in nova_weights.all_weighers()
        ]
        common = [each for each in multipliers if each < 1000]
        decisive = [each for each in multipliers if each >= 1000]
        ours = weighers.StealWeigher().weight_multiplier(one)
        self.assertGreater(ours, sum(common))
        # As if each of 10,000 hosts had a rank of its own, and a server of
        # ours a ranking: see ``own_weights``.
        steps = 2 * (10_000 + 1) + MOST_RANKED
        self.assertLess(ours * steps, min(decisive))


class TestOrder(WeigherTestCase):
    def test_boots(self) -> None:
        self.deliver(self.hosts)
        expected = [['idle'], ['busy'], ['new', 'unknown'], ['hot']]
        found = self.ordered(base.boot(), *self.hosts, 'new')
        self.assertEqual(expected, found)

    def test_boots_leave_head_room_to_nova_but_moves_do_not(self) -> None:
        self.deliver({'a': cold(demand=8), 'b': cold(demand=40)})
        self.assertEqual([['a', 'b']], self.ordered(base.boot(), 'a', 'b'))
        self.assertEqual([['a'], ['b']], self.ordered(base.move(), 'a', 'b'))

    def test_role_by_hint(self) -> None:
        hosts = {'a': cold(), 'b': cold()}
        self.deliver(hosts, roles={'p/web': {'a': 1}})
        spec = base.boot(scheduler_hints={'role': ['web']})
        self.assertEqual([['b'], ['a']], self.ordered(spec, 'a', 'b'))
        self.assertEqual([['a', 'b']], self.ordered(base.boot(), 'a', 'b'))

    def test_the_role_of_another_project_is_another_role(self) -> None:
        self.deliver({'a': cold(), 'b': cold()}, roles={'p/web': {'a': 1}})
        web = {'scheduler_hints': {'role': ['web']}}
        spec = base.boot(project_id='q', **web)
        self.assertEqual([['a', 'b']], self.ordered(spec, 'a', 'b'))
        # Not even where he makes up his mind to look like p.
        for role in ('p/web', '/web', '../p/web'):
            spec = base.boot(project_id='q', scheduler_hints={'role': [role]})
            self.assertEqual([['a', 'b']], self.ordered(spec, 'a', 'b'), role)

    def test_the_role_of_a_group_of_projects(self) -> None:
        self.deliver(
            {'a': cold(), 'b': cold()},
            roles={'shop/web': {'a': 1}},
            project_groups={'p': 'shop'},
        )
        web = {'scheduler_hints': {'role': ['web']}}
        for project, expected in (('p', [['b'], ['a']]), ('q', [['a', 'b']])):
            spec = base.boot(project_id=project, **web)
            self.assertEqual(expected, self.ordered(spec, 'a', 'b'), project)

    def test_all_projects_where_the_view_is_of_an_older_migrator(self) -> None:
        self.deliver({'a': cold(), 'b': cold()}, roles={'web': {'a': 1}})
        latest = listener.latest()
        assert latest is not None
        message = view_format.encode(latest.view) | {'version': 4}
        message['taken_at'] += 1
        listener.cache().accept(message)
        spec = base.boot(scheduler_hints={'role': ['web']})
        self.assertEqual([['b'], ['a']], self.ordered(spec, 'a', 'b'))

    def test_the_role_of_a_server_that_the_view_knows(self) -> None:
        hosts = {'a': cold(), 'b': cold(demand=40)}
        movers = {SERVER: Mover('p/web', 'source', 2.0)}
        self.deliver(hosts, roles={'p/web': {'a': 1}}, movers=movers)
        spec = base.move('source', instance_uuid=SERVER)
        self.assertEqual([['b'], ['a']], self.ordered(spec, 'a', 'b'))

    def test_the_ranking_of_a_server_that_we_move(self) -> None:
        hosts = {'a': cold(), 'b': cold(demand=40), 'c': cold(demand=44)}
        self.deliver(
            hosts,
            movers={SERVER: Mover(None, 'source', 2.0)},
            rankings=Rankings(
                1.0, {SERVER: Ranking((('b',),), frozenset('bc'))}
            ),
        )
        spec = base.move('source', instance_uuid=SERVER)
        own = [['b'], ['c'], ['a']]
        self.assertEqual(own, self.ordered(spec, 'a', 'b', 'c'))
        general = [['a'], ['b'], ['c']]
        for spec in (
            base.move('source'),
            # Somebody else has moved it meanwhile.
            base.move('another source', instance_uuid=SERVER),
        ):
            self.assertEqual(general, self.ordered(spec, 'a', 'b', 'c'))

    def test_it_heeds_what_was_placed_since(self) -> None:
        """The best host has become the target of a large new server."""
        self.deliver(
            {'a': cold(demand=40), 'b': cold(demand=44), 'c': cold(0.03)},
            movers={SERVER: Mover(None, 'source', 10.0)},
            rankings=Rankings(
                1.0, {SERVER: Ranking((('a',), ('b',)), frozenset('ab'))}
            ),
        )
        new = base.boot(flavor=base.objects.Flavor(vcpus=8))
        for place in (['a'], ['a']):
            spec = base.move('source', instance_uuid=SERVER)
            self.assertEqual(place, self.ordered(spec, 'a', 'b', 'c')[0])
        self.ordered(new, 'a', 'c')
        spec = base.move('source', instance_uuid=SERVER)
        self.assertEqual(['b'], self.ordered(spec, 'a', 'b', 'c')[0])

    def test_nodes_of_one_host(self) -> None:
        # As an ironic service has them.
        self.deliver({'a': cold(), 'b': hot()})
        states = [
            host_state('a', node=node) for node in ('node1', 'node2')
        ] + [host_state('b')]
        found = nova_weights.HostWeightHandler().get_weighed_objects(
            [weighers.StealWeigher()], states, base.boot()
        )
        self.assertEqual(
            [('node1', 10.0), ('node2', 10.0), ('b', 0.0)],
            [(each.obj.nodename, each.weight) for each in found],
        )


class TestRoleOfNewServers(database.DatabaseTestCase):
    def test_by_metadata_if_it_is_looked_up(self) -> None:
        self.option('role_lookup', True)
        hosts = {'a': cold(), 'b': cold()}
        self.deliver(hosts, roles={'p/web': {'a': 1}})
        server_id = self.add_new_server(metadata={'role': 'web'})
        spec = base.boot(instance_uuid=server_id)
        states = [host_state('a'), host_state('b')]
        found = self.order(weighers.StealWeigher(), states, spec)
        self.assertEqual([['b'], ['a']], found)


class TestBetweenViews(WeigherTestCase):
    """Many requests, and no view that tells of the first."""

    def setUp(self) -> None:
        super().setUp()
        self.names = [f'host{n}' for n in range(4)]
        self.weigher = weighers.StealWeigher()

    def choose(self, *specs: Any) -> collections.Counter[str]:
        """How often Nova takes each host."""
        found = []
        for spec in specs:
            weighed = self.weighed(
                self.weigher, self.states(*self.names), spec
            )
            found.append(next(iter(weighed)))
        return collections.Counter(found)

    def test_boots_of_one_role_spread(self) -> None:
        hosts = {name: cold() for name in self.names}
        self.deliver(hosts, roles={'p/web': {}})
        specs = [
            base.boot(scheduler_hints={'role': ['web']}) for _ in range(8)
        ]
        self.assertEqual([2, 2, 2, 2], list(self.choose(*specs).values()))

    def test_servers_of_one_request_spread(self) -> None:
        hosts = {name: cold() for name in self.names}
        self.deliver(hosts, roles={'p/web': {}})
        spec = base.boot(scheduler_hints={'role': ['web']})
        found: collections.Counter[str] = collections.Counter()
        for _ in range(8):
            spec.instance_uuid = uuidutils.generate_uuid()
            found += self.choose(spec)
        self.assertEqual([2, 2, 2, 2], list(found.values()))

    def test_weighing_again_for_alternates_changes_nothing(self) -> None:
        hosts = {name: cold() for name in self.names}
        self.deliver(hosts, roles={'p/web': {}})
        spec = base.boot(scheduler_hints={'role': ['web']})
        first = self.choose(spec)
        self.assertEqual(first, self.choose(spec))
        other = base.boot(scheduler_hints={'role': ['web']})
        self.assertEqual({}, first & self.choose(other))

    def test_one_good_host_takes_no_more_than_it_can(self) -> None:
        hosts = {name: cold(0.03, cores=16.0) for name in self.names}
        hosts['host0'] = cold(0.0, demand=8.0, cores=16.0)
        self.deliver(hosts)
        found = self.choose(*(base.boot() for _ in range(9)))
        # 90 % of 16 cores are 14.4: the fourth server of 2 vCPUs fills it.
        self.assertEqual(4, found['host0'])
        self.assertEqual(9, found.total())

    def test_emptying_a_host(self) -> None:
        hosts = {
            name: cold(demand=8.0 + n) for n, name in enumerate(self.names)
        }
        self.deliver(hosts)
        found = self.choose(*(base.move() for _ in range(8)))
        self.assertEqual(set(self.names), set(found))

    def test_a_new_view_knows_better(self) -> None:
        hosts = {name: cold() for name in self.names}
        spec = [base.boot(scheduler_hints={'role': ['web']}) for _ in 'ab']
        self.deliver(hosts, roles={'p/web': {}})
        first = self.choose(spec[0])
        self.deliver(hosts, roles={'p/web': {}})
        self.assertEqual(first, self.choose(spec[1]))


class TestNeutral(WeigherTestCase):
    def check(self, spec: Any) -> None:
        found = self.weighed(weighers.StealWeigher(), self.states(), spec)
        self.assertEqual(list(self.hosts), list(found))
        self.assertEqual({0.0}, set(found.values()))

    def test_without_a_view(self) -> None:
        for spec in (base.boot(), base.move()):
            self.check(spec)

    def test_with_a_stale_view(self) -> None:
        self.deliver(self.hosts, taken_at=1.0)
        for spec in (base.boot(), base.move()):
            self.check(spec)

    def test_with_one_known_host(self) -> None:
        self.deliver({'hot': hot(), 'unknown': HostView(base.UNKNOWN)})
        self.check(base.boot())

    def test_for_a_rebuild(self) -> None:
        self.deliver(self.hosts)
        self.check(base.rebuild('hot'))

    def test_with_a_request_that_cannot_be_read(self) -> None:
        self.deliver(self.hosts)
        self.check(object())
        self.assertEqual(1, self.log.output.count('StealWeigher failed'))

    def test_when_not_multiplied(self) -> None:
        self.option('steal_weight_multiplier', 0.0)
        self.deliver(self.hosts)
        self.check(base.boot())
