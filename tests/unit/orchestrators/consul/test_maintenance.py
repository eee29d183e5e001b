from oslotest import base

from steal_scheduler.orchestrators.consul.maintenance import (
    notes,
    reason,
    server_of,
)

_ID = '11111111-1111-4111-8111-111111111111'


class TestReason(base.BaseTestCase):
    def test_an_operator_can_read_it(self) -> None:
        self.assertEqual(
            f'steal-scheduler: server {_ID} moves, since 2026-11-22T15:00:00Z',
            reason(_ID, 1795359600.9),
        )

    def test_ours(self) -> None:
        self.assertEqual(_ID, server_of({'Notes': reason(_ID, 0.0)}))

    def test_not_ours(self) -> None:
        for noted in (
            '',
            None,
            'disk',
            f'steal-scheduler: server {_ID} moves',
            f'steal-scheduler-2: server {_ID} moves, since 1',
            f'x steal-scheduler: server {_ID} moves, since 1',
            f'steal-scheduler: server {_ID} moves, since 1\nmore',
            # An operator has written why he keeps it.
            f'steal-scheduler: server {_ID} moves, since 1. Keep it: disk',
        ):
            self.assertIsNone(server_of({'Notes': noted}), noted)
        self.assertIsNone(server_of({}))
        self.assertIsNone(server_of(None))

    def test_notes(self) -> None:
        self.assertIsNone(notes(None))
        self.assertEqual('', notes({}))
        self.assertEqual('disk', notes({'Notes': 'disk'}))
