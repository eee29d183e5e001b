import gc
import re
import weakref
from typing import Any

from oslo_utils import uuidutils

from steal_scheduler.model.roles import RoleRule
from steal_scheduler.scheduler import facts, lookup, settings
from tests.unit.scheduler import base, database


class TestSource(database.DatabaseTestCase):
    def source(self, spec: Any) -> str | None:
        return facts.of(spec).source

    def test_a_new_server(self) -> None:
        self.assertIsNone(self.source(base.boot()))

    def test_a_new_server_with_a_wish(self) -> None:
        # As request filters and "create on this host" leave it.
        wish = base.objects.Destination(host='a')
        self.assertIsNone(self.source(base.boot(requested_destination=wish)))

    def test_a_move(self) -> None:
        self.assertEqual('a', self.source(base.move('a')))

    def test_another_attempt(self) -> None:
        spec = base.move(ignore_hosts=['a', 'tried'])
        self.assertEqual('a', self.source(spec))

    def test_a_resize_that_may_stay(self) -> None:
        server_id = self.add_server('a')
        spec = base.move(None, instance_uuid=server_id)
        self.assertEqual('a', self.source(spec))

    def test_a_resize_to_a_host_in_any_cell(self) -> None:
        server_id = self.add_server('a')
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
        self.assertEqual('a', self.source(spec))

    def test_an_unshelve(self) -> None:
        spec = base.move(None, instance_uuid=self.add_server(None))
        self.assertIsNone(self.source(spec))


class TestZone(database.DatabaseTestCase):
    def test_of_the_source(self) -> None:
        host = self.new_name('host')
        zone = self.add_zone(host)
        self.assertEqual(zone, facts.of(base.move(host)).zone)

    def test_of_a_new_server(self) -> None:
        self.assertIsNone(facts.of(base.boot()).zone)


class TestRole(database.DatabaseTestCase):
    def role(self, spec: Any, **rule: Any) -> str | None:
        self.option('role_name_pattern', rule.pop('role_name_pattern', ''))
        for name, value in rule.items():
            self.option(name, value)
        return facts.of(spec).role(settings.load())

    def new(self, **fields: Any) -> Any:
        return base.boot(instance_uuid=self.add_new_server(**fields))

    def test_metadata_of_a_new_server(self) -> None:
        spec = self.new(metadata={'role': 'web'})
        self.assertEqual('web', self.role(spec))

    def test_name_of_a_new_server(self) -> None:
        spec = self.new(display_name='web-1', metadata={})
        found = self.role(spec, role_name_pattern=r'^(\w+)-\d+$')
        self.assertEqual('web', found)

    def test_metadata_of_a_moved_server(self) -> None:
        server_id = self.add_server('a', metadata={'role': 'web'})
        spec = base.move('a', instance_uuid=server_id)
        self.assertEqual('web', self.role(spec))

    def test_a_hint_spares_the_query(self) -> None:
        spec = base.boot(scheduler_hints={'role': ['web']})
        self.assertEqual('web', self.role(spec))
        spec = base.boot(scheduler_hints=None)
        self.assertIsNone(self.role(spec))

    def test_boots_are_not_looked_up(self) -> None:
        spec = self.new(metadata={'role': 'web'})
        self.assertIsNone(self.role(spec, boot_role_lookup=False))
        server_id = self.add_server('a', metadata={'role': 'web'})
        spec = base.move('a', instance_uuid=server_id)
        self.assertEqual('web', self.role(spec, boot_role_lookup=False))

    def test_without_a_rule_nothing_is_looked_up(self) -> None:
        spec = self.new(metadata={'role': 'web'})
        self.assertIsNone(self.role(spec, role_metadata_key=''))


class TestOncePerRequest(base.SchedulerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        self.patch(lookup, 'new_server', self.note)
        self.patch(lookup, 'host_zone', self.note)
        self.settings = settings.load()

    def note(self, what: str) -> Any:
        self.asked.append(what)
        return lookup.NOTHING if uuidutils.is_uuid_like(what) else None

    def test_what_is_not_known_is_not_asked_again(self) -> None:
        boot, move = base.boot(), base.move('a')
        for _ in range(3):
            facts.of(boot).role(self.settings)
            self.assertIsNone(facts.of(move).zone)
        self.assertEqual([boot.instance_uuid, 'a'], self.asked)

    def test_many_new_servers_are_one_request(self) -> None:
        spec = base.boot()
        for _ in range(3):
            spec.instance_uuid = uuidutils.generate_uuid()
            facts.of(spec).role(self.settings)
        self.assertEqual(1, len(self.asked))

    def test_facts_end_with_their_request(self) -> None:
        spec = base.move('a')
        known = weakref.ref(facts.of(spec))
        del spec
        gc.collect()
        self.assertIsNone(known())


class TestRule(base.SchedulerTestCase):
    def test_as_the_migrator_has_it(self) -> None:
        self.option('role_name_pattern', r'^(\w+)-')
        self.option('role_metadata_key', 'purpose')
        self.assertEqual(
            RoleRule('purpose', 'role', re.compile(r'^(\w+)-')),
            settings.load().role,
        )
