import io
from typing import Any

from cliff.formatters import commaseparated, value
from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.osc import columns
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)

KINDS = [
    kind
    for kind in vars(columns).values()
    if isinstance(kind, type) and issubclass(kind, columns._Value)
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class TestKinds(base.BaseTestCase):
    def test_for_a_person(self) -> None:
        for kind, said, shown in (
            (columns.Text, 'web', 'web'),
            (columns.Text, 3, '3'),
            (columns.Flag, False, 'no'),
            (columns.Until, '2026-11-30T12:00:00Z', '2026-11-30T12:00:00Z'),
            (columns.Until, '9999-12-31T23:59:59Z', 'somebody ends it'),
            (columns.Share, 0.2614, '26.1%'),
            (columns.Share, 0, '0.0%'),
            (columns.Number, 3, '3.00'),
            (columns.Percent, 99.6, '100%'),
            (columns.Mebibytes, 512, '512 MiB'),
            (columns.Mebibytes, 20480, '20.0 GiB'),
            (columns.Seconds, 3.42, '3.4 s'),
            (columns.CoreSeconds, 1800.4, '1800 core-seconds'),
            (columns.CoreSeconds, -7200, '-2.0 core-hours'),
            (columns.Counts, {'helped': 3, 'failed': 1}, 'helped 3, failed 1'),
            (
                columns.Settings,
                {'steal:slots': {'value': '2', 'source': 'aggregate a'}},
                'steal:slots = 2 (aggregate a)',
            ),
            (
                columns.Reasons,
                [{'reason': 'locked', 'detail': 'it is'}, {'reason': 'no'}],
                'locked: it is\nno',
            ),
            (
                columns.Reasons,
                [{'zone': 'tokyo', 'scarce': 'VCPU', 'detail': '3 short'}],
                'tokyo: VCPU: 3 short',
            ),
            (
                columns.Servers,
                [
                    {
                        'name': 'web',
                        'server_id': '1',
                        'state': 'active',
                        'reason': 'locked',
                        'detail': None,
                    }
                ],
                'web (1) active; locked',
            ),
            (
                columns.Pauses,
                [
                    {'scope': 'cloud', 'until': None, 'reason': 'a: b'},
                    {'scope': 'host', 'name': 'a', 'until': '2026'},
                ],
                'cloud until resumed (a: b)\nhost a until 2026',
            ),
            (
                columns.Moves,
                {'stage': 'drain', 'target': None, 'source': 'a'},
                'stage drain, source a',
            ),
        ):
            with self.subTest(kind=kind):
                self.assertEqual(shown, kind(said).human_readable())
                self.assertEqual(said, kind(said).machine_readable())

    def test_not_known(self) -> None:
        for kind in KINDS:
            self.assertEqual('-', kind(None).human_readable())
            self.assertIsNone(kind(None).machine_readable())

    @given(st.sampled_from(KINDS), JSON)
    def test_anything(self, kind: Any, said: Any) -> None:
        """Nothing that is said moves a cursor, or ends the command."""
        column = kind(said)
        for line in column.human_readable().split('\n'):
            self.assertTrue(line.isprintable(), line)
        found = str(column.machine_readable())
        self.assertTrue(found.isprintable(), found)

    def test_escapes(self) -> None:
        for said, shown in (
            ('a\x1b[2Jb', r'a\x1b[2Jb'),
            ('a\r\n\tb', r'a\r\n\tb'),
            ('web\u202e', r'web\u202e'),
            ('シ\U000e0001', 'シ\\U000e0001'),
        ):
            self.assertEqual(shown, columns.escaped(said))
            self.assertEqual({'k': [shown]}, columns.escaped({'k': [said]}))

    def test_in_every_format_of_a_program(self) -> None:
        row = (columns.Text('a\x1b[2J\nb'),)
        for formatter in (
            value.ValueFormatter(),
            commaseparated.CSVLister(),
        ):
            out = io.StringIO()
            options = _Options()
            formatter.emit_list(['Name'], [row], out, options)
            # CSV doubles the backslash.
            said = out.getvalue().replace('\\\\', '\\')
            self.assertIn(r'a\x1b[2J\nb', said)
            self.assertNotIn('\x1b', out.getvalue())

    def test_order(self) -> None:
        steals = [columns.Share(n) for n in (0.3, None, 0.1)]
        found = [each.machine_readable() for each in sorted(steals)]
        self.assertEqual([None, 0.1, 0.3], found)


class _Options:
    quote_mode = 'nonnumeric'
