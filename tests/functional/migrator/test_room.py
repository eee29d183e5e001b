"""Nobody is drained whom Nova cannot place, on a real Nova and Placement."""

from tests.functional import loop, one  # isort: skip (before Nova's)

from typing import Any

from steal_scheduler.demo.settings import Settings
from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()

#: MiB: three servers fit on a host, and one beside what fills another.
LARGE = Settings.host_ram_mb * 3 // 10
FILLER = Settings.host_ram_mb * 8 // 10
#: Both vCPUs have pCPUs of their own, which are all there are.
PINNED = (('resources:PCPU', '2'), ('resources:VCPU', '0'))
CARD = (('resources:CUSTOM_CARD', '1'),)
TRAIT = 'CUSTOM_FAST'


class TestRoom(loop.LoopTestCase):
    scene = scene

    def stays(self, reason: str, *ids: str, **sections: Any) -> loop.Loop:
        """Each is refused for this reason, and left alone."""
        migrator = self.loop(**sections)
        migrator.until(
            lambda: migrator.refused(reason) == len(ids), f'{reason} for all'
        )
        for _ in range(5):
            migrator.tick()
        self.assertEqual({}, migrator.outcomes())
        for id_ in ids:
            self.assertEqual([], scene.migrations(id_))
            self.assertEqual([], self.script.asked(id_))
        return migrator

    def leaves(self, migrator: loop.Loop, *ids: str) -> None:
        """One of them goes, with one migration, and is well there."""

        def gone() -> list[str]:
            return [id_ for id_ in ids if scene.host(id_) != 'a1']

        migrator.until(gone, 'one to leave')
        (mover,) = gone()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual(['completed'], scene.migrations(mover))

    def test_hosts_without_memory(self) -> None:
        fillers = scene.boot(
            *(Guest(f'full-{h}', h, 0.1, ram_mb=FILLER) for h in ('a2', 'a3'))
        )
        ids = scene.boot(
            *(Guest(f'large-{n}', 'a1', ram_mb=LARGE) for n in range(2))
        )
        migrator = self.stays('ram', *ids)
        self.assertLess(
            0, migrator.value('saturated_cores', zone='az1', scarce='ram')
        )
        # As soon as there is memory, one moves.
        scene.call('DELETE', f'/servers/{fillers[0]}')
        self.leaves(migrator, *ids)

    def test_an_affinity_group(self) -> None:
        group = scene.server_group('affinity')
        ids = scene.boot(
            *(Guest(f'with-{n}', 'a1', group=group) for n in range(2))
        )
        self.stays('server_group', *ids)

    def test_the_only_member_of_an_affinity_group(self) -> None:
        group = scene.server_group('affinity')
        scene.noise['a1'] = 1.5
        ids = scene.boot(Guest('alone', 'a1', group=group))
        migrator = self.stays('server_group', *ids)
        # As Nova has it.
        scene.action(
            ids[0],
            'os-migrateLive',
            {'host': None, 'block_migration': 'auto'},
        )
        migrator.until(
            lambda: scene.migrations(ids[0]) == ['error'], 'no valid host'
        )

    def test_an_anti_affinity_group(self) -> None:
        """Its members are on all hosts of the zone but one."""
        group = scene.server_group('anti-affinity')
        scene.noise['a1'] = 1.5
        (mover, *_) = scene.boot(
            Guest('apart-1', 'a1', group=group),
            Guest('apart-2', 'a2', 0.1, group=group),
            Guest('apart-3', 'a3', 0.1, group=group),
        )
        migrator = self.stays('server_group', mover)
        (last,) = [s for s in scene.ids() if scene.host(s) == 'a3']
        scene.call('DELETE', f'/servers/{last}')
        self.leaves(migrator, mover)
        self.assertEqual('a3', scene.host(mover))

    def test_a_trait(self) -> None:
        migrator = self.loop()
        placement = migrator.parts.nova.placement._api
        placement.put(f'/traits/{TRAIT}')

        def give(host: str) -> None:
            path = f'/resource_providers?name={host}'
            (found,) = placement.get(path).json()['resource_providers']
            path = f'/resource_providers/{found["uuid"]}/traits'
            traits = placement.get(path).json()
            traits['traits'].append(TRAIT)
            placement.put(path, json=traits)

        give('a1')
        specs = ((f'trait:{TRAIT}', 'required'),)
        ids = scene.boot(
            *(Guest(f'fast-{n}', 'a1', extra_specs=specs) for n in range(2))
        )
        again = self.stays('traits', *ids)
        give('a3')
        self.leaves(again, *ids)
        self.assertIn('a3', [scene.host(id_) for id_ in ids])

    def test_cards(self) -> None:
        """What else flavors ask for of Placement counts like memory."""
        scene.boot(
            *(
                Guest(f'card-{h}', h, 0.1, extra_specs=CARD)
                for h in ('a2', 'a3')
            )
        )
        scene.noise['a1'] = 1.5
        (mover,) = scene.boot(Guest('mover', 'a1', extra_specs=CARD))
        migrator = self.stays('resources', mover)
        (last,) = [s for s in scene.ids() if scene.host(s) == 'a2']
        scene.call('DELETE', f'/servers/{last}')
        self.leaves(migrator, mover)
        self.assertEqual('a2', scene.host(mover))

    def test_pinned_ones(self) -> None:
        """Whatever is measured of them, they wait for nobody."""
        scene.noise['a1'] = 1.5
        (pinned,) = scene.boot(Guest('pinned', 'a1', 2.0, extra_specs=PINNED))
        migrator = self.loop()
        for _ in range(8):
            migrator.tick()
        self.assertEqual([], scene.migrations(pinned))
        self.assertEqual([], self.script.asked(pinned))
