"""The loop cures a cloud, and keeps its promises while it does."""

from tests.functional import loop  # isort: skip (before Nova's)

import threading

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.scheduler import listener
from tests.functional.scene import Guest, Scene

ZONES = {'az1': ['a1', 'a2', 'a3', 'a4'], 'az2': ['b1', 'b2']}
NEVER = {'steal:migrate': 'never'}
ENDLESS = {'demo:seconds': 'never'}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class LoopTestCase(loop.LoopTestCase):
    scene = scene

    def settle(self, migrator: loop.Loop, ticks: int = 5) -> None:
        """As many ticks as a move would have needed."""
        for _ in range(ticks):
            migrator.tick()


class TestCure(LoopTestCase):
    def test_hot_host(self) -> None:
        """Two servers share the cores of one: one goes, and both have all."""
        ids = scene.boot(Guest('one', 'a1'), Guest('two', 'a1'))
        scene.measure()
        scene.load.start()
        self.addCleanup(scene.load.stop)
        migrator = self.loop()
        thread = threading.Thread(target=migrator.migrator.run)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(migrator.migrator.stop)
        wait_for(
            lambda: (
                migrator.outcomes() == {'helped': 1}
                and not migrator.value('contended_servers')
            ),
            60.0,
            'the cure',
        )
        self.assertEqual(2, len({scene.host(id_) for id_ in ids}))
        (moved,) = (id_ for id_ in ids if scene.migrations(id_))
        self.assertEqual(['completed'], scene.migrations(moved))
        self.assert_back(moved)
        self.assertEqual(['drain', 'reattach'], self.script.done(moved))

    def test_lighter_goes(self) -> None:
        heavy, light = scene.boot(
            Guest('heavy', 'a1', disk_gb=20), Guest('light', 'a1')
        )
        migrator = self.loop()
        migrator.until_ended(light)
        self.assertEqual('a1', scene.host(heavy))
        self.assertNotEqual('a1', scene.host(light))
        self.assertEqual([], scene.migrations(heavy))


class TestTarget(LoopTestCase):
    def test_zone_kept(self) -> None:
        """The other zone is emptier, and none was ever requested."""
        scene.boot(*(Guest(h, h, 0.2) for h in ('a2', 'a3', 'a4')))
        mover = self.boot_contended()
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertIn(scene.host(mover), ('a2', 'a3', 'a4'))

    def test_role_spread(self) -> None:
        """a2 is the emptiest, but holds a server of the same role."""
        scene.boot(
            Guest('same', 'a2', 0.1, role='web'),
            Guest('other', 'a3', 0.5, role='mail'),
            Guest('same-too', 'a4', 0.1, role='web'),
        )
        mover = self.boot_contended(role='web', demand=1.2)
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertEqual('a3', scene.host(mover))

    def test_emptiest(self) -> None:
        """As above, but without a role."""
        scene.boot(
            Guest('one', 'a2', 0.1),
            Guest('two', 'a3', 0.5),
            Guest('three', 'a4', 0.5),
        )
        mover = self.boot_contended(demand=1.2)
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertEqual('a2', scene.host(mover))

    def test_different_targets(self) -> None:
        """Two at once, and one host that would be the best for both."""
        scene.boot(Guest('calm', 'a4', 0.3))
        scene.noise['a1'] = scene.noise['a2'] = 2.5
        ids = scene.boot(
            Guest('one', 'a1', 0.75, metadata=ENDLESS),
            Guest('two', 'a2', 0.75, metadata=ENDLESS),
        )
        migrator = self.loop()
        migrator.until(
            lambda: all(scene.stage(id_) == 'migrate' for id_ in ids),
            'both to migrate',
        )
        targets = {
            scene.cloud.servers.migrations(id_)[0]['dest_compute']
            for id_ in ids
        }
        self.assertEqual({'a3', 'a4'}, targets)
        for id_ in ids:
            scene.finish_migration(id_)
        migrator.until_ended(*ids)
        self.assertEqual({'helped': 2}, migrator.outcomes())

    def test_one_at_a_time(self) -> None:
        """Two at once, and one host that can take them: in turn."""
        scene.boot(
            *(
                Guest('busy', h, 1.7, metadata=NEVER)
                for h in ('a1', 'a2', 'a3')
            )
        )
        ids = scene.boot(
            Guest('one', 'a1', 0.75, metadata=ENDLESS),
            Guest('two', 'a2', 0.75, metadata=ENDLESS),
        )
        migrator = self.loop()
        migrator.until(
            lambda: any(scene.stage(id_) == 'migrate' for id_ in ids),
            'one to migrate',
        )
        self.settle(migrator)
        (first,) = (id_ for id_ in ids if scene.migrations(id_))
        (second,) = (id_ for id_ in ids if id_ != first)
        scene.finish_migration(first)
        migrator.until(
            lambda: scene.stage(second) == 'migrate', 'the other to migrate'
        )
        scene.finish_migration(second)
        migrator.until_ended(*ids)
        self.assertEqual(['a4', 'a4'], [scene.host(id_) for id_ in ids])


class TestNo(LoopTestCase):
    def test_opted_out(self) -> None:
        tenant, flavor, locked = scene.boot(
            Guest('tenant', 'a1', metadata=NEVER),
            Guest('flavor', 'a1', extra_specs=tuple(NEVER.items())),
            Guest('locked', 'a1'),
        )
        scene.action(locked, 'lock')
        aggregate = self.boot_contended('b1')
        scene.set_zone_metadata('az2', NEVER)
        self.addCleanup(scene.set_zone_metadata, 'az2', dict.fromkeys(NEVER))
        migrator = self.loop()
        self.settle(migrator)
        self.assertEqual(4, migrator.value('contended_servers'))
        self.assertEqual(3, migrator.refused('opted_out'))
        self.assertEqual(1, migrator.refused('locked'))
        for id_ in (tenant, flavor, locked, aggregate):
            self.assertEqual([], self.script.asked(id_))
            self.assertEqual([], scene.migrations(id_))
        for where in ('metadata', 'flavor', 'host aggregate'):
            self.assertIn(
                f'steal:migrate in its {where} says never', self.log_text()
            )
        scene.action(locked, 'unlock')
        migrator.until_ended(locked)
        self.assertEqual(['completed'], scene.migrations(locked))

    def test_saturated(self) -> None:
        """No host of its zone has room; another zone's have."""
        scene.boot(Guest('busy', 'b2', 1.0))
        mover = self.boot_contended('b1')
        migrator = self.loop()
        self.settle(migrator)
        self.assertEqual(1, migrator.refused('saturated'))
        self.assertGreater(migrator.value('saturated_cores', zone='az2'), 1)
        self.assertIn('Zone az2 is saturated', self.log_text())
        self.assertEqual([], self.script.asked(mover))
        self.assertEqual([], scene.migrations(mover))


class TestView(LoopTestCase):
    def test_view_has_mover(self) -> None:
        """The scheduler knows whom we are about to move, before we ask."""
        mover = self.boot_contended(role='web')
        self.script.let('drain', 'waits')
        migrator = self.loop()

        def known() -> object:
            latest = listener.latest()
            return latest and latest.view.movers.get(mover)

        told = migrator.until(known, 'the view to arrive')
        self.assertEqual(
            ('web', 'az1', 'a1'), (told.role, told.zone, told.source)
        )
        self.assertEqual([], scene.migrations(mover))
