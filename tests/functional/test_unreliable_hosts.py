"""A host that lies gets no server, and the plan says why."""

from tests.functional import loop  # isort: skip (before Nova's)

import json
import time
from typing import Any

from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.demo.deadline import wait_for
from tests.functional import daemon
from tests.functional.scene import Guest, Scene

#: That of the contended server, an honest one, and the one that lies.
ZONES = {'az1': ['a1', 'honest', 'liar']}

scene = Scene(ZONES)
setUpModule, tearDownModule = scene.start, scene.stop


class TestUnreliable(loop.LoopTestCase):
    """The liar has most room, and would be chosen if it were reliable."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        scene.boot(Guest('busy', 'honest', 0.4))
        self.idle = scene.boot(
            *(Guest(f'idle-{n}', 'liar', 0.1) for n in range(3))
        )
        self.mover = self.boot_contended(demand=1.3)

    def change(self, signals: dict[str, Any], **values: float | None) -> None:
        """What the liar tells of its servers."""
        for server_id in self.idle:
            signals['servers'][server_id] |= values

    def assert_avoided(
        self, reason: HostCheck, said: str, coverage_floor: int = 30
    ) -> None:
        # The liar's servers are most of this cloud.
        sections = {'limits': {'coverage_floor': coverage_floor}}
        migrator = self.loop(**sections)
        migrator.tick()
        self.assertEqual(1, migrator.value('unreliable_hosts', reason=reason))
        self.assertIn(
            f'Metrics of host liar marked unreliable (reason={reason}). ',
            self.log_text(),
        )
        migrator.until_ended(self.mover)
        self.assertEqual('honest', scene.host(self.mover))
        scene.measure()
        plan = daemon.run(
            'steal-manage',
            '--config-file',
            self.config_file(**sections),
            *('plan', '--format', 'json'),
        )
        [host] = json.loads(plan.stdout)['unreliable_hosts']
        self.assertEqual(('liar', reason), (host['host'], host['reason']))
        self.assertIn(said, host['detail'])

    def test_reliable(self) -> None:
        migrator = self.loop()
        migrator.until_ended(self.mover)
        self.assertEqual('liar', scene.host(self.mover))
        for reason in HostCheck:
            self.assertEqual(
                0, migrator.value('unreliable_hosts', reason=reason)
            )

    def test_stale(self) -> None:
        scene.lie = lambda signals: signals['hosts'].pop('liar')
        self.assert_avoided(HostCheck.STALE, 'no signal tells of it')

    def test_clock(self) -> None:
        def lie(signals: dict[str, Any]) -> None:
            signals['hosts']['liar']['clock_offset'] = -300.0

        scene.lie = lie
        self.assert_avoided(HostCheck.CLOCK, 'its clock is 300 s behind')

    def test_source(self) -> None:
        def lie(signals: dict[str, Any]) -> None:
            signals['hosts']['liar']['reliable'] = False

        scene.lie = lie
        self.assert_avoided(HostCheck.SOURCE, 'the signal source says that')

    def test_missing_servers(self) -> None:
        scene.unseen.update(self.idle[:2])
        self.assert_avoided(
            HostCheck.MISSING_SERVERS,
            '1 of the 3 servers',
            # The cloud as a whole lacks two of five.
            coverage_floor=50,
        )

    def test_flat_wait(self) -> None:
        scene.lie = lambda signals: self.change(signals, waited=0.0)
        self.assert_avoided(HostCheck.FLAT_WAIT, 'waited for none at all')

    def test_zero_wait(self) -> None:
        scene.lie = lambda signals: self.change(
            signals, used=0.66, waited=0.0001
        )
        self.assert_avoided(HostCheck.ZERO_WAIT, '2.0 of 2 cores with 3 vCPUs')

    def test_guests_disagree(self) -> None:
        scene.lie = lambda signals: self.change(signals, guest_waited=0.5)
        self.assert_avoided(
            HostCheck.GUESTS_DISAGREE, '3 of 3 guests count a wait'
        )

    def test_failed_arrivals(self) -> None:
        for n in range(3):
            (id_,) = scene.boot(
                Guest(f'f{n}', 'honest', 0.0, metadata={'demo:fail': 'run'})
            )
            scene.action(
                id_,
                'os-migrateLive',
                {'host': 'liar', 'block_migration': 'auto'},
            )
            wait_for(
                lambda id_=id_: (
                    scene.migrations(id_)
                    and scene.migrations(id_)[0] in ('error', 'failed')
                ),
                30.0,
                'it to fail',
            )
        self.assert_avoided(
            HostCheck.FAILED_ARRIVALS, 'the last 3 migrations to it failed'
        )

    def test_a_check_that_is_off(self) -> None:
        scene.lie = lambda signals: self.change(signals, waited=0.0)
        migrator = self.loop(host_checks={'disabled_checks': 'flat_wait'})
        migrator.until_ended(self.mover)
        self.assertEqual('liar', scene.host(self.mover))

    def test_one_liar_excludes_itself_only(self) -> None:
        """A contended server there is left alone; the others move."""
        scene.noise['liar'] = 1.9
        scene.lie = lambda signals: signals['hosts']['liar'].update(
            clock_offset=time.time()
        )
        migrator = self.loop(limits={'coverage_floor': 30})
        migrator.until_ended(self.mover)
        self.assertEqual('honest', scene.host(self.mover))
        self.assertEqual(1, sum(migrator.outcomes().values()))
        self.assertEqual({'liar'}, {scene.host(id_) for id_ in self.idle})
