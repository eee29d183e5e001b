import dataclasses

from oslotest import base

from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.unreliable_hosts import UnreliableHost
from steal_scheduler.model.refusal import Reason, Refusal, Saturation
from steal_scheduler.reporting import text as report
from tests.unit.make import NOW, finding, move, server


class TestTables(base.BaseTestCase):
    def test_columns_line_up(self) -> None:
        found = report.table(('a', 'long'), [('1234', 5), ('x', '')])
        self.assertEqual(['a     long', '1234  5', 'x'], found)

    def test_moves(self) -> None:
        self.assertEqual(['none'], report.moves_table([], NOW))
        head, one, other = report.moves_table(
            [
                move(reason='it waits', server_name='web-1'),
                move('t', target='b', reason='it waits', failure='aborted'),
            ],
            NOW + 90,
        )
        self.assertEqual(
            ['s', 'web-1', 'drain', '90', 's', 'a', '-', 'it', 'waits'],
            one.split(),
        )
        self.assertTrue(other.endswith('aborted'))
        self.assertEqual(head.index('stage'), one.index('drain'))


class TestPlan(base.BaseTestCase):
    def text(self, *notes: str, **decided: object) -> str:
        return report.plan_text(
            dataclasses.replace(NOTHING, **decided),
            {},
            {'s': server(name='web-1')},
            NOW,
            300.0,
            notes,
        )

    def test_everything_is_on_it(self) -> None:
        text = self.text(
            'Judged on one poll.',
            findings=(finding(),),
            admitted=(move(reason='it waits'),),
            refusals=(
                Refusal(Reason.COVERAGE, 'too few signals'),
                Refusal(Reason.LOCKED, 'it is locked', 's'),
                Refusal(Reason.COOLDOWN, '90 s are left', 'unknown'),
            ),
            saturations=(Saturation('az1', 2.5),),
            unreliable={
                'b': UnreliableHost(
                    'b', HostCheck.FLAT_WAIT, 'it stands still'
                )
            },
            coverage=75.0,
        )
        for line in (
            'Judged on one poll.',
            '  coverage: too few signals',
            'Contended servers (1)',
            '  s       web-1  a     25.0%  1.00       3 of 5 polls',
            '  s  web-1  away from a: it waits; 14.0 GiB to copy',
            '  s  web-1  locked: it is locked',
            '  unknown  unknown  cooldown: 90 s are left',
            '  zone az1: moving cannot help, 2.5 cores are short',
            'Hosts with unreliable metrics (1)',
            '  b  flat_wait: it stands still',
            'Coverage: 75% of the running servers',
        ):
            self.assertIn(line, text.splitlines())

    def test_an_outage_does_not_fill_the_screen(self) -> None:
        hosts = {
            f'h{n}': UnreliableHost(f'h{n}', HostCheck.STALE, '')
            for n in range(12)
        }
        hosts |= {
            f'x{n}': UnreliableHost(f'x{n}', HostCheck.CLOCK, 'set it')
            for n in range(10)
        }
        lines = self.text(unreliable=hosts).splitlines()
        first = lines.index('Hosts with unreliable metrics (22)') + 1
        self.assertEqual(
            [
                *(f'  h{n}  stale: ' for n in range(10)),
                '  and 2 more  stale',
                *(f'  x{n}  clock: set it' for n in range(10)),
                '',
            ],
            lines[first : first + 22],
        )

    def test_nothing_to_say(self) -> None:
        text = self.text()
        self.assertIn('Contended servers (0)\n  none\n', text)
        self.assertIn('Moves that would start now\n  none\n', text)
        for title in ('because', 'Refused', 'Saturated', 'unreliable'):
            self.assertNotIn(title, text)
