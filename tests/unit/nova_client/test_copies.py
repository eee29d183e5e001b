from oslotest import base

from steal_scheduler.exception import NovaError
from steal_scheduler.model.progress import Copied
from steal_scheduler.nova_client import copies
from tests.unit.make import fleet, migration, server


class TestCopies(base.BaseTestCase):
    def test_one_of_which_nothing_is_known_costs_only_itself(self) -> None:
        def copied(server_id: str) -> Copied | None:
            if server_id == 'a':
                raise NovaError('503')
            return None if server_id == 'b' else Copied(1.0, 2.0)

        statuses = {
            'a': 'running',
            'b': 'running',
            'c': 'running',
            'd': 'preparing',
            'e': 'completed',
        }
        known = fleet(
            *map(server, 'abcdef'),
            migrations=tuple(
                migration(server_id, status=status)
                for server_id, status in statuses.items()
            ),
        )
        told = copies.with_copies(known, 'abcdef', copied)
        self.assertEqual({'c': Copied(1.0, 2.0)}, told.copies)
        self.assertEqual(known.servers, told.servers)
