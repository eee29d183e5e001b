from steal_scheduler.exception import RequestRefused
from tests.unit.osc.rig import SHOP, WEB1, ShellTestCase

SUMMARY = {
    'leader': 'controller1',
    'judged_at': '2026-11-30T12:00:00Z',
    'leadership': 'leading',
    'dry_run': True,
    'servers': 40,
    'contended': 3,
    'coverage_percent': 97.5,
    'hosts': {'cold': 5, 'unknown': 1, 'hot': 2},
    'moves': 1,
    'pauses': [
        {
            'scope': 'zone',
            'name': 'osaka',
            'until': None,
            'reason': 'alice: new kernel',
        }
    ],
    'saturations': [{'zone': 'tokyo', 'scarce': 'VCPU', 'detail': '3 short'}],
    'holds': [{'reason': 'coverage', 'detail': 'few are seen'}],
    'last_day': {
        'moves': {'helped': 7, 'failed': 1},
        'relief_core_seconds': 7200.0,
        'harm_core_seconds': 60.0,
        'copied_mb': 20480.0,
    },
}
REFUSAL = {
    'server_id': WEB1,
    'host': 'tokyo1',
    'reason': 'locked',
    'detail': 'it is locked',
}
PLAN = {
    'holds': SUMMARY['holds'],
    'admitted': [
        {
            'server_id': SHOP,
            'name': 'shop',
            'source': 'tokyo1',
            'zone': 'tokyo',
            'reason': 'it waits',
            'copy_mb': 512,
            'out': True,
        }
    ],
    'refusals': [REFUSAL],
    'saturations': SUMMARY['saturations'],
}
ENDED = {
    'server_id': SHOP,
    'name': 'shop',
    'project_id': 'p',
    'source': 'tokyo1',
    'target': 'tokyo2',
    'zone': 'tokyo',
    'requested_at': '2026-11-30T11:00:00Z',
    'ended_at': '2026-11-30T11:01:00Z',
    'reason': 'it waits',
    'outcome': 'helped',
    'steal_before': 0.261,
    'steal_after': 0.01,
    'seconds_out': 3.42,
    'copied_mb': 512,
    'relief_core_seconds': 1800.0,
    'asked_by': 'alice',
    'source_of_truth': 'nova',
}


class TestSummary(ShellTestCase):
    def test_for_a_person(self) -> None:
        self.leader.answers['summary'] = SUMMARY
        out = self.done('summary').out
        for said in (
            'Dry Run    | yes',
            'Coverage   | 98%',
            'Hosts      | cold 5, unknown 1, hot 2',
            'Pauses     | zone osaka until resumed (alice: new kernel)',
            'Holds      | coverage: few are seen',
            'Saturated  | tokyo: VCPU: 3 short',
            'Moves 24h  | helped 7, failed 1',
            'Relief 24h | 2.0 core-hours',
            'Copied 24h | 20.0 GiB',
        ):
            self.assertIn(f'| {said}', out)

    def test_for_a_program(self) -> None:
        self.leader.answers['summary'] = SUMMARY
        found = self.rows('summary')
        self.assertEqual(SUMMARY['pauses'], found['Pauses'])
        self.assertEqual(97.5, found['Coverage'])
        self.assertEqual({'helped': 7, 'failed': 1}, found['Moves 24h'])
        self.assertIs(True, found['Dry Run'])
        ran = self.done('summary -f value -c leader -c relief_24h')
        self.assertEqual('controller1\n7200.0\n', ran.out)


class TestPlan(ShellTestCase):
    def test_rows(self) -> None:
        self.leader.answers['plan'] = PLAN
        rows = self.rows('plan')
        keys = ('What', 'Name', 'Host', 'Reason', 'Detail')
        self.assertEqual(
            [
                ('hold', None, None, 'coverage', 'few are seen'),
                ('move', 'shop', 'tokyo1', 'it waits', None),
                ('refused', 'web', 'tokyo1', 'locked', 'it is locked'),
                ('saturated', None, None, 'VCPU', '3 short'),
            ],
            [tuple(row[key] for key in keys) for row in rows],
        )
        self.assertEqual(512, rows[1]['To Copy'])
        self.assertEqual('tokyo', rows[3]['Zone'])

    def test_for_a_person(self) -> None:
        self.leader.answers['plan'] = PLAN
        self.assertIn('| 512 MiB |', self.done('plan').out)


class TestHistory(ShellTestCase):
    def test_rows(self) -> None:
        self.leader.answers['history'] = {'moves': [ENDED], 'notes': []}
        ran = self.done('history')
        self.assertEqual(('history', {'since': 86400}), self.asked())
        self.assertIn(
            '| helped  | 26.1%        | 1.0%        | 3.4 s |', ran.out
        )
        self.assertEqual('', ran.err)
        [row] = self.rows('history --long')
        self.assertEqual(
            (3.42, 'alice', 'nova'),
            (row['Out'], row['Asked By'], row['Known From']),
        )

    def test_what_is_not_known_is_said(self) -> None:
        notes = ['Nova keeps 2 days.\x1b[2J']
        self.leader.answers['history'] = {'moves': [ENDED], 'notes': notes}
        ran = self.done('history -f json')
        self.assertEqual('Nova keeps 2 days.\\x1b[2J\n', ran.err)
        self.assertEqual(1, len(ran.json))

    def test_of_what(self) -> None:
        project = 'b' * 32
        self.done(
            'history --since 90m --zone tokyo --server shop '
            f'--project {project}'
        )
        asked = {'since': 5400, 'zone': 'tokyo', 'server': SHOP}
        self.assertEqual(
            ('history', {**asked, 'project': project}), self.asked()
        )
        ran = self.steal('history --since 400d')
        self.assertEqual(1, ran.status)
        self.assertIn('since', ran.err)

    def test_no_time(self) -> None:
        ran = self.steal('history --since yesterday')
        self.assertEqual(2, ran.status)
        self.assertIn('write it like 30m, 2h or 1d12h', ran.err)


class TestRelief(ShellTestCase):
    def test_rows(self) -> None:
        zone = {
            'zone': 'tokyo',
            'moves': 9,
            'helped': 7,
            'not_helped': 1,
            'unmeasured': 1,
            'relief_core_seconds': 7200.0,
            'harm_core_seconds': 60.0,
            'copied_mb': 2048.0,
            'relief_per_gib': 3570.0,
        }
        said = {'zones': [zone], 'since': '2026-11-29T12:00:00Z'}
        self.leader.answers['relief'] = said
        ran = self.done('relief')
        self.assertEqual('Since 2026-11-29T12:00:00Z.\n', ran.err)
        self.assertIn('| 2.0 core-hours | 60 core-seconds |', ran.out)
        self.assertEqual([*zone.values()], [*self.rows('relief')[0].values()])


class TestSettings(ShellTestCase):
    def test_rows(self) -> None:
        option = {'group': 'nova', 'name': 'password', 'value': '****'}
        self.leader.answers['settings'] = {'options': [option]}
        ran = self.done('setting list -f value')
        self.assertEqual('nova password ****\n', ran.out)

    def test_refused(self) -> None:
        self.leader.answers['settings'] = RequestRefused('busy', 'later')
        self.assertEqual(2, self.steal('setting list').status)
