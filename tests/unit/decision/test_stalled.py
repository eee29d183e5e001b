import dataclasses
from typing import Any

from oslotest import base

from steal_scheduler.decision.stalled import stalled
from steal_scheduler.model.cloud import Migration, Server
from steal_scheduler.model.move import Stage
from tests.unit.make import NOW, fleet, migration, move, server, snapshot

MIGRATING = server(status='MIGRATING', task_state='migrating')


def said(
    seconds: float,
    *records: Migration,
    known: Server = MIGRATING,
    stage: Stage = Stage.REQUEST,
    **values: object,
) -> str:
    """Of a move that is at this stage for so many seconds."""
    one = move(stage=stage, server=known, since=NOW - seconds, **values)
    return stalled(one, snapshot(fleet(known, migrations=records)))


class TestStalled(base.BaseTestCase):
    def test_nova_has_lost_the_request(self) -> None:
        self.assertEqual('', said(720))
        found = said(721)
        self.assertIn('no record of that: look at nova-conductor', found)
        self.assertIn('"openstack server set --state active s"', found)

    def test_no_target_is_chosen(self) -> None:
        record = migration(status='accepted', created_at=NOW - 721)
        self.assertEqual('', said(720, record))
        self.assertIn(
            "its migration 1 is 'accepted', and no target was chosen: look "
            'at nova-conductor and nova-scheduler',
            said(721, record),
        )

    def test_it_is_not_aborted(self) -> None:
        record = migration(status='running', created_at=NOW - 3000)
        for stage, seconds in ((Stage.MIGRATE, 1920), (Stage.UNDO, 120)):
            self.assertEqual('', said(seconds, record, stage=stage))
            self.assertIn(
                "1 is 'running', and could not be aborted: look at "
                'nova-compute on host a, and start it',
                said(seconds + 1, record, stage=stage),
            )

    def test_it_is_in_post_copy_mode(self) -> None:
        """Whoever starts something anew there may lose the server."""
        record = migration(status='running (post-copy)', created_at=NOW - 3000)
        found = said(1921, record, stage=Stage.MIGRATE)
        self.assertIn('in post-copy mode', found)
        self.assertIn('it runs on b, and needs memory that is on a', found)
        self.assertNotIn('and start it', found)

    def test_what_is_large_has_more_time(self) -> None:
        """100,000 MiB at 100 MiB/s have 2000 s, and 120 to be aborted."""
        record = migration(status='running', created_at=NOW - 3000)
        for seconds, needed in ((2120, False), (2121, True)):
            found = said(seconds, record, stage=Stage.MIGRATE, copy_mb=100_000)
            self.assertEqual(needed, bool(found))

    def test_nobody_is_needed(self) -> None:
        for stage in (Stage.DRAIN, Stage.REATTACH, Stage.VERIFY):
            self.assertEqual('', said(10**6, stage=stage))
        self.assertEqual('', said(10**6, known=server()))
        self.assertEqual('', said(10**6, known=MIGRATING.deleted()))
        self.assertEqual('', said(10**6, stage=Stage.UNDO, back=True))

    def test_its_guest_is_missing(self) -> None:
        values: dict[str, Any] = {
            'known': server(),
            'stage': Stage.UNDO,
            'back': True,
            'target': 'b',
        }
        self.assertEqual('', said(9999, **values))
        self.assertEqual('', said(120, missing=True, **values))
        found = said(121, missing=True, **values)
        self.assertIn('Nova says that it is on a, and nova-compute', found)
        self.assertIn('"virsh list --uuid" on a and b', found)

    def test_its_cell_is_down(self) -> None:
        """It was ACTIVE when Nova told of it last."""
        one = move(stage=Stage.REQUEST, server=server(), since=NOW - 721)
        hidden = dataclasses.replace(
            fleet(server()), unread_servers=frozenset({'s'})
        )
        self.assertIn('bring its cell back', stalled(one, snapshot(hidden)))
        self.assertEqual('', stalled(one, snapshot(fleet(server()))))

    def test_it_is_left_in_error(self) -> None:
        in_error = server(status='ERROR')
        for back in (False, True):
            values: dict[str, Any] = {
                'known': in_error,
                'stage': Stage.UNDO,
                'back': back,
            }
            self.assertEqual('', said(120, **values))
            found = said(121, target='b', **values)
            self.assertIn('in ERROR since its live migration', found)
            self.assertIn('look on a and b where its guest runs', found)
