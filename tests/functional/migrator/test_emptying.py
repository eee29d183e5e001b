"""A host is emptied by the real migrator, on a real Nova."""

from tests.functional import loop, one  # isort: skip (before Nova's)

from steal_scheduler.demo import driver, goals
from steal_scheduler.demo.balancer import Balancer
from steal_scheduler.model import until
from tests.functional.scene import Guest
from tests.shared import PATIENCE

KEY = 'steal:drain:host:a1'
#: What each of ten servers belongs to; one of the last is locked, and one
#: opted out.
SERVERS = {
    'script-1': 'command',
    'script-2': 'command',
    'script-3': 'command',
    'shop-1': 'balancer',
    'shop-2': 'balancer',
    'both-1': 'command,balancer',
    'noop-1': 'noop',
    'plain-1': 'none',
    'locked-1': 'command',
    'pinned-1': 'command',
}

scene = one.scene
setUpModule = one.set_up()


class TestEmptying(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        body = {'aggregate': {'name': until.AGGREGATE}}
        made = scene.call('POST', '/os-aggregates', body)
        self.aggregate = f'/os-aggregates/{made["aggregate"]["id"]}'
        self.addCleanup(scene.call, 'DELETE', self.aggregate)
        self.balancer = Balancer(self.directory / 'key', lambda text: None)
        scene.cloud.http.apps['balancer'] = self.balancer.app
        self.addCleanup(scene.cloud.http.apps.pop, 'balancer')

    def order(self, value: str | None) -> None:
        """An operator writes it, or removes it with None."""
        body = {'set_metadata': {'metadata': {KEY: value}}}
        scene.call('POST', f'{self.aggregate}/action', body)

    def boot(self, *names: str) -> dict[str, str]:
        """Servers on a1 that wait for nothing; their ids by name."""
        ids = scene.boot(
            *(
                Guest(
                    name,
                    'a1',
                    demand=0.1,
                    metadata={
                        'steal:orchestrator': SERVERS[name],
                        'demo:seconds': '0.2',
                    },
                )
                for name in names
            )
        )
        found = dict(zip(names, ids, strict=True))
        for name, id_ in found.items():
            if 'balancer' in SERVERS[name]:
                self.balancer.add(id_, name, name)
        return found

    def migrator(self) -> loop.Loop:
        return self.loop(
            migrator={'orchestrators': 'command, balancer, noop'},
            command={'all_servers': False},
            balancer={
                'driver': 'webhook',
                'url': f'{scene.cloud.url}/balancer',
                'signing_key_file': self.balancer.key_file,
                'lists_detached': True,
            },
        )

    def here(self, ids: dict[str, str]) -> set[str]:
        """Names of those that are left on a1."""
        return {name for name, id_ in ids.items() if scene.host(id_) == 'a1'}

    def test_ten_servers_and_a_leader_that_dies(self) -> None:
        ids = self.boot(*SERVERS)
        scene.action(ids['locked-1'], 'lock')
        scene.set_metadata(ids['pinned-1'], {'steal:migrate': 'false'})
        self.order('true bob: new memory')
        first = self.migrator()
        first.until(
            lambda: len(self.here(ids)) <= 7,
            'three to leave',
            seconds=3 * PATIENCE,
        )
        # It is never heard of again, whatever it had begun.
        first.until(
            lambda: any(m.unavailable for m in first.migrator.moves.values()),
            'another move',
        )
        first.parts.leader.release()
        second = self.migrator()
        stay = {'locked-1', 'pinned-1'}
        second.until(
            lambda: self.here(ids) == stay,
            'all others to leave',
            seconds=5 * PATIENCE,
        )
        second.until(lambda: not second.migrator.moves, 'the last move to end')
        # Who is left has been told why, and nobody else.
        why = {r.server_id: r for r in second.migrator.decided.refusals}
        self.assertEqual({ids[name] for name in stay}, {*why})
        self.assertEqual('locked', why[ids['locked-1']].reason)
        self.assertEqual('opted_out', why[ids['pinned-1']].reason)
        self.assertEqual(2, second.value('emptied_host_servers', host='a1'))
        self.assertEqual({'arrived'}, {*second.outcomes()} - {'not_started'})
        # Each has moved once, within its zone, and nobody noticed.
        for name, id_ in ids.items():
            done = [] if name in stay else ['completed']
            self.assertEqual(done, scene.migrations(id_), name)
            self.assertIn(scene.host(id_), one.ZONES['az1'])
            self.assert_back(id_)
            asked = name not in stay and 'command' in SERVERS[name]
            # To be sure, a new leader reattaches once more who has arrived.
            self.assertEqual(asked, 'drain' in self.script.done(id_), name)
        members = self.balancer.members
        self.assertEqual(
            [],
            goals.noticed(
                members,
                self.balancer.outages,
                driver.DemoDriver.copied,
                {*members},
                {id_: name for name, id_ in ids.items()},
            ),
        )

    def test_nobody_is_placed_there(self) -> None:
        """A new server neither, though the host is the emptiest."""
        (id_,) = scene.boot(Guest('big-1', 'a2', demand=0.5))
        migrator = self.migrator()
        self.order('true')
        said = 'Host a1 is empty: no server is left on it.'
        migrator.until(lambda: said in self.log_text(), 'the order')
        found = self.assertRaises(
            RuntimeError, scene.boot, Guest('new-1', 'a1', demand=0.1)
        )
        self.assertIn('No valid host', str(found))
        self.order(None)
        migrator.until(
            lambda: 'is not emptied any more' in self.log_text(), 'its end'
        )
        (new,) = scene.boot(Guest('new-2', 'a1', demand=0.1))
        self.assertEqual('a1', scene.host(new))
        self.assertEqual('a2', scene.host(id_))

    def test_it_is_stopped(self) -> None:
        ids = self.boot('script-1', 'script-2', 'plain-1')
        self.script.let('drain', 'waits')
        self.order('true')
        migrator = self.migrator()
        scripts = {ids['script-1'], ids['script-2']}
        migrator.until(
            lambda: any(
                move.stage == 'drain' and id_ in scripts
                for id_, move in migrator.migrator.moves.items()
            ),
            'a drain',
        )
        (drained,) = scripts & migrator.migrator.moves.keys()
        self.order(None)
        (ended,) = migrator.until_ended(drained)
        self.assertEqual('not_started', ended.outcome)
        self.assertIn('is not emptied any more', ended.move.failure)
        self.script.release()
        migrator.until(lambda: not migrator.migrator.moves, 'the end')
        here = self.here(ids)
        for _ in range(5):
            migrator.tick()
        self.assertEqual(here, self.here(ids))
        self.assertEqual([], scene.migrations(drained))
        self.assert_back(drained)
