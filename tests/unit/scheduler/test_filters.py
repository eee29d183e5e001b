from typing import Any

import fixtures
from nova.scheduler import filters as nova_filters
from oslo_utils import uuidutils

from steal_scheduler.model.host_view import HostView, Mover
from steal_scheduler.model.rankings import Ranking, Rankings
from steal_scheduler.scheduler import filters, weighers
from tests.unit.scheduler import base, database
from tests.unit.scheduler.base import cold, host_state, hot

PATH = 'steal_scheduler.scheduler.filters'
SERVER = uuidutils.generate_uuid()


class TestLoading(base.SchedulerTestCase):
    def test_by_class_path(self) -> None:
        names = ['SameAvailabilityZoneFilter', 'StealFilter']
        found = nova_filters.HostFilterHandler().get_matching_classes(
            [f'{PATH}.{name}' for name in names]
        )
        self.assertEqual(names, [each.__name__ for each in found])

    def test_one_line_for_each(self) -> None:
        for _ in range(3):
            filters.SameAvailabilityZoneFilter()
            filters.StealFilter()
        for name in ('SameAvailabilityZoneFilter', 'StealFilter'):
            self.assertEqual(1, self.log.output.count(f'{name} is enabled'))
        self.assertEqual(2, self.log.output.count('\n'))

    def test_the_steal_filter_should_be_last(self) -> None:
        for enabled, expected in (
            (['ComputeFilter', 'StealFilter'], 0),
            (['StealFilter', 'ComputeFilter'], 1),
        ):
            self.conf.set_override(
                'enabled_filters', enabled, group='filter_scheduler'
            )
            base.settings.log_once.cache_clear()
            for _ in range(2):
                filters.StealFilter()
            self.assertEqual(expected, self.log.output.count('Write it last'))


class SameZoneTestCase(database.DatabaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = self.new_name('host')
        self.zone = self.add_zone(self.source)
        self.hosts = [
            host_state('same', self.zone),
            host_state('other', 'other zone'),
            host_state('none'),
        ]
        self.all = [host.host for host in self.hosts]

    def names(self, spec: Any) -> list[str]:
        return self.passed(
            filters.SameAvailabilityZoneFilter(), self.hosts, spec
        )


class TestSameZone(SameZoneTestCase):
    """Before the first view, when Nova's database tells the zone."""

    def test_new_servers_go_anywhere(self) -> None:
        self.assertEqual(self.all, self.names(base.boot()))

    def test_a_move_stays_although_no_zone_was_requested(self) -> None:
        spec = base.move(self.source, availability_zone=None)
        self.assertEqual(['same'], self.names(spec))

    def test_from_a_host_without_zone(self) -> None:
        self.assertEqual(['none'], self.names(base.move('elsewhere')))
        self.conf.set_override('default_availability_zone', 'other zone')
        base.request_info._known_zone.cache_clear()
        spec = base.move('elsewhere')
        self.assertEqual(['other', 'none'], self.names(spec))

    def test_an_unshelved_server_goes_anywhere(self) -> None:
        self.assertEqual(self.all, self.names(base.unshelve()))

    def test_a_rebuild_stays_where_it_is(self) -> None:
        self.assertEqual(self.all, self.names(base.rebuild(self.source)))

    def test_a_zone_that_cannot_be_found_out(self) -> None:
        self.patch(base.request_info.availability_zones, 'objects', None)
        for _ in range(3):
            self.assertEqual(self.all, self.names(base.move(self.source)))
        self.assertEqual(1, self.log.output.count('availability zone failed'))


class TestSameZoneByTheView(SameZoneTestCase):
    """The view tells zones, here not those of the database."""

    def setUp(self) -> None:
        super().setUp()
        self.view = {self.source: HostView(base.HOT, zone='other zone')}

    def test_a_move_stays(self) -> None:
        self.deliver(self.view)
        self.assertEqual(['other'], self.names(base.move(self.source)))

    def test_the_zone_outlives_the_view(self) -> None:
        self.deliver(self.view)
        self.expire()
        self.assertEqual(['other'], self.names(base.move(self.source)))

    def test_a_source_that_it_does_not_know(self) -> None:
        self.deliver(self.view)
        self.assertEqual(self.all, self.names(base.move('new host')))

    def test_a_resize_that_may_stay(self) -> None:
        self.deliver(self.view)
        spec = base.move(None)
        staying = host_state(
            self.source, 'other zone', servers=[spec.instance_uuid]
        )
        self.hosts.append(staying)
        self.assertEqual(['other', self.source], self.names(spec))

    def test_a_resize_of_which_nobody_tells_the_source(self) -> None:
        self.deliver(self.view)
        spec = base.move(None, instance_uuid=self.add_server(self.source))
        self.assertEqual(self.all, self.names(spec))

    def test_our_mover(self) -> None:
        mover = Mover(None, self.source, 1.0)
        self.deliver(self.view, movers={SERVER: mover})
        spec = base.move(self.source, instance_uuid=SERVER)
        self.assertEqual(['other'], self.names(spec))


class TestNothingIsAsked(base.SchedulerTestCase):
    """With stock options and a view: no database, and no socket."""

    def setUp(self) -> None:
        super().setUp()
        self.option('role_name_pattern', r'^(\w+)-\d+$')
        hosts = {
            name: HostView(base.COLD, cores=64.0, zone=zone)
            for name, zone in (('source', 'az1'), ('a', 'az1'), ('b', 'az2'))
        }
        self.deliver(
            hosts,
            roles={'p/web': {'a': 1}},
            movers={SERVER: Mover('p/web', 'source', 1.0)},
        )
        self.hosts = [host_state('a', 'az1'), host_state('b', 'az2')]
        # Built before the poison: that may ask what it likes.
        self.specs = {
            'boot': base.boot(),
            'unshelve': base.unshelve(),
            'resize that may stay': base.move(None),
            'move': base.move('source'),
            'own move': base.move('source', instance_uuid=SERVER),
            'rebuild': base.rebuild('a'),
            'move from a host that is new': base.move('new'),
        }
        self.classes = [
            filters.SameAvailabilityZoneFilter(),
            filters.StealFilter(),
            weighers.StealWeigher(),
        ]

    def poison(self) -> list[str]:
        """What was touched, from here on."""
        touched: list[str] = []

        def touch(name: str) -> Any:
            def touched_it(*args: object, **kwargs: object) -> None:
                touched.append(name)
                raise AssertionError(f'{name} was touched')

            return touched_it

        for path in (
            'nova.context.get_admin_context',
            'nova.context.target_cell',
            'nova.availability_zones.get_host_availability_zone',
            'sqlalchemy.engine.Engine.connect',
            'socket.socket.connect',
            'socket.getaddrinfo',
        ):
            self.useFixture(fixtures.MonkeyPatch(path, touch(path)))
        return touched

    def place(self) -> dict[str, list[str]]:
        """The hosts that are left for each kind of request, best first."""
        found = {}
        for kind, spec in self.specs.items():
            *filters_, weigher = self.classes
            hosts = self.hosts
            for each in filters_:
                names = self.passed(each, hosts, spec)
                hosts = [h for h in hosts if h.host in names]
            found[kind] = list(self.weighed(weigher, hosts, spec))
        return found

    def test_with_a_view(self) -> None:
        touched = self.poison()
        found = self.place()
        self.assertEqual([], touched)
        self.assertEqual(['a'], found['move'])
        self.assertEqual(['a'], found['own move'])
        self.assertEqual({'a', 'b'}, set(found['boot']))
        self.assertEqual({'a', 'b'}, set(found['resize that may stay']))
        self.assertNotIn('failed', self.log.output)

    def test_after_it_has_expired(self) -> None:
        self.expire()
        touched = self.poison()
        found = self.place()
        self.assertEqual([], touched)
        self.assertEqual(['a'], found['move'])
        self.assertEqual(['a'], found['own move'])
        self.assertNotIn('failed', self.log.output)

    def test_the_poison_works(self) -> None:
        self.option('role_lookup', True)
        self.classes = [
            filters.SameAvailabilityZoneFilter(),
            filters.StealFilter(),
            weighers.StealWeigher(),
        ]
        touched = self.poison()
        self.place()
        self.assertIn('nova.context.get_admin_context', touched)


def feasible(hosts: set[str]) -> Rankings:
    return Rankings(1.0, {SERVER: Ranking((), hosts)})


class StealFilterTestCase(base.SchedulerTestCase):
    def names(self, spec: Any, *hosts: str) -> list[str]:
        states = [host_state(name) for name in hosts or self.hosts]
        return self.passed(filters.StealFilter(), states, spec)

    def setUp(self) -> None:
        super().setUp()
        self.hosts: dict[str, HostView] = {
            'cold': cold(),
            'unknown': HostView(base.UNKNOWN),
            'hot': hot(),
        }


class TestOurMoves(StealFilterTestCase):
    def move(self, demand: float, **fields: Any) -> list[str]:
        mover = Mover(None, 'source', demand)
        self.deliver(self.hosts, movers={SERVER: mover}, **fields)
        spec = base.move('source', instance_uuid=SERVER)
        return self.names(spec, *self.hosts, 'not in the view')

    def test_only_hosts_that_stay_cold(self) -> None:
        self.hosts |= {
            'full': cold(demand=56.0),
            'awaits another': HostView(
                base.COLD, demand=8.0, cores=64.0, arrivals=1
            ),
        }
        self.assertEqual(['cold'], self.move(2.0))

    def test_rather_none_than_one_that_would_be_hot(self) -> None:
        self.assertEqual([], self.move(60.0))

    def test_a_stale_view_says_nothing(self) -> None:
        self.assertEqual(4, len(self.move(2.0, taken_at=1.0)))

    def test_only_what_its_ranking_calls_feasible(self) -> None:
        """Whatever else is cold: there it has no room, or no place."""
        self.hosts |= {'also cold': cold(), 'another': cold()}
        self.assertEqual(
            ['another'],
            self.move(2.0, rankings=feasible({'another'})),
        )
        self.assertEqual([], self.move(2.0, rankings=feasible(set())))

    def test_where_nova_does_not_see_all_hosts(self) -> None:
        """Those that fit may be among the others: it is like any move."""
        most = {'max_placement_results': len(self.hosts) - 1}
        self.conf.set_override(*most.popitem(), group='scheduler')
        none = feasible(set())
        found = ['cold', 'unknown', 'not in the view']
        self.assertEqual(found, self.move(2.0, rankings=none))
        self.assertEqual(found, self.move(60.0))
        # One that fits is seen.
        self.assertEqual(['cold'], self.move(2.0, rankings=feasible({'cold'})))
        self.conf.set_override(
            'max_placement_results', len(self.hosts), group='scheduler'
        )
        self.assertEqual([], self.move(2.0, rankings=none))

    def test_somebody_else_has_moved_it_meanwhile(self) -> None:
        mover = Mover(None, 'source', 60.0)
        self.deliver(self.hosts, movers={SERVER: mover})
        spec = base.move('another source', instance_uuid=SERVER)
        self.assertEqual(['cold', 'unknown'], self.names(spec))


class TestOtherMoves(StealFilterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deliver(self.hosts)

    def test_no_hot_hosts(self) -> None:
        found = self.names(base.move(), *self.hosts, 'not in the view')
        self.assertEqual(['cold', 'unknown', 'not in the view'], found)

    def test_a_hot_host_rather_than_none(self) -> None:
        self.assertEqual(['hot'], self.names(base.move(), 'hot'))

    def test_strict(self) -> None:
        self.option('strict_moves', True)
        self.assertEqual([], self.names(base.move(), 'hot'))

    def test_a_rebuild_is_no_move(self) -> None:
        self.option('strict_moves', True)
        self.assertEqual(['hot'], self.names(base.rebuild('hot'), 'hot'))


class TestBoots(StealFilterTestCase):
    def test_all_pass(self) -> None:
        self.deliver(self.hosts)
        self.assertEqual(list(self.hosts), self.names(base.boot()))

    def test_strict(self) -> None:
        self.option('strict_boots', True)
        self.deliver(self.hosts)
        self.assertEqual(['cold', 'unknown'], self.names(base.boot()))
        self.assertEqual([], self.names(base.boot(), 'hot'))


class TestNeutral(StealFilterTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.option('strict_moves', True)
        self.option('strict_boots', True)

    def test_without_a_view(self) -> None:
        for spec in (base.boot(), base.move()):
            self.assertEqual(list(self.hosts), self.names(spec))

    def test_with_a_stale_view(self) -> None:
        self.deliver(self.hosts, taken_at=1.0)
        for spec in (base.boot(), base.move()):
            self.assertEqual(list(self.hosts), self.names(spec))

    def test_with_a_request_that_cannot_be_read(self) -> None:
        self.deliver(self.hosts)
        for filter_ in (
            filters.StealFilter(),
            filters.SameAvailabilityZoneFilter(),
        ):
            states = [host_state(name) for name in self.hosts]
            found = list(filter_.filter_all(iter(states), object()))
            self.assertEqual(states, found)


class TestEmptiedHosts(base.SchedulerTestCase):
    """Nobody is placed on a host that an operator has emptied."""

    def names(self, spec: Any, *emptied: str) -> list[str]:
        self.deliver({'a': cold(), 'b': cold()}, emptied=frozenset(emptied))
        hosts = [host_state(name) for name in 'ab']
        return self.passed(filters.StealFilter(), hosts, spec)

    def test_neither_new_servers_nor_moved_ones(self) -> None:
        for spec in (base.boot(), base.move('c'), base.unshelve()):
            self.assertEqual(['b'], self.names(spec, 'a'))
            self.assertEqual([], self.names(spec, 'a', 'b'))
            self.assertEqual(['a', 'b'], self.names(spec))

    def test_a_rebuild_stays_where_it_is(self) -> None:
        self.assertEqual(['a', 'b'], self.names(base.rebuild('a'), 'a'))
