"""A server goes where the migrator says that it may, on a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import dataclasses
import time
from typing import Any

import oslo_messaging
from nova import rpc

from steal_scheduler.decision import told
from steal_scheduler.demo.settings import Settings
from steal_scheduler.messaging import acknowledgement
from steal_scheduler.model.scheduler import CLASSES, Scheduler
from steal_scheduler.scheduler import listener
from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()

LARGE = Settings.host_ram_mb * 3 // 10
FILLER = Settings.host_ram_mb * 8 // 10


class TestRankings(loop.LoopTestCase):
    scene = scene

    def hearing(self, **sections: Any) -> loop.Loop:
        """A migrator that hears which views are taken."""
        migrator = self.loop(**sections)
        migrator.parts.receiver.start()
        self.addCleanup(migrator.parts.receiver.stop)
        return migrator

    def acknowledge(self, host: str, ranked_at: float) -> None:
        """Say that a nova-scheduler of this host has these rankings."""
        client = oslo_messaging.get_rpc_client(
            rpc.TRANSPORT, acknowledgement.target()
        )
        said = acknowledgement.encode(
            Scheduler(
                host, time.time(), CLASSES, 1000, worker=1, ranked_at=ranked_at
            )
        )
        client.cast({}, 'acknowledge', acknowledgement=said)

    def beside(self, migrator: loop.Loop, host: str) -> None:
        """The real one is there, and one of this host that is behind."""

        def both() -> bool:
            # As if a request had come.
            listener.cache()
            self.acknowledge(host, 1.0)
            heard = migrator.parts.receiver.heard(time.time())
            return host in heard and len(heard) == 2

        migrator.until(both, 'both to be heard')

    def test_a_server_goes_where_there_is_room(self) -> None:
        """The host that is best to others is never asked of Placement."""
        scene.boot(
            Guest('full', 'a2', 0.1, ram_mb=FILLER), Guest('busy', 'a3', 0.4)
        )
        ids = scene.boot(
            *(Guest(f'large-{n}', 'a1', ram_mb=LARGE) for n in range(2))
        )
        migrator = self.hearing()
        seen: list[Any] = []

        def gone() -> list[str]:
            latest = listener.latest()
            if latest is not None:
                seen.extend(latest.view.rankings.of.values())
            return [id_ for id_ in ids if scene.host(id_) != 'a1']

        migrator.until(gone, 'one to leave')
        (mover,) = gone()
        self.assertEqual('a3', scene.host(mover))
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assertIn({'a3'}, [own.feasible for own in seen])
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())

    def test_every_nova_scheduler_is_waited_for(self) -> None:
        migrator = self.hearing()
        # The real one answers to views, this one never.
        self.beside(migrator, 'deaf')
        mover = self.boot_contended()
        migrator.until(
            lambda: migrator.refused('view_not_taken') == 1, 'it to wait'
        )
        for _ in range(5):
            migrator.tick()
        (move,) = migrator.migrator.moves.values()
        assert move.waits is not None
        self.assertIn('nova-scheduler of deaf has not', move.waits.detail)
        self.assertEqual([], scene.migrations(mover))
        # It is not waited for for ever, and that is said.
        self.patch(told, 'PATIENCE', 0.1)
        (ended,) = migrator.until_ended(mover)
        self.assertEqual('helped', ended.outcome)
        self.assertIn(
            'Moves do not wait any more for nova-scheduler of host deaf',
            self.log_text(),
        )

    def test_one_that_takes_the_view_at_last(self) -> None:
        migrator = self.hearing()
        self.beside(migrator, 'slow')
        mover = self.boot_contended()
        migrator.until(
            lambda: migrator.refused('view_not_taken') == 1, 'it to wait'
        )
        self.assertEqual([], scene.migrations(mover))

        def there() -> Any:
            self.acknowledge('slow', time.time())
            return scene.migrations(mover)

        migrator.until(there, 'the migration')
        migrator.until_ended(mover)
        self.assertNotIn('do not wait any more', self.log_text())

    def test_a_scheduler_of_before(self) -> None:
        """It does not read rankings, and places the server as it did."""
        mover = self.boot_contended()
        migrator = self.hearing()
        cache = listener.cache()
        accept = cache.accept

        def without(message: Any) -> None:
            if isinstance(message, dict):
                message = {
                    key: value
                    for key, value in message.items()
                    if key != 'rankings'
                }
            accept(message)

        self.patch(cache, 'accept', without)
        (ended,) = migrator.until_ended(mover)
        self.assertEqual('helped', ended.outcome)
        latest = listener.latest()
        assert latest is not None
        self.assertEqual({}, dataclasses.asdict(latest.view.rankings)['of'])
