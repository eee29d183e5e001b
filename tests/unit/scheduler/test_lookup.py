from nova.db.api import api as api_db
from nova.db.main import api as main_db
from oslo_utils import uuidutils
from sqlalchemy import event

from steal_scheduler.scheduler import lookup
from tests.unit.scheduler import base, database


class TestLookup(database.DatabaseTestCase):
    def test_existing_server(self) -> None:
        server_id = self.add_server(
            'a', display_name='web-1', metadata={'role': 'web'}
        )
        cell = base.move().requested_destination.cell
        found = lookup.existing_server(server_id, cell)
        self.assertEqual(lookup.Found('a', 'web-1', {'role': 'web'}), found)

    def test_new_server(self) -> None:
        server_id = self.add_new_server(
            display_name='web-1', metadata={'role': 'web'}
        )
        found = lookup.new_server(server_id)
        self.assertEqual(lookup.Found(None, 'web-1', {'role': 'web'}), found)

    def test_zone(self) -> None:
        a, b = self.new_name('host'), self.new_name('host')
        zone = self.add_zone(a)
        self.assertEqual(zone, lookup.host_zone(a))
        self.assertEqual('nova', lookup.host_zone(b))

    def test_a_server_that_is_gone_is_not_worth_a_word(self) -> None:
        server_id = uuidutils.generate_uuid()
        cell = base.move().requested_destination.cell
        for found in (
            lookup.existing_server(server_id, cell),
            lookup.existing_server(server_id, None),
            lookup.new_server(server_id),
        ):
            self.assertEqual(lookup.NOTHING, found)
        self.assertEqual('', self.log.output)

    def test_the_zone_of_a_host_is_asked_once(self) -> None:
        host = self.new_name('host')
        asked = self.queries(api_db)
        for _ in range(3):
            lookup.host_zone(host)
        self.assertEqual(1, len(asked))

    def test_zones_are_not_kept_without_end(self) -> None:
        for n in range(lookup.MAX_ZONES + 1):
            lookup._zones[str(n)] = ('zone', 0.0)
        lookup.host_zone('one more')
        self.assertEqual(['one more'], list(lookup._zones))

    def queries(self, db: object) -> list[str]:
        """Statements from here on, as they come."""
        seen: list[str] = []

        def note(_c: object, _u: object, statement: str, *_: object) -> None:
            if statement.startswith('SELECT'):
                seen.append(statement)

        engine = db.get_engine()  # type: ignore[attr-defined]
        event.listen(engine, 'before_cursor_execute', note)
        self.addCleanup(event.remove, engine, 'before_cursor_execute', note)
        return seen


class TestDatabaseIsDown(database.DatabaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        for db in (api_db, main_db):
            engine = db.get_engine()
            event.listen(engine, 'before_cursor_execute', self.refuse)
            self.addCleanup(
                event.remove, engine, 'before_cursor_execute', self.refuse
            )

    def refuse(self, *_: object) -> None:
        raise ConnectionError('no route to database')

    def test_nothing_is_known_and_it_is_said_once(self) -> None:
        server_id = uuidutils.generate_uuid()
        for _ in range(3):
            self.assertIsNone(lookup.host_zone('a'))
            self.assertEqual(lookup.NOTHING, lookup.new_server(server_id))
            self.assertEqual(
                lookup.NOTHING, lookup.existing_server(server_id, None)
            )
        self.assertEqual(3, self.log.output.count('Scheduling goes on'))
