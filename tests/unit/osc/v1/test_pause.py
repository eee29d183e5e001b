from steal_scheduler.exception import RequestRefused
from tests.unit.osc.rig import ShellTestCase

ONES = (
    ('', {'scope': 'cloud'}),
    ('--zone tokyo', {'scope': 'zone', 'name': 'tokyo'}),
    ('--host tokyo1', {'scope': 'host', 'name': 'tokyo1'}),
)


class TestPause(ShellTestCase):
    def test_where(self) -> None:
        for argv, where in ONES:
            self.done(f'pause {argv} --reason "a: b"')
            self.assertEqual(
                ('pause', {**where, 'reason': 'a: b'}), self.asked()
            )

    def test_until(self) -> None:
        self.done('pause --until 2099-01-01T02:00+02:00')
        _, args = self.asked()
        self.assertEqual('2099-01-01T00:00:00Z', args['until'])
        self.done('pause --for 2h')
        self.assertRegex(self.asked()[1]['until'], r'^20\d\d-.*:\d\dZ$')

    def test_it_is_shown(self) -> None:
        self.leader.answers['pause'] = {
            'pause': {
                'scope': 'cloud',
                'name': None,
                'until': None,
                'reason': 'a: b',
            }
        }
        found = self.rows('pause')
        self.assertEqual(('cloud', None), (found['Scope'], found['Until']))

    def test_one_place(self) -> None:
        self.assertEqual(2, self.steal('pause --zone a --host b').status)
        self.assertEqual([], self.leader.asked)


class TestResume(ShellTestCase):
    def test_where(self) -> None:
        for argv, where in ONES:
            ran = self.done(f'resume {argv}')
            self.assertEqual(('resume', where), self.asked())
            self.assertEqual(('', ''), ran[1:])

    def test_still_paused(self) -> None:
        no = RequestRefused('conflict', 'aggregate a pauses it, too')
        self.leader.answers['resume'] = no
        ran = self.steal('resume')
        self.assertEqual((2, '', 'Refused: aggregate a pauses it, too\n'), ran)
