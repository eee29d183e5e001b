import dataclasses
from typing import Any

from oslotest import base

from steal_scheduler.exception import RequestRefused
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.history import PastMove, from_ended, from_record
from steal_scheduler.model.listing import Listing
from steal_scheduler.model.move import Outcome
from steal_scheduler.model.progress import Progress
from steal_scheduler.model.relief import Relief
from steal_scheduler.reporting import history
from steal_scheduler.reporting.history import Wanted
from steal_scheduler.reporting.past_moves import PastLog
from tests.unit.asking import look, of_project
from tests.unit.make import NOW, ended, fleet, migration, move, server
from tests.unit.rig import Rig

#: Of an answer, as all sides have agreed on it.
KEYS = (
    'server_id name project_id source target zone requested_at ended_at '
    'reason outcome steal_before steal_after seconds_out copied_mb '
    'relief_core_seconds asked_by source_of_truth'
).split()


def told(server_id: str = 's', **other: Any) -> PastMove:
    values: dict[str, Any] = {
        'source': 'a',
        'target': 'b',
        'ended_at': NOW,
        'outcome': 'helped',
        'told_by': frozenset({'prometheus'}),
    }
    return PastMove(server_id, **(values | other))


def record(server_id: str = 's', **other: Any) -> PastMove:
    found = from_record(migration(server_id, **other))
    assert found is not None
    return found


class TestRows(base.BaseTestCase):
    def test_what_json_cannot_tell(self) -> None:
        """A series of Prometheus may be NaN, and an answer is JSON."""
        said = {'steal_before': float('nan'), 'copied_mb': float('inf')}
        (row,) = history.rows([told(**said)])
        self.assertEqual(said.keys(), {k for k in said if row[k] is None})


class TestJoined(base.BaseTestCase):
    def joined(self, *moves: PastMove) -> list[tuple[str, str | None, str]]:
        """Server, outcome and who tells, of moves and records."""
        records = [m for m in moves if m.told_by == {'nova'}]
        others = [m for m in moves if m.told_by != {'nova'}]
        return [
            (row['server_id'], row['outcome'], row['source_of_truth'])
            for row in history.rows(history.joined(others, records))
        ]

    def test_a_move_and_its_record(self) -> None:
        one = told(ended_at=NOW + 60, steal_before=0.5)
        self.assertEqual(
            [('s', 'helped', 'nova+prometheus')], self.joined(one, record())
        )
        (move,) = history.joined([one], [record(created_at=NOW - 9)])
        # What each of them knows.
        self.assertEqual(
            (NOW - 9, NOW + 60, 0.5),
            (move.requested_at, move.ended_at, move.steal_before),
        )

    def test_a_record_alone(self) -> None:
        self.assertEqual([('s', None, 'nova')], self.joined(record()))
        failed = record(status='error')
        self.assertEqual([('s', 'failed', 'nova')], self.joined(failed))
        self.assertIsNone(from_record(migration(status='running')))

    def test_what_does_not_belong_together(self) -> None:
        for one, other in (
            (told(), record(source='c')),
            (told(), record(target='c')),
            (told(), record('x')),
            # Another one of the same server: before it, or after.
            (told(requested_at=NOW - 60), record(created_at=NOW - 600)),
            (told(ended_at=NOW - 600), record()),
            (told(ended_at=NOW + 7 * 3600), record()),
            # Of one that did not begin there is none.
            (told(outcome='not_started', target=None), record()),
        ):
            self.assertEqual(2, len(self.joined(one, other)), (one, other))

    def test_a_target_that_was_chosen_late(self) -> None:
        one = told(target=None, outcome='failed')
        self.assertEqual(
            [('s', 'failed', 'nova+prometheus')],
            self.joined(one, record(status='error')),
        )

    def test_there_and_back(self) -> None:
        """Each record is of one move, and the last one stands first."""
        moves = history.joined(
            [told(ended_at=NOW + 60), told(ended_at=NOW + 7260)],
            [
                record(migration_id=1),
                record(migration_id=2, created_at=NOW + 7200),
            ],
        )
        self.assertEqual(
            [(NOW + 7260, NOW + 7200), (NOW + 60, NOW)],
            [(m.ended_at, m.requested_at) for m in moves],
        )

    def test_memory_and_prometheus(self) -> None:
        """Prometheus has whole seconds, and may know more by now."""
        mine = told(ended_at=NOW + 0.7, told_by=frozenset({'memory'}))
        theirs = told(relief_core_seconds=257.0)
        (move,) = history.joined([mine, theirs], [])
        self.assertEqual(257.0, move.relief_core_seconds)
        self.assertEqual({'memory', 'prometheus'}, move.told_by)


class TestAnswer(base.BaseTestCase):
    def test_what_a_leader_knows(self) -> None:
        """To no more digits than anybody has measured."""
        made = move(
            target='b',
            project_id='p',
            reason='it waits',
            steal_before=0.50001,
            drained_at=NOW - 90,
            progress=Progress(4096.01, NOW, NOW, NOW, 0.0, 900.0),
        )
        relief = Relief(NOW, 257.01, 900.0, over=True)
        log = PastLog()
        log.add(ended(move=made, relief=Relief(NOW)))
        log.add(ended(move=made, relief=relief, steal_after=0.1))
        known = fleet(
            server(project_id='p'),
            server('x', project_id='q'),
            migrations=(
                migration(created_at=NOW - 80),
                migration('x', migration_id=2, created_at=NOW - 700),
                migration('x', migration_id=3, user_id='them'),
            ),
        )
        answer = history.answer(log.read(), known, Wanted(NOW - 3600))
        one, two = answer['moves']
        for row in (one, two):
            self.assertEqual(sorted(KEYS), sorted(row))
        self.assertEqual(
            {
                'server_id': 's',
                'name': 'name of s',
                'project_id': 'p',
                'source': 'a',
                'target': 'b',
                'zone': 'az1',
                'requested_at': '1970-01-12T13:45:10Z',
                'ended_at': '1970-01-12T13:46:40Z',
                'reason': 'it waits',
                'outcome': 'helped',
                'steal_before': 0.5,
                'steal_after': 0.1,
                'seconds_out': 90.0,
                'copied_mb': 4096.0,
                'relief_core_seconds': 257.0,
                'asked_by': None,
                'source_of_truth': 'memory+nova',
            },
            one,
        )
        # Of another process, as far as Nova tells.
        self.assertEqual(
            ('x', 'name of x', 'q', 'az1', None, 'nova'),
            tuple(
                two[key]
                for key in (
                    *('server_id', 'name', 'project_id', 'zone', 'outcome'),
                    'source_of_truth',
                )
            ),
        )
        (note,) = answer['notes']
        self.assertIn('steal-manage history', note)
        for wanted, ids in (
            (Wanted(0.0, zone='az1'), 'sx'),
            (Wanted(0.0, zone='az2'), ''),
            (Wanted(0.0, project='q'), 'x'),
            (Wanted(0.0, server='name of s'), 's'),
            (Wanted(0.0, server='x'), 'x'),
            (Wanted(NOW - 600), 's'),
        ):
            found = history.answer(log.read(), known, wanted)['moves']
            self.assertEqual(ids, ''.join(row['server_id'] for row in found))
        self.assertEqual(
            {
                'zones': [
                    {
                        'zone': 'az1',
                        'moves': 2,
                        'helped': 1,
                        'not_helped': 0,
                        'unmeasured': 0,
                        'relief_core_seconds': 257.0,
                        'harm_core_seconds': 0.0,
                        'copied_mb': 4096.0,
                        'relief_per_gib': 64.3,
                    }
                ],
                'since': '1970-01-12T12:46:40Z',
            },
            history.relief_answer(log.read(), known, NOW - 3600),
        )

    def test_a_relief_that_is_not_known_yet(self) -> None:
        for relief in (None, Relief(NOW), Relief(NOW, 0.0, 0.0, over=True)):
            past = from_ended(ended(relief=relief))
            self.assertIsNone(past.relief_core_seconds)

    def test_harm(self) -> None:
        moves = [
            told(zone='z', relief_core_seconds=each, outcome=outcome)
            for each, outcome in (
                (10.0, Outcome.HELPED),
                (-4.0, Outcome.NOT_HELPED),
                (None, Outcome.UNMEASURED),
            )
        ]
        (sums,) = history.relief(moves)
        self.assertEqual(
            (3, 1, 1, 1, 10.0, 4.0, None),
            tuple(
                sums[key]
                for key in (
                    *('moves', 'helped', 'not_helped', 'unmeasured'),
                    *('relief_core_seconds', 'harm_core_seconds'),
                    'relief_per_gib',
                )
            ),
        )

    def test_what_nobody_has_measured_is_not_0(self) -> None:
        (sums,) = history.relief([told(zone='z', copied_mb=1024.0)])
        for key in ('relief_core_seconds', 'harm_core_seconds'):
            self.assertIsNone(sums[key])
        self.assertIsNone(sums['relief_per_gib'])

    def test_nova_does_not_tell(self) -> None:
        known = dataclasses.replace(
            fleet(), unread={Listing.MIGRATIONS: 'down'}
        )
        self.assertEqual(
            {'moves': [], 'notes': ['Nova does not tell its migrations now.']},
            history.answer((), known, Wanted(0.0)),
        )

    def test_a_name_that_has_changed(self) -> None:
        """What was told then counts, and what was not is as it is now."""
        now: dict[str, Server] = {'s': server(name='new', project_id='p')}
        (one,) = history.named([told(name='old')], now)
        self.assertEqual(
            ('old', 'p', 'az1'), (one.name, one.project_id, one.zone)
        )


class TestPastLog(base.BaseTestCase):
    def test_it_is_bounded(self) -> None:
        log = PastLog()
        for n in range(10_005):
            log.add(ended(at=float(n)))
        self.assertEqual(
            (5.0, 10_004.0), (log.read()[0].at, log.read()[-1].at)
        )


class TestDesk(base.BaseTestCase):
    """As a person asks the leader."""

    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig()
        self.rig.overload()
        self.rig.tick()
        for _ in range(50):
            self.rig.tick()
            self.rig.nova.record()
            for server_id in 'xyz':
                self.rig.nova.proceed('completed', server_id)

    def test_history_and_relief(self) -> None:
        found = look(self.rig, 'history', since=86400)
        self.assertNotEqual([], found['moves'])
        for row in found['moves']:
            self.assertEqual('memory+nova', row['source_of_truth'])
        self.assertEqual([], found['notes'])
        (zone,) = look(self.rig, 'relief')['zones']
        self.assertEqual(len(found['moves']), zone['moves'])
        one = found['moves'][0]['server_id']
        self.assertEqual(
            {one},
            {
                row['server_id']
                for row in look(self.rig, 'history', since=86400, server=one)[
                    'moves'
                ]
            },
        )

    def test_after_a_restart(self) -> None:
        """Nova's records are left, and the answer says so."""
        before = look(self.rig, 'history', since=86400)['moves']
        self.rig.source.demand = {}
        self.rig.restart()
        self.rig.tick(times=2)
        found = look(self.rig, 'history', since=86400)
        self.assertEqual(
            {row['server_id'] for row in before},
            {row['server_id'] for row in found['moves']},
        )
        self.assertEqual(
            {'nova'}, {row['source_of_truth'] for row in found['moves']}
        )
        self.assertEqual(1, len(found['notes']))

    def test_of_another_project(self) -> None:
        who = of_project('theirs')
        found = look(self.rig, 'history', who, since=86400)
        self.assertEqual([], found['moves'])
        self.assertRaises(RequestRefused, look, self.rig, 'relief', who)

    def test_of_ones_own_project(self) -> None:
        """No host is named, none of others, and nobody who asked."""
        for own in ('waits 40% of its time', ''):
            reason = f'{own}; asked for by alice: a1 is hot'
            past = move(
                'mine',
                project_id='p1',
                reason=reason,
                own_reason=own,
                asked_by='alice',
            )
            self.rig.components.journal.past.add(
                ended(move=past, at=self.rig.now)
            )
            self.rig.tick(1)
            who = of_project('p1')
            wanted = {'since': 10, 'server': 'mine'}
            row = look(self.rig, 'history', who, **wanted)['moves'][0]
            self.assertEqual(own or None, row['reason'])
            for key in ('source', 'target', 'asked_by'):
                self.assertIsNone(row[key], key)
            row = look(self.rig, 'history', **wanted)['moves'][0]
            self.assertEqual(reason, row['reason'])

    def test_what_is_wrong(self) -> None:
        for since in (None, 0, -1, True, '24h', 1e12):
            no = self.assertRaises(
                RequestRefused, look, self.rig, 'history', since=since
            )
            self.assertIn('since is a number of seconds', str(no))
