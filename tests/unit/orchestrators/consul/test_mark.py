from oslotest import base

from steal_scheduler.orchestrators.consul.mark import Marker, notes

_ID = '11111111-1111-4111-8111-111111111111'


class TestMarker(base.BaseTestCase):
    def test_an_operator_can_read_it(self) -> None:
        self.assertEqual(
            f'blue: server {_ID} moves, since 2026-11-22T15:00:00Z',
            Marker('blue').reason(_ID, 1795359600.9),
        )

    def test_ours(self) -> None:
        marker = Marker('steal-scheduler')
        self.assertEqual(
            _ID, marker.server({'Notes': marker.reason(_ID, 0.0)})
        )

    def test_not_ours(self) -> None:
        marker = Marker('a.b')
        for reason in (
            '',
            None,
            'disk',
            f'a.b: server {_ID} moves',
            # A dot is a dot.
            f'axb: server {_ID} moves, since 1',
            f'a.b.c: server {_ID} moves, since 1',
            f'x a.b: server {_ID} moves, since 1',
            f'a.b: server {_ID} moves, since 1\nmore',
            # An operator has written why he keeps it.
            f'a.b: server {_ID} moves, since 1. Keep it: disk',
        ):
            self.assertIsNone(marker.server({'Notes': reason}), reason)
        self.assertIsNone(marker.server({}))
        self.assertIsNone(marker.server(None))

    def test_notes(self) -> None:
        self.assertIsNone(notes(None))
        self.assertEqual('', notes({}))
        self.assertEqual('disk', notes({'Notes': 'disk'}))
