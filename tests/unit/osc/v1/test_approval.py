from steal_scheduler.exception import RequestRefused
from tests.unit.osc.rig import SHOP, ShellTestCase

APPROVAL = {
    'server_id': SHOP,
    'name': 'shop',
    'source': 'tokyo1',
    'reason': 'it waits',
    'asked_at': '2026-11-30T12:00:00Z',
    'expires_at': '2026-11-30T14:00:00Z',
}


class TestApprovals(ShellTestCase):
    def test_list(self) -> None:
        self.leader.answers['approvals'] = {'approvals': [APPROVAL]}
        [row] = self.rows('approval list')
        self.assertEqual([*APPROVAL.values()], [*row.values()])

    def test_decisions(self) -> None:
        for command, method in (('approve', 'approve'), ('reject', 'reject')):
            ran = self.done(f'approval {command} shop --reason "a: b"')
            asked = {'server_id': SHOP, 'reason': 'a: b'}
            self.assertEqual((method, asked), self.asked())
            self.assertEqual('', ran.out)

    def test_it_waits_for_none(self) -> None:
        no = RequestRefused('not_found', 'it waits for no approval')
        self.leader.answers['approve'] = no
        ran = self.steal('approval approve shop')
        self.assertEqual(
            (1, 'it waits for no approval\n'), (ran.status, ran.err)
        )
