import datetime
import json
import logging
import time
from typing import Any

import fixtures
from oslotest import base

from steal_scheduler.cmd import manage
from steal_scheduler.model.history import PastMove
from steal_scheduler.model.until import iso
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.signals.prometheus.past_moves import PastMoves, Told
from tests.standins import nova_api
from tests.unit.deployment import Deployment, run_it

UNKNOWN = 'Why servers moved, and whether that helped, is not known'


class TestHistory(base.BaseTestCase):
    """Of servers x and y; Nova has a record of x, and one of z, deleted."""

    def setUp(self) -> None:
        super().setUp()
        # A program of its own sets up the log of the process.
        root = logging.getLogger()
        self.addCleanup(root.setLevel, root.level)
        self.useFixture(fixtures.MonkeyPatch('logging.root.handlers', []))
        self.deployment = self.useFixture(Deployment())
        self.nova = self.deployment.nova
        self.now = time.time()
        self.answer(self.record('x', 1), self.record('z', 2))
        self.nova.instead['GET /servers/z'] = nova_api.fault(404, 'none')

    def record(self, server_id: str, n: int, **other: Any) -> dict[str, Any]:
        at = datetime.datetime.fromtimestamp(self.now - 60 * n, datetime.UTC)
        when = at.replace(tzinfo=None).isoformat(timespec='seconds')
        return {
            'id': n,
            'uuid': f'record {n}',
            'instance_uuid': server_id,
            'status': 'completed',
            'source_compute': 'a',
            'dest_compute': 'b',
            'created_at': when,
            'updated_at': when,
            'user_id': 'us',
            **other,
        }

    def answer(self, *records: dict[str, Any]) -> None:
        def migrations(request: Any) -> Any:
            found = [] if 'marker' in request.query else [*records]
            return 200, {'migrations': found}

        self.nova.instead['GET /os-migrations'] = migrations

    def prometheus(self, *moves: PastMove, **other: Any) -> None:
        told = Told(moves, **{'since': 0.0, 'unreadable': 0, **other})
        self.useFixture(
            fixtures.MockPatchObject(PastMoves, 'read', lambda *_: told)
        )
        self.more = self.deployment.write(
            'more.conf', '[signals]\nsource = prometheus\n'
        )

    more = ''

    def of(self, *argv: str) -> tuple[int, dict[str, Any]]:
        files = [self.deployment.path, *filter(None, [self.more])]
        options = [f'--config-file={path}' for path in files]
        status, said, complaint = run_it(
            manage.main, *options, 'history', '-f', 'json', *argv
        )
        self.assertEqual('', complaint)
        return status, json.loads(said)

    def notes(self, document: dict[str, Any]) -> list[str]:
        return [each['note'] for each in document['notes']]

    def test_of_nova_alone(self) -> None:
        status, document = self.of()
        self.assertEqual(2, status)
        self.assertEqual(
            [('x', 'name-x'), ('z', None)],
            [
                (row['server_id'], row['server_name'])
                for row in document['history']
            ],
        )
        unknown, gone = self.notes(document)
        self.assertIn(f'{UNKNOWN}: [signals] source = static', unknown)
        self.assertIn('Nova does not know 1 of the servers any more', gone)

    def test_migrations_of_others(self) -> None:
        """A person's are none of ours."""
        self.useFixture(
            fixtures.MockPatchObject(NovaClient, 'user_id', lambda _: 'us')
        )
        self.answer(self.record('x', 1), self.record('y', 2, user_id='alice'))
        _, document = self.of()
        self.assertEqual(['x'], [r['server_id'] for r in document['history']])

    def test_of_both(self) -> None:
        self.prometheus(
            PastMove(
                'x',
                'a',
                'b',
                self.now - 30,
                name='old name',
                zone='az1',
                outcome='helped',
                steal_before=0.5,
                relief_core_seconds=257.0,
                copied_mb=1024.0,
            )
        )
        status, document = self.of('--server', 'x')
        self.assertEqual(0, status)
        (row,) = document['history']
        self.assertEqual(
            ('old name', 'helped', iso(self.now - 30), iso(self.now - 60)),
            tuple(
                row[key]
                for key in (
                    *('server_name', 'outcome', 'ended_at', 'requested_at'),
                )
            ),
        )
        (relief,) = document['relief']
        self.assertEqual(257.0, relief['relief_per_gib'])

    def test_as_text(self) -> None:
        self.prometheus(
            PastMove('x', 'a', 'b', self.now, zone='az1', reason='it waits')
        )
        files = [self.deployment.path, self.more]
        _, said, _ = run_it(
            manage.main,
            *(f'--config-file={path}' for path in files),
            'history',
        )
        self.assertRegex(said, r'Moves that are over \(2\)\n  ended +server')
        self.assertRegex(said, r'x +name-x +az1 +a +b +- .*it waits')
        self.assertNotIn('source_of_truth', said)

    def test_doubts(self) -> None:
        old = PastMove('y', 'a', 'b', self.now - 7200, zone='az1')
        self.prometheus(old, since=self.now - 9000, unreadable=3)
        status, document = self.of()
        self.assertEqual(2, status)
        said = '\n'.join(self.notes(document))
        self.assertIn('of moves before', said)
        self.assertIn('3 series of steal_migrator_move_info', said)
        self.prometheus(old)
        status, document = self.of()
        self.assertEqual(0, status)
        self.assertIn(
            'Nova has no records any more of moves of 1 servers',
            self.notes(document)[0],
        )
        self.prometheus(since=None)
        self.assertIn('Scrape steal-migrator', self.notes(self.of()[1])[0])

    def test_prometheus_does_not_answer(self) -> None:
        self.more = self.deployment.write(
            'more.conf',
            '[signals]\nsource = prometheus\n'
            '[prometheus]\nurl = http://127.0.0.1:1\n',
        )
        status, document = self.of()
        self.assertEqual(2, status)
        self.assertEqual(2, len(document['history']))
        self.assertIn(
            f'{UNKNOWN}: http://127.0.0.1:1', self.notes(document)[0]
        )

    def test_nova_does_not_answer(self) -> None:
        self.nova.instead['GET /os-migrations'] = nova_api.fault(503, 'no')
        self.prometheus(PastMove('x', 'a', 'b', self.now, zone='az1'))
        status, document = self.of()
        self.assertEqual(2, status)
        self.assertEqual(1, len(document['history']))
        self.assertIn('moves may be missing', self.notes(document)[0])

    def test_hosts_that_are_hidden(self) -> None:
        hidden = {'source_compute': None, 'dest_compute': None}
        self.answer(self.record('x', 1, **hidden))
        said = '\n'.join(self.notes(self.of()[1]))
        self.assertIn('os_compute_api:os-migrations:index:host', said)

    def test_what_is_wrong(self) -> None:
        for argv in (('--since', 'yesterday'), ('--since', '0h')):
            status, said, _ = run_it(
                manage.main,
                f'--config-file={self.deployment.path}',
                'history',
                *argv,
            )
            self.assertEqual((2, ''), (status, said))
