"""A dry run decides and says so, and touches nothing."""

from tests.functional import loop  # isort: skip (before Nova's)

import oslo_messaging

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Scene

ZONES = {'az1': ['a1', 'a2']}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class Hearer:
    """An endpoint that keeps the notifications of the migrator."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, object]]] = []

    def info(self, ctxt, publisher_id, event_type, payload, metadata):  # type: ignore[no-untyped-def]
        self.heard.append((event_type, payload))

    error = info


class TestDryRun(loop.LoopTestCase):
    scene = scene

    def hear(self, migrator: loop.Loop) -> Hearer:
        """From now on, what the migrator notifies."""
        hearer = Hearer()
        server = oslo_messaging.get_notification_listener(
            oslo_messaging.get_notification_transport(migrator.parts.conf),
            [oslo_messaging.Target(topic='steal')],
            [hearer],
        )
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        return hearer

    def run_loop(self, *, dry_run: bool) -> tuple[str, loop.Loop, Hearer]:
        mover = self.boot_contended()
        migrator = self.loop(
            migrator={'dry_run': dry_run},
            oslo_messaging_notifications={
                'driver': 'messagingv2',
                'topics': 'steal',
            },
        )
        hearer = self.hear(migrator)
        for _ in range(5):
            migrator.tick()
        return mover, migrator, hearer

    def test_dry(self) -> None:
        mover, migrator, hearer = self.run_loop(dry_run=True)
        wait_for(lambda: hearer.heard, 30.0, 'the notification')
        # Once, however many ticks.
        self.assertEqual(
            ['steal_scheduler.move.planned'], [e for e, _ in hearer.heard]
        )
        payload = hearer.heard[0][1]
        self.assertEqual(
            (mover, True), (payload['server_id'], payload['dry_run'])
        )
        said = 'would move away from host a1: waits 33%'
        self.assertEqual(1, self.log_text().count(said))
        self.assertEqual(1, migrator.value('dry_run'))
        self.assertEqual(1, migrator.value('contended_servers'))
        self.assertEqual({}, migrator.outcomes())
        self.assertEqual([], scene.tags(mover))
        self.assertEqual([], scene.migrations(mover))
        self.assertEqual([], self.script.asked(mover))

    def test_not_dry(self) -> None:
        """The same, but for the option."""
        mover, migrator, hearer = self.run_loop(dry_run=False)
        migrator.until_ended(mover)
        wait_for(
            lambda: hearer.heard[-1:] and hearer.heard[-1][0].endswith('.end'),
            30.0,
            'the last notification',
        )
        stages = 'drain request migrate reattach verify end'.split()
        events = [event.rpartition('.')[2] for event, _ in hearer.heard]
        # A quick migration is never seen to run.
        self.assertEqual(
            [s for s in stages if s != 'migrate'],
            [e for e in events if e != 'migrate'],
        )
        payload = hearer.heard[-1][1]
        self.assertEqual('helped', payload['outcome'])
        self.assertFalse(payload['dry_run'])
        self.assertEqual(0, migrator.value('dry_run'))

    def test_finishes(self) -> None:
        """A move that began before is brought to an end."""
        mover = self.boot_contended(metadata={'demo:seconds': 'never'})
        first = self.loop()
        first.until(lambda: scene.stage(mover) == 'migrate', 'the migration')
        first.parts.close()
        dry = self.loop(migrator={'dry_run': True})
        dry.tick()
        scene.finish_migration(mover)
        dry.until_ended(mover)
        self.assertEqual({'helped': 1}, dry.outcomes())
        self.assert_back(mover)
