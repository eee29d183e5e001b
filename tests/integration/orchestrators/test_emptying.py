"""A host of ten servers is emptied, the leader dies, and nobody notices.

The order is given as operators give it: ``openstack steal host drain``, over
steal-api and a real RabbitMQ to whichever migrator leads.
"""

from tests.functional import desk  # isort: skip (before Nova's)

import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from steal_scheduler.demo.http import App, Environ
from steal_scheduler.model import until
from tests.functional.scene import Guest
from tests.integration import daemons
from tests.integration.judges import Agents, Nodes
from tests.integration.lives import Life, Lives
from tests.integration.orchestrators.watcher import Sample, Watcher
from tests.integration.rabbitmq import RabbitMQ
from tests.integration.site import ZONES, Witness, set_up, site
from tests.shared import PATIENCE

HOST, *ELSEWHERE = ZONES['az1']
#: Those that leave, in the order in which they do: the lightest first.
MOVERS = (
    *('lone-1', 'kube-1', 'lone-2', 'shop-1', 'both-1', 'client-1'),
    *('kube-2', 'lone-3'),
)
#: Those that stay, and why.
STAY = {'kube-3': 'locked', 'client-2': 'opted_out'}
NAMES = (*MOVERS, *STAY)
NODES = ('kube-1', 'kube-2', 'kube-3', 'both-1')
CLIENTS = ('shop-1', 'both-1', 'client-1', 'client-2')
#: Of a node of either: others have taken it out, and it has to stay so.
CORDONED, MAINTAINED = frozenset({'kube-2'}), frozenset({'client-1'})
OTHERS = CORDONED | MAINTAINED
#: The leader dies when the first is drained, and Nova not asked; and when
#: Nova migrates the second.
DRAINED, MIGRATING = 'kube-1', 'shop-1'
#: Pods of the one Deployment, and how many must be there always.
PODS, BUDGET = 4, 2
#: Seconds between two measurements.
_FRESH_SECONDS = 2.0

setUpModule = set_up()


class Ambush:
    """In front of nova-api: it holds the migrator that has drained a server.

    It does so once, before the tag is written that says so; Nova never hears
    of that call.
    """

    def __init__(self, app: App, server_id: str) -> None:
        self._app = app
        self._tag = f'/servers/{server_id}/tags/steal:request:'
        self.holds = threading.Event()
        self._over = threading.Event()

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        if (
            environ['REQUEST_METHOD'] == 'PUT'
            and self._tag in environ['PATH_INFO']
            and not self.holds.is_set()
        ):
            self.holds.set()
            self._over.wait(PATIENCE)
            # wsgiref takes this for a client that has gone, and hangs up.
            raise ConnectionAbortedError
        return self._app(environ, start_response)

    def end(self) -> None:
        self._over.set()


class TestEmptying(desk.DeskTestCase):
    scene = site.scene

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.remove_aggregate)
        lives = self.directory / 'lives'
        lives.mkdir()
        self.lives = Lives(lives)
        self.enterContext(self.lives.running())
        #: Those that were not killed, at most one of which leads.
        self.alive: list[Life] = []
        self.addCleanup(self.kill_all)
        #: Servers that were out of service while nothing told of a move.
        self.out_at_rest: list[str] = []
        self._measured = 0.0
        #: As the leader says, and when it last said something new.
        self._moves: dict[str, str] | None = None
        self._went_on = 0.0

    def serve(self) -> None:
        rabbitmq = RabbitMQ(self.directory)
        self.enterContext(rabbitmq)
        daemons.keep(self, rabbitmq.daemon.log)
        self.bus = rabbitmq.url
        super().serve()

    def test_a_leader_is_killed_twice(self) -> None:
        self.boot()
        ambush = self.ambush()
        self.start_one()
        self.until(lambda: self.leader is not None, 'one to lead')
        self.start_one()
        self.until(self.answers, 'it to answer')
        with (
            Watcher(self.directory, 'shop') as watcher,
            Witness(self.is_out) as witness,
        ):
            self.steal(f'host drain {HOST} --reason "bob: new memory"')
            self.until(ambush.holds.is_set, f'{DRAINED} to be drained')
            self.assert_drained_and_not_moved()
            self.kill_leader()
            ambush.end()
            self.start_one()
            self.until_it_migrates()
            self.kill_leader()
            self.until_it_migrates()
            watcher.wait_looks()
            self.scene.finish_migration(self.ids[MIGRATING])
            self.until(self.is_done, 'all others to have left')
            left = self.rows(f'host show {HOST}')
        self.assert_told(left)
        self.assert_moved_once()
        self.assert_as_before()
        self.assertEqual(([], []), (witness.saw, self.out_at_rest))
        self.assert_unnoticed(watcher.samples)

    # -- what there is -----------------------------------------------------

    def boot(self) -> None:
        guests = (
            Guest(
                name,
                HOST,
                0.1,
                role=name.partition('-')[0],
                # The lightest is the first to leave.
                ram_mb=256 + 32 * number,
                metadata=_metadata(name),
            )
            for number, name in enumerate(NAMES)
        )
        self.ids = site.boot(*guests, nodes=NODES, clients=CLIENTS)
        self.nodes = Nodes(site.cluster)
        self.agents = Agents(site.datacenter, CLIENTS)
        self.addCleanup(self.agents.reset)
        site.cluster.deploy('web', PODS, budget=BUDGET)
        for name in CLIENTS:
            site.datacenter.register(name, 'shop')
        for name in CORDONED:
            self.nodes.take(name)
        for name in MAINTAINED:
            self.agents.take(name)
        self.scene.action(self.ids['kube-3'], 'lock')

    def ambush(self) -> Ambush:
        apps = self.scene.cloud.http.apps
        before = apps['compute']
        apps['compute'] = ambush = Ambush(before, self.ids[DRAINED])
        self.addCleanup(apps.update, compute=before)
        self.addCleanup(ambush.end)
        return ambush

    def remove_aggregate(self) -> None:
        """With the order, which would go on for others."""
        for each in self.scene.call('GET', '/os-aggregates')['aggregates']:
            if each['name'] == until.AGGREGATE:
                self.scene.call('DELETE', f'/os-aggregates/{each["id"]}')

    # -- migrators ---------------------------------------------------------

    def start_one(self) -> None:
        """One more: it leads when the one before is dead."""
        config_file = self.config_file(
            **site.sections(
                DEFAULT={'transport_url': self.bus},
                kubernetes={'roles': 'kube, both'},
                # Each new leader waits for the longest call of the one before.
                consul={
                    'roles': 'shop, both, client',
                    'timeout': 1,
                    'settle': 0.1,
                },
                nova={'timeout': 10},
            )
        )
        life = self.lives.begin(config_file, serves=True)
        daemons.keep(self, life.log)
        self.alive.append(life)

    def kill_leader(self) -> None:
        leader = self.leader
        assert leader is not None
        leader.kill()
        self.alive.remove(leader)

    def kill_all(self) -> None:
        for life in self.alive:
            life.kill()

    @property
    def leader(self) -> Life | None:
        """Whichever leads, as it said last."""
        leaders = [life for life in self.alive if life.last.get('leads')]
        return leaders[0] if leaders else None

    def answers(self) -> bool:
        return self.run_it('summary').returncode == 0

    def stage(self, name: str) -> str | None:
        """At which the leader knows its move to be."""
        if self.leader is None:
            return None
        stage: str | None = self.leader.last['moves'].get(self.ids[name])
        return stage

    # -- what happens ------------------------------------------------------

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait as long as something goes on, and look meanwhile."""
        self._went_on = time.monotonic()

        def look() -> bool:
            self.look()
            return condition()

        daemons.until(
            what,
            look,
            len(MOVERS) * PATIENCE,
            hopeless=lambda: (
                any(life.over for life in self.alive)
                or time.monotonic() > self._went_on + PATIENCE
            ),
        )

    def until_it_migrates(self) -> None:
        """And the leader knows."""
        self.until(
            lambda: self.stage(MIGRATING) == 'migrate',
            f'{MIGRATING} to migrate',
        )

    def look(self) -> None:
        if time.monotonic() > self._measured + _FRESH_SECONDS:
            self.scene.measure()
            self._measured = time.monotonic()
        sockets = {life.socket: life for life in self.alive}
        for heard in select.select([*sockets], [], [], 0)[0]:
            sockets[heard].read()
        moves = self.leader.last['moves'] if self.leader else None
        if moves != self._moves:
            self._moves, self._went_on = moves, time.monotonic()
        before = self.tagged()
        out = {
            name for name in {*NODES, *CLIENTS} - OTHERS if self.short(name)
        }
        self.out_at_rest += sorted(out - before - self.tagged())

    def short(self, name: str) -> bool:
        """Whether it is out of anything that it is a node of."""
        return (name in NODES and self.nodes.is_out(name)) or (
            name in CLIENTS and self.agents.is_out(name)
        )

    def is_out(self, id_: str) -> bool:
        """Whether it is out of all that it is a node of."""
        (name,) = (name for name in NAMES if self.ids[name] == id_)
        return (name not in NODES or self.nodes.is_out(name)) and (
            name not in CLIENTS or self.agents.is_out(name)
        )

    def servers(self) -> list[dict[str, Any]]:
        found = self.scene.call('GET', '/servers/detail')
        servers: list[dict[str, Any]] = found['servers']
        return servers

    def tagged(self) -> set[str]:
        """Those whose tags tell of a move."""
        return {
            server['name']
            for server in self.servers()
            for tag in server['tags']
            if tag.startswith('steal:')
        }

    def is_done(self) -> bool:
        here = {
            server['name']
            for server in self.servers()
            if server['OS-EXT-SRV-ATTR:host'] == HOST
        }
        leader = self.leader
        quiet = leader is not None and not leader.last['moves']
        return here == {*STAY} and quiet and not self.tagged()

    # -- what has become of it ---------------------------------------------

    def assert_drained_and_not_moved(self) -> None:
        id_ = self.ids[DRAINED]
        self.assertTrue(self.is_out(id_))
        self.assertEqual('drain', self.scene.stage(id_))
        self.assertEqual([], self.scene.migrations(id_))
        # It is in the middle: some have left.
        self.assertIn(self.scene.host(self.ids[MOVERS[0]]), ELSEWHERE)

    def assert_told(self, host: dict[str, Any]) -> None:
        self.assertEqual(
            STAY, {each['name']: each['reason'] for each in host['Servers']}
        )
        self.assertIn('2 servers are left', host['Drained'])
        self.assertIn('bob: new memory', host['Drained'])

    def assert_moved_once(self) -> None:
        for name in MOVERS:
            id_ = self.ids[name]
            self.assertIn(self.scene.host(id_), ELSEWHERE, name)
            self.assertEqual(['completed'], self.scene.migrations(id_), name)
        for name in STAY:
            self.assertEqual([], self.scene.migrations(self.ids[name]), name)

    def assert_as_before(self) -> None:
        """All are in service, but for those that others took out."""
        self.assertEqual([], self.nodes.left(CORDONED))
        self.assertEqual([], self.agents.left(MAINTAINED))
        self.assertEqual([], [*self.nodes.short(), *self.agents.short()])

    def assert_unnoticed(self, samples: Iterable[Sample]) -> None:
        """By the users of Kubernetes and Consul."""
        out, moving = set[str](), set[str]()
        for sample in samples:
            self.assertGreaterEqual(sample.ready['web'], BUDGET, sample)
            healthy, desired = sample.budgets['web']
            self.assertGreaterEqual(healthy, desired, sample)
            self.assertLessEqual(len(sample.cordoned - OTHERS), 1, sample)
            self.assertLessEqual(len(sample.maintained - OTHERS), 1, sample)
            going = sample.moving & {*NODES, *CLIENTS}
            self.assertLessEqual(going, sample.out, sample)
            self.assertFalse(going & sample.inhabited, sample)
            for offered in sample.healthy['shop'], sample.named['shop']:
                self.assertTrue(offered, sample)
                self.assertFalse(going & offered, sample)
            out |= sample.out
            moving |= going
        self.assertEqual({*NODES, *CLIENTS} - {*STAY}, out)
        self.assertIn(MIGRATING, moving)


def _metadata(name: str) -> dict[str, str]:
    if STAY.get(name) == 'opted_out':
        return {'steal:migrate': 'never'}
    # Until somebody ends it, or long enough to be seen.
    return {'demo:seconds': '600' if name == MIGRATING else '1'}
