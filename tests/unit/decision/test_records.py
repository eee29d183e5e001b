from oslotest import base

from steal_scheduler.decision.records import (
    failed_in_a_row,
    tells_of_hosts,
    tells_of_server,
    to_blame,
)
from steal_scheduler.model.cloud import Host
from tests.unit.make import fleet, migration, server


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


class TestToBlame(base.BaseTestCase):
    def blamed(self, owners: str, **failed: str) -> set[str]:
        """:param failed: by target, whose servers did not reach it"""
        known = fleet(*(server(p, project_id=p) for p in owners))
        records = {
            host: [migration(s, target=host) for s in ids]
            for host, ids in failed.items()
        }
        return to_blame(records, known)

    def test_all_where_several_projects_failed(self) -> None:
        self.assertEqual({'d', 'e'}, self.blamed('pq', d='ppq', e='pqp'))

    def test_one_where_it_was_the_same_project_alone(self) -> None:
        self.assertEqual({'e'}, self.blamed('pq', d='ppp', e='pppp', f='ppp'))
        self.assertEqual({'d', 'e'}, self.blamed('pq', d='ppp', e='qqq'))
        self.assertEqual({'d', 'e'}, self.blamed('pq', d='ppp', e='ppq'))

    def test_all_where_there_is_no_other_project(self) -> None:
        self.assertEqual({'d', 'e'}, self.blamed('p', d='ppp', e='ppp'))
