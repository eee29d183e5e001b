"""Policies in metadata of host aggregates, on a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import concurrent.futures
import datetime

from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()


class PoliciesTestCase(loop.LoopTestCase):
    scene = scene

    def say(self, zone: str, **keys: str) -> None:
        """In metadata of its aggregate, until the test is over."""
        said = {f'steal:{key}': value for key, value in keys.items()}
        self.addCleanup(
            scene.set_zone_metadata, zone, dict.fromkeys(said, None)
        )
        scene.set_zone_metadata(zone, said)

    def assert_untouched(self, server_id: str, *said: str) -> None:
        """:param said: what its tags say of a move that did not begin"""
        words = [tag.split(':')[1] for tag in scene.tags(server_id)]
        self.assertEqual([*said], words)
        self.assertEqual([], scene.migrations(server_id))
        self.assertEqual([], self.script.asked(server_id))


class TestZoneByZone(PoliciesTestCase):
    def test_dry_run_here_and_live_there(self) -> None:
        """az1 is only told of, and takes nothing from az2; then it follows."""
        self.say('az1', dry_run='true')
        watched = self.boot_contended('a1')
        mover = self.boot_contended('b1')
        migrator = self.loop(limits={'slots': 1})
        migrator.until_ended(mover)
        self.assertEqual('b2', scene.host(mover))
        self.assert_back(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assert_untouched(watched)
        said = 'would move away from host a1: waits 33%'
        self.assertEqual(1, self.logger.output.count(said))
        self.assertEqual(3, migrator.value('dry_run_hosts'))
        self.assertEqual(0, migrator.value('dry_run'))
        scene.set_zone_metadata('az1', {'steal:dry_run': None})
        migrator.until_ended(watched)
        self.assertEqual({'helped': 2}, migrator.outcomes())

    def test_a_zone_that_goes_back_to_dry_run(self) -> None:
        """A server that is drained by then is reattached."""
        self.script.let('drain', 'waits')
        mover = self.boot_contended('a1')
        migrator = self.loop()
        migrator.until(lambda: self.script.asked(mover), 'the drain')
        self.say('az1', dry_run='true')
        (ended,) = migrator.until_ended(mover)
        self.assertIn('dry_run', ended.move.failure)
        self.assertEqual([], scene.migrations(mover))
        self.assert_back(mover)


class TestConsent(PoliciesTestCase):
    def test_a_move_waits_for_a_yes(self) -> None:
        self.say('az1', approval='true')
        mover = self.boot_contended('a1')
        migrator = self.loop()
        for _ in range(3):
            migrator.tick()
        self.assertEqual(1, migrator.refused('approval'))
        self.assert_untouched(mover)
        desk, alice = migrator.parts.desk, {'user_name': 'alice'}
        (waiting,) = desk.answer('approvals', {}, alice)['approvals']
        self.assertEqual(
            (mover, 'a1'), (waiting['server_id'], waiting['source'])
        )
        policy = desk.answer('host', {'host': 'a1'}, alice)['policy']
        self.assertEqual(
            {'value': 'true', 'source': 'aggregate az1'},
            policy['steal:approval'],
        )
        args = {'server_id': mover, 'reason': 'go'}
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            answer = threads.submit(desk.answer, 'approve', args, alice)
            migrator.until(answer.done, 'the answer')
        self.assertEqual({}, answer.result())
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())

    def test_its_owner_is_told_and_objects(self) -> None:
        """In metadata of his server, which he may change."""
        self.say('az1', notice='1s')
        self.say('az2', notice='24h')
        objects = self.boot_contended('b1')
        mover = self.boot_contended('a1')
        migrator = self.loop(limits={'slots': 5})
        migrator.until(
            lambda: all(map(self.notice, (mover, objects))), 'the notices'
        )
        self.assertIn('waits 33% of its time', self.notice(mover) or '')
        scene.set_metadata(objects, {'steal:migrate': 'false'})
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        migrator.until(
            lambda: migrator.refused('opted_out') == 1, 'the objection'
        )
        self.assert_untouched(objects, 'told')
        migrator.until(lambda: not self.notice(mover), 'the end of it')

    def notice(self, server_id: str) -> str | None:
        found: str | None = scene.cloud.servers.server(server_id)[
            'metadata'
        ].get('steal:notice')
        return found

    def test_the_windows_of_its_owner(self) -> None:
        tomorrow = datetime.datetime.now(datetime.UTC)
        tomorrow += datetime.timedelta(1)
        own = {'steal:window': f'{tomorrow:%a} 00:00-24:00'}
        mover = self.boot_contended('a1', metadata=own)
        migrator = self.loop()
        migrator.tick()
        self.assertEqual(1, migrator.refused('window'))
        scene.set_metadata(mover, {'steal:window': '00:00-24:00'})
        migrator.until_ended(mover)


class TestPolicies(PoliciesTestCase):
    def test_a_window_and_a_value_that_makes_no_sense(self) -> None:
        tomorrow = datetime.datetime.now(datetime.UTC)
        tomorrow += datetime.timedelta(1)
        text = f'{tomorrow:%a} 00:00-24:00'
        self.say('az1', window=text, slots='many')
        mover = self.boot_contended('a1')
        migrator = self.loop()
        for _ in range(3):
            migrator.tick()
        self.assertEqual(1, migrator.refused('window'))
        self.assertIn(f'(steal:window = {text} of', self.logger.output)
        self.assert_untouched(mover)
        self.assertEqual(1, migrator.value('ignored_policies'))
        self.assertEqual(
            1,
            self.logger.output.count(
                'Policy steal:slots of aggregate az1 ignored'
            ),
        )
        self.say('az1', window='00:00-24:00', slots='3')
        migrator.until_ended(mover)
        self.assertEqual(0, migrator.value('ignored_policies'))

    def test_thresholds_and_priority(self) -> None:
        """One zone tolerates what another one does not."""
        self.say('az1', steal_threshold='60')
        self.say('az3', priority='never')
        scene.boot(
            Guest('calm-1', 'a1', 1.5),
            Guest('calm-2', 'a1', 1.5),
            Guest('kept-1', 'c1', 1.5),
            Guest('kept-2', 'c1', 1.5),
        )
        mover = self.boot_contended('b1')
        migrator = self.loop()
        migrator.until_ended(mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())
        hosts = {
            scene.cloud.servers.host(f.server_id)
            for f in migrator.migrator.decided.findings
        }
        self.assertEqual({'c1'}, hosts)
        self.assertEqual(2, migrator.refused('priority'))
