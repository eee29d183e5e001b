"""Without usable signals nothing starts, and it says why."""

from tests.functional import loop  # isort: skip (before Nova's)

import json
import time
import urllib.parse
from collections.abc import Iterable
from typing import Any

import fixtures

from steal_scheduler.demo import http
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import Fault
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.scheduler import listener
from tests.functional import daemon
from tests.functional.scene import CORES, Guest, Scene

ZONES = {'az1': ['a1', 'a2']}
VIEW_MAX_AGE = 3

scene = Scene(
    ZONES, nova_conf=f'[steal_scheduler]\nview_max_age = {VIEW_MAX_AGE}\n'
)
setUpModule, tearDownModule = scene.start, scene.stop


class SignalsTestCase(loop.LoopTestCase):
    scene = scene

    def assert_blind(
        self, said: str, reason: str = 'signals', **sections: Any
    ) -> None:
        """Nothing starts: says the log, the metric and the plan."""
        migrator = self.loop(**sections)
        for _ in range(3):
            migrator.tick(measure=False)
        self.assertEqual({}, migrator.outcomes())
        self.assertEqual({}, dict(migrator.migrator.moves))
        self.assertEqual(1, migrator.refused(reason))
        self.assertIn(
            f'Migrator suspended: reason={reason}: ', self.log_text()
        )
        self.assertIn(said, self.log_text())
        plan = daemon.run(
            'steal-manage',
            '--config-file',
            self.config_file(**sections),
            *('plan', '--format', 'json'),
        )
        self.assertEqual(2, plan.returncode, plan.stderr)
        document = json.loads(plan.stdout)
        [hold] = document['holds']
        self.assertEqual(reason, hold['reason'])
        self.assertIn(said, hold['detail'])
        self.assertEqual([], document['moves_to_begin'])

    def assert_untouched(self, mover: str) -> None:
        self.assertEqual([], self.script.asked(mover))
        self.assertEqual([], scene.tags(mover))
        self.assertEqual([], scene.migrations(mover))


class TestStatic(SignalsTestCase):
    """The signals' file."""

    def setUp(self) -> None:
        super().setUp()
        self.mover = self.boot_contended()
        scene.measure()
        self.path = self.directory / 'signals.json'
        self.good = json.loads(scene.load.path.read_text())

    def assert_no_file(self, text: str | None, said: str, **kw: Any) -> None:
        if text is not None:
            self.path.write_text(text)
        self.assert_blind(said, static={'path': self.path}, **kw)
        self.assert_untouched(self.mover)
        # Nova goes on scheduling.
        scene.boot(Guest('new', 'a2', 0.1))

    def test_missing(self) -> None:
        self.assert_no_file(None, 'cannot be read: ')

    def test_garbage(self) -> None:
        self.assert_no_file('<html>', 'holds no signals: ')

    def test_empty(self) -> None:
        self.assert_no_file('', 'holds no signals: ')

    def test_yesterday(self) -> None:
        self.good['taken_at'] -= 86400
        self.assert_no_file(json.dumps(self.good), 'seconds ago')

    def test_no_servers(self) -> None:
        self.good['servers'] = {}
        self.assert_no_file(
            json.dumps(self.good),
            '0% of the running servers have a fresh signal',
            reason='coverage',
        )

    def test_comes_back(self) -> None:
        migrator = self.loop(static={'path': self.path})
        for _ in range(3):
            migrator.tick(measure=False)
        self.assert_untouched(self.mover)
        # The very same migrator, as soon as it can see.
        self.path.symlink_to(scene.load.path)
        migrator.until_ended(self.mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())

    def test_lost_within_a_move(self) -> None:
        """What is on its way is finished, and reattached."""
        scene.set_metadata(self.mover, {'demo:seconds': 'never'})
        self.path.symlink_to(scene.load.path)
        self.useFixture(
            fixtures.MonkeyPatch(
                'steal_scheduler.moves.state_machine.VERIFY_TIMEOUT', 0.0
            )
        )
        migrator = self.loop(static={'path': self.path})
        migrator.until(
            lambda: scene.stage(self.mover) == 'migrate', 'the migration'
        )
        self.path.unlink()
        scene.finish_migration(self.mover)
        migrator.until_ended(self.mover)
        self.assertEqual({'unmeasured': 1}, migrator.outcomes())
        self.assert_back(self.mover)


#: A query is the name of what the scene knows.
PRESET = """
servers:
  label: uuid
  queries: {used: used, waited: waited}
hosts:
  label: host
  queries: {cores: cores}
"""


class Prometheus:
    """Answers the queries, one word each, with the scene's signals."""

    def __init__(self) -> None:
        self.age = 0.0
        self.empty = False
        #: Queries answered.
        self.asked = 0

    def __call__(
        self, environ: http.Environ, start_response: Any
    ) -> Iterable[bytes]:
        query = urllib.parse.parse_qs(environ['QUERY_STRING'])
        self.asked += 1
        result = [] if self.empty else self._result(query['query'][0])
        data = {'resultType': 'vector', 'result': result}
        return http.reply(start_response, {'status': 'success', 'data': data})

    def _result(self, query: str) -> list[dict[str, Any]]:
        found = json.loads(scene.load.path.read_text())
        at = time.time() - self.age
        if query == 'cores':
            return [
                {'metric': {'host': host}, 'value': [at, str(CORES)]}
                for host in found['hosts']
            ]
        return [
            {
                'metric': {'uuid': id_, 'host': server['host']},
                'value': [at, str(server[query])],
            }
            for id_, server in found['servers'].items()
        ]


class TestPrometheus(SignalsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.app = Prometheus()
        scene.cloud.http.apps['prometheus'] = self.app
        self.mover = self.boot_contended()
        scene.measure()

    def sections(self) -> dict[str, Any]:
        preset = self.directory / 'preset.yaml'
        preset.write_text(PRESET)
        return {
            'signals': {'source': 'prometheus', 'max_age': 20},
            'prometheus': {
                'url': f'{scene.cloud.url}/prometheus',
                'preset': preset,
                'timeout': 1,
                # It is measured a window after the move.
                'window': 5,
            },
        }

    def assert_no_prometheus(self, said: str) -> None:
        self.assert_blind(said, **self.sections())
        self.assert_untouched(self.mover)

    def test_error(self) -> None:
        scene.cloud.http.faults['prometheus'] = Fault.ERROR
        self.assert_no_prometheus('answered 500 Internal Server Error')

    def test_refused(self) -> None:
        scene.cloud.http.faults['prometheus'] = Fault.UNREACHABLE
        self.assert_no_prometheus(
            'preset.yaml, query servers.used: no answer: '
        )

    def test_hang(self) -> None:
        scene.cloud.http.faults['prometheus'] = Fault.HANG
        self.assert_no_prometheus('no answer within 1 seconds')

    def test_empty(self) -> None:
        self.app.empty = True
        self.assert_no_prometheus('no series answers')

    def test_yesterday(self) -> None:
        self.app.age = 86400
        self.assert_no_prometheus('old')

    def test_good(self) -> None:
        """The same Prometheus, and it works; three queries a poll."""
        migrator = self.loop(**self.sections())
        migrator.tick()
        self.assertEqual(3, self.app.asked)
        migrator.until_ended(self.mover)
        self.assertEqual({'helped': 1}, migrator.outcomes())


class TestViewLost(SignalsTestCase):
    def test_stock(self) -> None:
        """a1 has more memory to give, but no cores."""
        self.boot_contended('a1')
        scene.boot(Guest('large', 'a2', 0.1, ram_mb=20000))
        flavor = scene.flavor()
        servers = scene.cloud.servers
        migrator = self.loop(migrator={'dry_run': True})
        migrator.until(listener.latest, 'the view to arrive')
        told = servers.boot(NewServer('told', flavor))
        migrator.until(lambda: scene.is_active(told), 'it to be ACTIVE')
        self.assertEqual('a2', scene.host(told))
        wait_for(
            lambda: listener.latest() is None, 30.0, 'the view to be too old'
        )
        (untold,) = servers.boot_many([NewServer('untold', flavor)])
        self.assertEqual('a1', scene.host(untold))
