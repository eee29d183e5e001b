from typing import Any

from steal_scheduler.exception import RequestRefused
from tests.unit.osc.rig import SHOP, ShellTestCase, server

MOVE = {
    'server_id': SHOP,
    'name': 'shop',
    'project_id': 'p',
    'source': 'tokyo1',
    'target': 'tokyo2',
    'stage': 'migrate',
    'since': '2026-11-30T12:00:00Z',
    'reason': 'it waits',
    'steal_before': 0.261,
    'copied_mb': 300.0,
    'copy_mb': 512.0,
    'waits': None,
    'trouble': None,
    'requested_by': 'alice',
}


class TestLooks(ShellTestCase):
    def test_list(self) -> None:
        self.leader.answers['moves'] = {'moves': [MOVE]}
        out = self.done('move list').out
        self.assertIn('| tokyo1 | tokyo2 | 300 MiB | 512 MiB |', out)
        [row] = self.rows('move list --long')
        self.assertEqual(
            (300.0, 'alice'), (row['Copied'], row['Requested By'])
        )

    def test_show(self) -> None:
        self.leader.answers['move'] = MOVE
        self.assertEqual('migrate', self.rows('move show shop')['Stage'])
        self.assertEqual(('move', {'server_id': SHOP}), self.asked())

    def test_it_does_not_move(self) -> None:
        no = RequestRefused('not_found', 'it does not move')
        self.leader.answers['move'] = no
        ran = self.steal('move show shop')
        self.assertEqual((1, 'it does not move\n'), (ran.status, ran.err))


class TestAsks(ShellTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ('move_create', 'move_cancel'):
            self.leader.answers[name] = {'move': MOVE}

    def seen(self, outcome: str) -> Any:
        """Before it is asked for, twice meanwhile, and afterwards."""
        old = server(SHOP, 'shop', move=None, last=None)
        moving = {**old, 'move': MOVE}
        over = {**old, 'last': {'outcome': outcome}}
        answers = iter((old, moving, moving, over))
        return self.answering('server', lambda: next(answers))

    def test_they_are_asked(self) -> None:
        for command in ('create', 'cancel'):
            found = self.rows(f'move {command} shop --reason "a: b"')
            asked = {'server_id': SHOP, 'reason': 'a: b'}
            self.assertEqual((f'move_{command}', asked), self.asked())
            self.assertEqual('migrate', found['Stage'])

    def test_refused(self) -> None:
        no = RequestRefused('conflict', 'locked: it is locked')
        for command in ('create', 'cancel'):
            self.leader.answers[f'move_{command}'] = no
            for more in ('', ' --wait'):
                ran = self.steal(f'move {command} shop{more}')
                said = 'Refused: locked: it is locked\n'
                self.assertEqual((2, '', said), ran)

    def test_wait(self) -> None:
        for command, outcome, status in (
            ('create', 'helped', 0),
            ('create', 'not_helped', 0),
            ('create', 'not_started', 2),
            ('cancel', 'not_started', 0),
            ('cancel', 'helped', 0),
        ):
            self.leader.call = self.seen(outcome)  # type: ignore[method-assign]
            ran = self.steal(f'move {command} shop --wait -f json')
            self.assertEqual(status, ran.status)
            self.assertEqual(outcome, ran.json['Outcome'])
            self.assertEqual(
                [
                    f'shop ({SHOP}): migrate from tokyo1 to tokyo2',
                    f'shop ({SHOP}): {outcome}',
                ],
                ran.err.splitlines(),
            )

    def test_it_goes_on_longer(self) -> None:
        self.leader.answers['server'] = server(SHOP, 'shop', move=MOVE)
        for command in ('create', 'cancel'):
            ran = self.steal(f'move {command} shop --wait --timeout 1s')
            self.assertEqual(2, ran.status)
            self.assertIn('migrate from tokyo1 to tokyo2', ran.err)
