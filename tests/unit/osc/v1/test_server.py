from tests.unit.osc.rig import SHOP, WEB1, WEB2, ShellTestCase, server


class TestList(ShellTestCase):
    def test_who_waits_most_comes_first(self) -> None:
        rows = self.rows('server list')
        self.assertEqual(
            [(WEB2, 0.5), (WEB1, 0.261), (SHOP, None)],
            [(row['Server ID'], row['Steal']) for row in rows],
        )
        self.assertEqual(('servers', {}), self.asked())

    def test_names_that_are_not_known(self) -> None:
        rows = [{**server(WEB2, ''), 'name': None}, server(WEB1, 'web')]
        self.leader.answers['servers'] = {'servers': rows}
        self.assertEqual(
            [WEB2, WEB1], [r['Server ID'] for r in self.rows('server list')]
        )

    def test_for_a_person(self) -> None:
        out = self.done('server list --long').out
        self.assertIn(
            '| web  | tokyo1 | 50.0% | 0.90 | yes       | active | no ', out
        )
        self.assertIn('| it is locked |', out)

    def test_of_what(self) -> None:
        for argv, asked in (
            ('--zone tokyo', {'zone': 'tokyo'}),
            ('--host tokyo1', {'host': 'tokyo1'}),
            ('--contended', {'contended': True}),
            ('--not-contended', {'contended': False}),
            (f'--project {"a" * 32}', {'project': 'a' * 32}),
        ):
            self.done(f'server list {argv}')
            self.assertEqual(('servers', asked), self.asked())

    def test_of_a_project(self) -> None:
        """A tenant sees its own servers, and no hosts."""
        mine = server(WEB1, 'web', project_id='a' * 32)
        self.leader.answers['servers'] = {'servers': [mine]}
        ran = self.done('server list -f json', who='member')
        [row] = ran.json
        self.assertEqual((WEB1, None), (row['Server ID'], row['Host']))

    def test_text_of_others(self) -> None:
        odd = server(WEB1, 'a\x1b[2J\nb', detail='\u202ex')
        self.leader.answers['servers'] = {'servers': [odd]}
        for form in ('table', 'csv', 'value', 'json', 'yaml'):
            out = self.done(f'server list --long -f {form}').out
            self.assertNotIn('\x1b', out)
            self.assertNotIn('\u202e', out)


class TestShow(ShellTestCase):
    def test_it(self) -> None:
        self.leader.answers['server'] = server(
            WEB1,
            'web',
            demand_expected=1.5,
            window='Mon-Fri 02:00-05:00 Asia/Tokyo',
            refusals=[{'reason': 'locked', 'detail': 'it is locked'}],
            move=None,
            last={'outcome': 'helped', 'source': 'a', 'target': 'b'},
        )
        out = self.done(f'server show {WEB1}').out
        for said in (
            'Demand        | 1.50',
            'Window        | Mon-Fri 02:00-05:00 Asia/Tokyo',
            'Refusals      | locked: it is locked',
            'Move          | -',
            'Last Move     | outcome helped, source a, target b',
        ):
            self.assertIn(f'| {said}', out)
        found = self.rows(f'server show {WEB1}')
        self.assertEqual('helped', found['Last Move']['outcome'])


class TestSkip(ShellTestCase):
    def test_it(self) -> None:
        skipped = server(SHOP, 'shop', skip_until='2099-01-01T00:00:00Z')
        self.leader.answers['server_skip'] = {'server': skipped}
        argv = '--until 2099-01-01T00:00Z --reason sale'
        found = self.rows(f'server skip shop {argv}')
        until = '2099-01-01T00:00:00Z'
        asked = {'server_id': SHOP, 'until': until, 'reason': 'sale'}
        self.assertEqual(('server_skip', asked), self.asked())
        self.assertEqual(until, found['Skipped Until'])

    def test_until_somebody_ends_it(self) -> None:
        self.done('server skip shop')
        asked = {'server_id': SHOP, 'reason': 'no reason given'}
        self.assertEqual(('server_skip', asked), self.asked())

    def test_stop(self) -> None:
        self.done('server skip shop --stop')
        self.assertEqual(('server_unskip', {'server_id': SHOP}), self.asked())

    def test_stop_takes_no_reason(self) -> None:
        self.assertEqual(1, self.steal('server skip a --stop --for 1h').status)
        self.assertEqual([], self.leader.asked)
