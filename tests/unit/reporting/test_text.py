import dataclasses
import math

from oslotest import base

from steal_scheduler.decision.aggressors import Aggressor
from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.decision.host_checks import HostCheck, UnreliableHost
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import emptying, pause, policy
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.refusal import Reason, Refusal, Saturation
from steal_scheduler.model.skip import Skip
from steal_scheduler.reporting import text as report
from tests.unit.make import (
    NOW,
    finding,
    fleet,
    move,
    rules,
    server,
    snapshot,
)

#: One of everything that a decision can hold.
EVERYTHING = dataclasses.replace(
    NOTHING,
    findings=(finding(),),
    admitted=(move(reason='it waits'),),
    refusals=(
        Refusal(Reason.COVERAGE, 'too few signals'),
        Refusal(Reason.LOCKED, 'it is locked', 's'),
        Refusal(Reason.COOLDOWN, '90 s are left', 'unknown'),
    ),
    saturations=(Saturation('az1', 2.5),),
    aggressors=(Aggressor('s', 'a', 7.5, 3.2, 'a quota'),),
    coverage=75.0,
)
SNAPSHOT = dataclasses.replace(
    snapshot(
        dataclasses.replace(
            fleet(server(name='web-1')),
            pauses=(
                pause.read('steal:pause', '1970-01-12T14:00Z alice'),
                pause.read('steal:pause:host:q', 'true'),
            ),
            emptyings=(
                emptying.read('steal:drain:host:a', '1970-01-12T14:00Z bob'),
                emptying.read('steal:drain:host:b', 'soon'),
            ),
            skips={
                each.server_id: each
                for each in (
                    Skip('s', NOW + 800, 'alice'),
                    Skip('gone', math.inf, by_owner=True),
                    Skip('over', NOW),
                )
            },
        )
    ),
    unreliable={
        'b': UnreliableHost('b', HostCheck.FLAT_WAIT, 'it stands still')
    },
)


class TestDocument(base.BaseTestCase):
    def test_a_decision(self) -> None:
        web = {'server_id': 's', 'server_name': 'web-1'}
        self.assertEqual(
            {
                'holds': [{'reason': 'coverage', 'detail': 'too few signals'}],
                'skips': [
                    web
                    | {
                        'until': '1970-01-12T14:00:00Z',
                        'detail': 'it is skipped until 1970-01-12 14:00 UTC '
                        'by steal:skip:server:s of aggregate steal-scheduler '
                        '(alice)',
                    },
                    {
                        'server_id': 'gone',
                        'server_name': 'gone',
                        'until': None,
                        'detail': 'it is skipped until somebody ends it by '
                        'steal:skip:owner:gone of aggregate steal-scheduler',
                    },
                ],
                'pauses': [
                    {
                        'scope': 'cloud',
                        'name': None,
                        'until': '1970-01-12T14:00:00Z',
                        'detail': 'paused until 1970-01-12 14:00 UTC by '
                        'steal:pause of aggregate steal-scheduler (alice)',
                    },
                    {
                        'scope': 'host',
                        'name': 'q',
                        'until': None,
                        'detail': 'paused until somebody resumes by '
                        'steal:pause:host:q of aggregate steal-scheduler; '
                        'Nova knows no host q: check its name',
                    },
                ],
                'emptied_hosts': [
                    {
                        'host': 'a',
                        'until': '1970-01-12T14:00:00Z',
                        'servers': 1,
                        'detail': '1 server is left; emptied until '
                        '1970-01-12 14:00 UTC by steal:drain:host:a of '
                        'aggregate steal-scheduler (bob)',
                    },
                    {
                        'host': 'b',
                        'until': None,
                        'servers': None,
                        'detail': 'not emptied by steal:drain:host:b of '
                        "aggregate steal-scheduler (its value 'soon' says no "
                        'time: write for example 2026-11-29T14:00Z, or true)',
                    },
                ],
                'servers_left': [
                    web | {'host': 'a', 'detail': 'locked: it is locked'}
                ],
                'findings': [
                    web
                    | {
                        'host': 'a',
                        'steal': 0.25,
                        'load': 1.0,
                        'polls': '3 of 5 polls',
                    }
                ],
                'moves_to_begin': [
                    web
                    | {'source': 'a', 'copy_mb': 14336, 'reason': 'it waits'}
                ],
                'dry_run_moves': [],
                'ignored_policies': [],
                'refusals': [
                    web | {'reason': 'locked', 'detail': 'it is locked'},
                    # Nova does not tell of it any more.
                    {
                        'server_id': 'unknown',
                        'server_name': 'unknown',
                        'reason': 'cooldown',
                        'detail': '90 s are left',
                    },
                ],
                'saturations': [
                    {
                        'zone': 'az1',
                        'cores_short': 2.5,
                        'scarce': 'cores',
                    }
                ],
                'aggressors': [
                    web
                    | {
                        'host': 'a',
                        'used': 7.5,
                        'share': 3.2,
                        'advice': 'a quota',
                    }
                ],
                'unreliable_hosts': [
                    {
                        'host': 'b',
                        'reason': 'flat_wait',
                        'detail': 'it stands still',
                    }
                ],
                'coverage': [{'percent': 75.0}],
            },
            report.decided(EVERYTHING, SNAPSHOT),
        )

    def test_what_a_dry_run_of_some_hosts_holds(self) -> None:
        document = report.decided(EVERYTHING, self.dry())
        self.assertEqual([], document['moves_to_begin'])
        self.assertEqual(1, len(document['dry_run_moves']))
        (ignored,) = document['ignored_policies']
        self.assertEqual(
            ('az1', 'steal:slots'), (ignored['aggregate'], ignored['key'])
        )
        text = report.as_text(document)
        self.assertIn('were it not for steal:dry_run (1)', text)
        self.assertIn('Policies that are ignored (1)', text)

    def dry(self) -> Snapshot:
        said = {'steal:dry_run': 'true', 'steal:slots': 'many'}
        found = policy.read_all([Aggregate(1, 'az1', ('a',), said)])
        known = dataclasses.replace(SNAPSHOT.fleet, policies=found)
        live = rules(dry_run=False)
        return dataclasses.replace(SNAPSHOT, fleet=known, rules=live)

    def test_every_object_has_the_fields_of_its_block(self) -> None:
        document = {
            **report.decided(EVERYTHING, self.dry()),
            'moves_in_flight': report.moves_in_flight([move()], NOW),
        }
        for name, items in document.items():
            for item in items:
                self.assertEqual(report.BLOCKS[name].fields, tuple(item))

    def test_why_a_move_is_where_it_is(self) -> None:
        """Why it cannot be reattached, or has failed, or else moves."""
        moves = [
            move(reason='it waits'),
            move(reason='it waits', failure='aborted'),
            move(reason='it waits', failure='aborted', trouble='no answer'),
        ]
        self.assertEqual(
            ['it waits', 'aborted', 'no answer'],
            [m['reason'] for m in report.moves_in_flight(moves, NOW)],
        )


class TestRows(base.BaseTestCase):
    def test_columns_hang_on_the_blocks_alone(self) -> None:
        full, _ = report.as_rows(report.decided(EVERYTHING, SNAPSHOT))
        empty, rows = report.as_rows(report.decided(NOTHING, snapshot()))
        self.assertEqual(full, empty)
        self.assertEqual([['coverage']], [[row[0]] for row in rows])

    def test_one_block_has_its_own_columns(self) -> None:
        refusals = report.decided(EVERYTHING, SNAPSHOT)['refusals']
        columns, rows = report.as_rows({'refusals': refusals})
        self.assertEqual(
            ['block', 'server_id', 'server_name', 'reason', 'detail'], columns
        )
        self.assertEqual(
            ['refusals', 's', 'web-1', 'locked', 'it is locked'], rows[0]
        )

    def test_lists_and_nothing_are_cells_too(self) -> None:
        left = {'server_id': 's', 'host': None, 'tags': ['steal:a', 'b']}
        _, [row] = report.as_rows({'left_behind': [left]})
        self.assertEqual(['left_behind', 's', '', '', 'steal:a, b', ''], row)


class TestText(base.BaseTestCase):
    def test_columns_line_up(self) -> None:
        found = report.table(('a', 'long'), [('1234', 5), ('x', '')])
        self.assertEqual(['a     long', '1234  5', 'x'], found)

    def test_moves(self) -> None:
        def lines(*moves):
            found = report.moves_in_flight(moves, NOW + 90)
            return report.block_text('moves_in_flight', found)

        self.assertEqual(['none'], lines())
        head, one, other = lines(
            move(reason='it waits', name='web-1'),
            move('t', target='b', reason='it waits', failure='aborted'),
        )
        self.assertEqual(
            ['s', 'web-1', 'drain', '90', 's', 'a', '-', 'it', 'waits'],
            one.split(),
        )
        self.assertTrue(other.endswith('aborted'))
        self.assertEqual(head.index('stage'), one.index('drain'))

    def test_everything_is_on_it(self) -> None:
        text = report.as_text(
            {
                'notes': [{'note': 'Judged on one poll.'}],
                **report.decided(EVERYTHING, SNAPSHOT),
            }
        )
        self.assertEqual(
            """Judged on one poll.

Nothing starts now, because (1)
  reason    detail
  coverage  too few signals

Paused (2)
  scope  name  until                 detail
  cloud  -     1970-01-12T14:00:00Z  paused until 1970-01-12 14:00 UTC by \
steal:pause of aggregate steal-scheduler (alice)
  host   q     -                     paused until somebody resumes by \
steal:pause:host:q of aggregate steal-scheduler; Nova knows no host q: \
check its name

Hosts that are emptied (2)
  host  until                 servers  detail
  a     1970-01-12T14:00:00Z  1        1 server is left; emptied until \
1970-01-12 14:00 UTC by steal:drain:host:a of aggregate steal-scheduler (bob)
  b     -                     -        not emptied by steal:drain:host:b of \
aggregate steal-scheduler (its value 'soon' says no time: write for example \
2026-11-29T14:00Z, or true)

Left on hosts that are emptied (1)
  server  name   host  detail
  s       web-1  a     locked: it is locked

Skipped (2)
  server  name   until                 detail
  s       web-1  1970-01-12T14:00:00Z  it is skipped until 1970-01-12 14:00 \
UTC by steal:skip:server:s of aggregate steal-scheduler (alice)
  gone    gone   -                     it is skipped until somebody ends it \
by steal:skip:owner:gone of aggregate steal-scheduler

Contended servers (1)
  server  name   host  waits  load/vCPU  polls
  s       web-1  a     25.0%  1.00       3 of 5 polls

Moves that would start now (1)
  server  name   from  to copy    reason
  s       web-1  a     14336 MiB  it waits

Refused (2)
  server   name     reason    detail
  s        web-1    locked    it is locked
  unknown  unknown  cooldown  90 s are left

Saturated: moving cannot help (1)
  zone  cores short  scarce
  az1   2.5          cores

Who takes more of a contended host than its share (1)
  server  name   host  uses       share
  s       web-1  a     7.5 cores  3.2
      a quota

Hosts with unreliable metrics (1)
  host  reason     detail
  b     flat_wait  it stands still

Coverage
  75% of the running servers
""",
            text,
        )

    def test_an_outage_does_not_fill_the_screen(self) -> None:
        hosts = {
            f'h{n}': UnreliableHost(f'h{n}', HostCheck.STALE, '')
            for n in range(12)
        }
        hosts |= {
            f'x{n}': UnreliableHost(f'x{n}', HostCheck.CLOCK, 'set it')
            for n in range(10)
        }
        known = dataclasses.replace(snapshot(), unreliable=hosts)
        document = report.decided(NOTHING, known)
        lines = report.as_text(document).splitlines()
        first = lines.index('Hosts with unreliable metrics (22)') + 2
        self.assertEqual(
            [
                *(['h' + str(n), 'stale'] for n in range(10)),
                ['and', '2', 'more', 'stale'],
                *(['x' + str(n), 'clock', 'set', 'it'] for n in range(10)),
                [],
            ],
            [line.split() for line in lines[first : first + 22]],
        )
        # A program has the time for all of them.
        self.assertEqual(22, len(document['unreliable_hosts']))

    def test_nothing_to_say(self) -> None:
        text = report.as_text(report.decided(NOTHING, snapshot()))
        self.assertIn('Contended servers (0)\n  none\n', text)
        self.assertIn('Moves that would start now (0)\n  none\n', text)
        for title in ('because', 'Refused', 'Saturated', 'unreliable'):
            self.assertNotIn(title, text)
