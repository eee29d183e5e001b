from oslotest import base

from steal_scheduler.decision.records import (
    failed_in_a_row,
    tells_of_hosts,
    tells_of_server,
)
from steal_scheduler.model.cloud import Host
from tests.unit.make import fleet, migration


class TestFailedInARow(base.BaseTestCase):
    def test_since_the_last_success(self) -> None:
        for statuses, expected in (
            ('', ''),
            ('e', 'e'),
            ('ec', 'e'),
            ('ce', ''),
            ('eree', 'eee'),
            ('refxce', 'efx'),
        ):
            words = {
                'c': 'completed',
                'e': 'error',
                'f': 'failed',
                'r': 'running',
                'x': 'cancelled',
            }
            found = failed_in_a_row(
                migration(status=words[letter]) for letter in statuses
            )
            self.assertEqual(
                [words[letter] for letter in expected],
                [m.status for m in found],
            )


class TestOfWhomItTells(base.BaseTestCase):
    def test_all(self) -> None:
        known = fleet()
        known.hosts['c'] = Host('c', 'az1', up=False)
        error = {'status': 'error'}
        for record, of_hosts, of_server in (
            ({}, True, True),
            (error, True, True),
            ({'status': 'running'}, False, False),
            # Nova found none.
            (error | {'target': None}, False, False),
            # Somebody had it aborted.
            ({'status': 'cancelled'}, False, True),
            (error | {'aborted': True}, False, True),
            # It came too late.
            ({'aborted': True}, True, True),
            # Its source has died; what left it before did leave it.
            (error | {'source': 'c'}, False, False),
            ({'source': 'c'}, True, True),
            # A host that Nova does not know any more.
            (error | {'source': 'gone'}, True, True),
        ):
            found = migration(**record)
            self.assertEqual(
                (of_hosts, of_server),
                (tells_of_hosts(found, known), tells_of_server(found, known)),
                record,
            )
