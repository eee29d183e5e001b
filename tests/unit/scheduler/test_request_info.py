import gc
import math
import weakref
from typing import Any

from oslo_utils import uuidutils
from sqlalchemy import event
from sqlalchemy.engine import Engine

from steal_scheduler.scheduler import request_info, settings
from tests.unit.scheduler import base, database
from tests.unit.scheduler.base import host_state

PATTERN = r'^(\w+)-\d+$'


class TestMoves(base.SchedulerTestCase):
    """Whether a server is created, placed again, or moved."""

    def kinds(self, spec: Any) -> tuple[bool, bool]:
        info = request_info.of(spec)
        return info.exists, info.moves

    def test_a_new_server(self) -> None:
        self.assertEqual((False, False), self.kinds(base.boot()))

    def test_a_new_server_with_a_wish(self) -> None:
        # As request filters and "create on this host" leave it.
        wish = base.objects.Destination(host='a')
        spec = base.boot(requested_destination=wish)
        self.assertEqual((False, False), self.kinds(spec))

    def test_an_unshelved_server(self) -> None:
        self.assertEqual((True, False), self.kinds(base.unshelve()))

    def test_a_move(self) -> None:
        self.assertEqual((True, True), self.kinds(base.move('a')))

    def test_a_resize_that_may_stay(self) -> None:
        self.assertEqual((True, True), self.kinds(base.move(None)))

    def test_a_resize_to_a_host_in_any_cell(self) -> None:
        wish = base.objects.Destination(
            host='b', cell=None, allow_cross_cell_move=True
        )
        spec = base.move(None, requested_destination=wish)
        self.assertEqual((True, True), self.kinds(spec))


class InfoTestCase(database.DatabaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        # Of every engine: Nova makes one for each cell.
        event.listen(Engine, 'before_cursor_execute', self.note)
        self.addCleanup(
            event.remove, Engine, 'before_cursor_execute', self.note
        )

    def note(self, _c: Any, _u: Any, statement: str, *_: Any) -> None:
        if statement.startswith('SELECT'):
            self.asked.append(statement)

    def zone(
        self,
        spec: Any,
        *hosts: Any,
        zones: dict[str, str] | None = None,
    ) -> str | None:
        """What is known, of a new process; queries of before are not it."""
        self.asked.clear()
        return request_info.of(spec).zone(hosts, zones, settings.load())

    def role(self, spec: Any, **options: Any) -> str | None:
        options = {'role_lookup': True, 'role_name_pattern': '', **options}
        for name, value in options.items():
            self.option(name, value)
        self.asked.clear()
        return request_info.of(spec).role(settings.load())


class TestZone(InfoTestCase):
    def test_of_the_view(self) -> None:
        zones = {'a': 'az1', 'b': 'az2'}
        for spec in (base.move('a'), base.move(ignore_hosts=['a', 'tried'])):
            self.assertEqual('az1', self.zone(spec, zones=zones))
        self.assertEqual([], self.asked)

    def test_of_a_host_that_the_view_does_not_know(self) -> None:
        self.assertIsNone(self.zone(base.move('a'), zones={}))
        self.assertEqual([], self.asked)

    def test_of_an_aggregate_that_holds_a_candidate(self) -> None:
        """Nova has it in memory, and it is newer than the view."""
        candidates = [
            host_state('b', 'az2', beside=['a']),
            host_state('c', 'az3'),
            host_state('d', beside=['a'], ssd='true'),
            host_state('e'),
        ]
        for zones in ({'a': 'az1'}, None):
            found = self.zone(base.move('a'), *candidates, zones=zones)
            self.assertEqual('az2', found)
        self.assertEqual([], self.asked)

    def test_before_the_first_view(self) -> None:
        host = self.new_name('host')
        zone = self.add_zone(host)
        # Remembered for other requests, as long as the minute lasts.
        for seconds, queries in ((math.inf, 1), (math.inf, 0), (1e-9, 1)):
            self.patch(request_info, 'ZONE_SECONDS', seconds)
            self.assertEqual(zone, self.zone(base.move(host)))
            self.assertEqual(queries, len(self.asked))

    def test_of_a_host_without_zone(self) -> None:
        self.assertEqual('nova', self.zone(base.move(self.new_name('host'))))

    def test_of_a_server_that_is_on_no_host(self) -> None:
        zones = {'a': 'az1'}
        for spec in (base.boot(), base.unshelve()):
            self.assertIsNone(self.zone(spec, host_state('a'), zones=zones))
            self.assertIsNone(self.zone(spec, host_state('a')))
        self.assertEqual([], self.asked)

    def test_a_resize_that_may_stay(self) -> None:
        spec = base.move(None)
        candidates = [
            host_state('b'),
            host_state('a', servers=[spec.instance_uuid]),
        ]
        found = self.zone(spec, *candidates, zones={'a': 'az1', 'b': 'az2'})
        self.assertEqual('az1', found)
        self.assertEqual([], self.asked)

    def test_a_resize_that_can_not_stay(self) -> None:
        """Its host has no room, so nobody tells which it is."""
        spec = base.move(None, instance_uuid=self.add_server('a'))
        known = {'zones': {'a': 'az1', 'b': 'az2'}}
        self.assertIsNone(self.zone(spec, host_state('b'), **known))
        self.assertEqual([], self.asked)
        self.option('role_lookup', True)
        again = base.move(None, instance_uuid=spec.instance_uuid)
        self.assertEqual('az1', self.zone(again, host_state('b'), **known))

    def test_zones_are_not_kept_without_end(self) -> None:
        kept = request_info._known_zone.cache_info()
        self.assertEqual(request_info.MAX_ZONES, kept.maxsize)


class TestRole(InfoTestCase):
    def new(self, **fields: Any) -> Any:
        return base.boot(instance_uuid=self.add_new_server(**fields))

    def test_a_hint_spares_the_look_up(self) -> None:
        spec = base.boot(scheduler_hints={'role': ['web']})
        self.assertEqual('web', self.role(spec))
        self.assertEqual([], self.asked)

    def test_nothing_is_looked_up_by_default(self) -> None:
        server_id = self.add_server('a', metadata={'role': 'web'})
        for spec in (
            self.new(metadata={'role': 'web'}),
            base.boot(scheduler_hints=None),
            base.move('a', instance_uuid=server_id),
        ):
            self.assertIsNone(self.role(spec, role_lookup=False))
            self.assertEqual([], self.asked)

    def test_metadata_of_a_new_server(self) -> None:
        spec = self.new(metadata={'role': 'web'})
        self.assertEqual('web', self.role(spec))
        self.assertEqual(1, len(self.asked))

    def test_name_of_a_new_server(self) -> None:
        spec = self.new(display_name='web-1', metadata={})
        found = self.role(spec, role_name_pattern=PATTERN)
        self.assertEqual('web', found)

    def test_metadata_of_a_moved_server(self) -> None:
        server_id = self.add_server('a', metadata={'role': 'web'})
        spec = base.move('a', instance_uuid=server_id)
        self.assertEqual('web', self.role(spec))

    def test_a_server_of_which_the_cell_is_not_told(self) -> None:
        server_id = self.add_server('a', metadata={'role': 'web'})
        cell = base.move().requested_destination.cell
        cell.create()
        base.objects.InstanceMapping(
            self.admin,
            instance_uuid=server_id,
            project_id='project',
            cell_mapping=cell,
        ).create()
        wish = base.objects.Destination(
            host='b', cell=None, allow_cross_cell_move=True
        )
        spec = base.move(
            None, instance_uuid=server_id, requested_destination=wish
        )
        self.assertEqual('web', self.role(spec))
        # As the help of role_lookup has it.
        self.assertLessEqual(len(self.asked), 3)

    def test_without_a_rule_nothing_is_looked_up(self) -> None:
        spec = self.new(metadata={'role': 'web'})
        self.assertIsNone(self.role(spec, role_metadata_key=''))
        self.assertEqual([], self.asked)

    def test_a_server_that_is_gone_is_not_worth_a_word(self) -> None:
        server_id = uuidutils.generate_uuid()
        for make in (base.boot, base.move, base.unshelve):
            self.assertIsNone(self.role(make(instance_uuid=server_id)))
        self.assertEqual('', self.log.output)


class TestOncePerRequest(InfoTestCase):
    def test_what_is_not_known_is_not_asked_again(self) -> None:
        boot, move = base.boot(), base.move(self.new_name('host'))
        self.patch(request_info.availability_zones, 'objects', None)
        self.option('role_lookup', True)
        self.role(boot)
        for _ in range(3):
            request_info.of(boot).role(settings.load())
            self.assertEqual(1, len(self.asked))
        for _ in range(3):
            self.assertIsNone(self.zone(move))
        self.assertEqual(1, self.log.output.count('failed'))
        self.assertNotIn('failed again', self.log.output)

    def test_many_new_servers_are_one_request(self) -> None:
        spec = base.boot()
        self.role(spec)
        for _ in range(3):
            spec.instance_uuid = uuidutils.generate_uuid()
            request_info.of(spec).role(settings.load())
        self.assertEqual(1, len(self.asked))

    def test_it_ends_with_its_request(self) -> None:
        spec = base.move('a')
        known = weakref.ref(request_info.of(spec))
        del spec
        gc.collect()
        self.assertIsNone(known())


class TestDatabaseIsDown(InfoTestCase):
    def note(self, *_: object) -> None:
        raise ConnectionError('no route to database')

    def test_nothing_is_known_and_it_is_said_once(self) -> None:
        for _ in range(3):
            self.assertIsNone(self.zone(base.move('a')))
            self.assertIsNone(self.role(base.boot()))
            self.assertIsNone(self.role(base.move('a')))
        self.assertEqual(2, self.log.output.count('Scheduling goes on'))
