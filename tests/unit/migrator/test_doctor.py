import datetime
from typing import Any

from oslotest import base

from steal_scheduler.migrator.doctor import doctor
from steal_scheduler.reporting.text import as_text
from tests.standins import nova_api
from tests.standins.app import Answer, Request
from tests.unit.deployment import Deployment

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC).timestamp()
GONE = '00000000-1111-4222-8333-444455556666'
BEGAN = '2026-11-01T12:00:00.000000'


class TestDoctor(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.deployment = self.useFixture(Deployment('endpoint ='))
        self.records: list[dict[str, Any]] = []
        answers = self.deployment.nova.instead
        answers['GET /os-migrations'] = self.migrations

    def migrations(self, request: Request) -> Answer:
        """As Nova lists them: by status, or those that changed of late."""
        status = request.query.get('status')
        found = [r for r in self.records if r['status'] == status]
        return 200, {'migrations': [] if 'marker' in request.query else found}

    def doctor(self) -> tuple[str, bool]:
        document, found = doctor(self.deployment.conf(), NOW)
        return as_text(document), found

    def show(self, server_id: str, **fields: Any) -> None:
        server = self.deployment.servers[server_id]
        server |= {'status': 'MIGRATING', 'OS-EXT-STS:task_state': 'migrating'}
        shown = {'server': server | fields}
        path = f'GET /servers/{server_id}'
        self.deployment.nova.instead[path] = (200, shown)

    def test_nothing(self) -> None:
        text, found = self.doctor()
        self.assertFalse(found)
        self.assertIn('Nothing is left over.', text)
        self.assertIn('Neutron was not asked: the catalog names none.', text)

    def test_a_record_that_is_older_than_all_that_a_tick_reads(self) -> None:
        self.records = [
            nova_api.migration(
                id=17,
                instance_uuid='x',
                status='running',
                created_at=BEGAN,
                updated_at=BEGAN,
            )
        ]
        text, found = self.doctor()
        self.assertTrue(found)
        _, head, first, detail, command = text.splitlines()[-5:]
        self.assertEqual(['server', 'name', 'host', 'reason'], head.split())
        self.assertEqual('record_never_ends', first.split()[-1])
        self.assertIn('its migration 17 is running for 28 days', detail)
        self.assertIn("SET status = 'error' WHERE id = 17", command)

    def test_who_migrates_without_a_record(self) -> None:
        self.show('x')
        text, found = self.doctor()
        self.assertTrue(found)
        self.assertIn('migrating_without_record', text)
        self.assertIn('openstack server set --state active x', text)

    def test_who_has_arrived_since(self) -> None:
        self.show('x', **{'OS-EXT-STS:task_state': None})
        self.assertFalse(self.doctor()[1])
        self.deployment.nova.instead['GET /servers/x'] = nova_api.fault(404)
        self.assertFalse(self.doctor()[1])

    def test_what_cannot_be_read(self) -> None:
        answers = self.deployment.nova.instead
        answers['GET /os-aggregates'] = nova_api.fault(503, 'not now')
        text, found = self.doctor()
        self.assertFalse(found)
        self.assertIn('Nova does not tell of its host aggregates now', text)

    def test_marks_that_prove_nothing(self) -> None:
        self.deployment.write('out', f'{GONE}\n')
        path = f'GET /servers/{GONE}'
        actions = f'{path}/os-instance-actions'
        self.deployment.nova.instead |= {
            path: nova_api.fault(404),
            actions: nova_api.fault(404),
        }
        text, found = self.doctor()
        self.assertTrue(found)
        self.assertRegex(text, f'command +{GONE}')
        self.assertIn('is it one of another cloud or region?', text)
        self.deployment.nova.instead[actions] = (200, {'instanceActions': []})
        self.assertIn('Nova has deleted this server', self.doctor()[0])
        # Its cell may be down.
        self.deployment.nova.instead[path] = nova_api.fault(503)
        self.assertFalse(self.doctor()[1])

    def test_an_orchestrator_that_does_not_answer(self) -> None:
        self.deployment.write('out', 'no id')
        text, found = self.doctor()
        self.assertFalse(found)
        self.assertIn('Orchestrator command lists no drains: ', text)

    def test_it_changes_nothing(self) -> None:
        self.deployment.tag('x', 'steal:undo:1')
        self.assertIn('tag_without_move', self.doctor()[0])
        self.assertEqual([], self.deployment.removed())
        self.assertEqual('', self.deployment.read('asked'))
