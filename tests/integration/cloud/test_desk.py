"""``openstack steal`` and steal-api as operators have them, on a real cloud.

The transcript of all that is typed is printed. steal-api is killed as well,
while requests and moves are under way: a seed draws what is asked for in which
order, and when it dies. Once more::

    STEAL_DESK_SEED=1234 tox -e integration -- test_desk.*killed
"""

import concurrent.futures
import dataclasses
import json
import os
import random
import sys
import unittest
from collections.abc import Mapping, Sequence
from typing import Any

import keystoneauth1.exceptions

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.model import until
from tests.integration import daemons
from tests.integration.cloud import events, lab
from tests.integration.cloud.desk import Desk
from tests.shared import PATIENCE

SEED = int(os.environ.get('STEAL_DESK_SEED', str(random.randrange(1_000_000))))
#: How often steal-api dies; each time so many requests are under way, and at
#: most so many seconds have gone by since they were sent.
KILLS, TOGETHER, LATEST = 5, 2, 3.0

_begin_lab = lab.set_up()
desk: Desk


def setUpModule() -> None:
    global desk
    _begin_lab()
    desk = unittest.enterModuleContext(Desk(lab.lab.plane))


def of(row: Mapping[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


class DeskTestCase(daemons.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lab, self.plane = lab.lab, lab.lab.plane
        self.addCleanup(self.remove_aggregate)
        self.addCleanup(self.lab.clear)
        for daemon in (
            desk.daemon,
            *(self.lab.services[name] for name in lab.MIGRATORS),
        ):
            self.keep(daemon.log)

    def remove_aggregate(self) -> None:
        """That of pauses and of hosts that are emptied."""
        for each in self.aggregates():
            if each['name'] == until.AGGREGATE:
                self.plane.call('DELETE', f'/os-aggregates/{each["id"]}')

    def aggregates(self) -> list[dict[str, Any]]:
        found = self.plane.call('GET', '/os-aggregates')
        aggregates: list[dict[str, Any]] = found['aggregates']
        return aggregates

    def assert_moved_once(self, id_: str, source: str) -> None:
        """And that it was out of service for that, and for nothing else."""
        self.assertEqual(['completed'], self.lab.migrations(id_), id_)
        self.assertNotEqual(source, self.lab.host(id_))
        done = self.lab.done(id_)
        self.assertEqual([], events.trouble(done))
        self.assertEqual(1, events.cycles(done), done)

    def assert_untouched(self, id_: str, source: str) -> None:
        self.assertEqual([], self.lab.migrations(id_))
        self.assertEqual(source, self.lab.host(id_))
        self.assertNotIn('drain', self.lab.done(id_))


class TestTranscript(DeskTestCase):
    """One zone is live, the other one in dry run."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.tell)

    def tell(self) -> None:
        print(*desk.terminal.transcript, sep='\n', file=sys.__stderr__)

    def type(self, command: str, status: int = 0) -> str:
        """Run it; what it says to a person."""
        done = desk.terminal.run(f'openstack {command}')
        said = f'{done.stderr}{done.stdout}'
        self.assertEqual(status, done.returncode, f'{command}\n{said}')
        self.assertNotIn('Traceback', said)
        return said

    def rows(self, command: str) -> Any:
        done = desk.terminal.run(f'openstack steal {command} -f json')
        self.assertEqual(0, done.returncode, f'{command}\n{done.stderr}')
        return json.loads(done.stdout)

    def wait_rows(self, command: str, number: int) -> None:
        """Wait until it lists so many."""
        wait_for(
            lambda: len(self.rows(command)) == number,
            PATIENCE,
            f'{number} rows of {command}',
        )

    def test_a_night_shift(self) -> None:
        self.assert_in_the_catalog()
        for zone in lab.ZONES:
            self.say(zone, 'set --property steal:dry_run=true')
            self.addCleanup(self.say, zone, 'unset --property steal:dry_run')
        places = 'a1', 'a1', 'b1', 'b1', 'a3'
        ids = self.lab.boot(*places)
        where = dict(zip(ids, places, strict=True))
        busy, calm = ids[:4], ids[4]
        self.lab.load.demands = {
            **dict.fromkeys(busy, self.lab.busy),
            calm: 0.1,
        }
        self.assert_looks(busy)
        # Dry runs told of one from each hot host. One zone goes live.
        self.type('steal pause --zone az1 --for 2h --reason "alice: first"')
        self.say('az1', 'unset --property steal:dry_run')
        [pause] = self.rows('summary')['Pauses']
        self.assertEqual(('zone', 'az1'), of(pause, 'scope', 'name'))
        self.assertIn('alice: first', pause['reason'])
        self.assertEqual([], self.rows('move list'))
        self.assertEqual('', self.type('steal resume --zone az1'))
        [mover] = self.wait_cured('a1', busy[:2])
        moved = [mover]
        # Asked for: not where it is dry, nor of whom is to stay.
        said = self.type(f'steal move create {busy[2]}', 2)
        self.assertIn('steal:dry_run = true of aggregate az2', said)
        self.type('steal server skip on-a3-4 --for 1d --reason "bob: sale"')
        skipped = self.rows('server show on-a3-4')
        self.assertIsNotNone(skipped['Skipped Until'])
        self.assertIn('skip', self.type('steal move create on-a3-4', 2))
        free = self.rows('server skip on-a3-4 --stop')
        self.assertIsNone(free['Skipped Until'])
        said = self.type(
            'steal move create on-a3-4 --wait --reason "alice: try it"'
        )
        self.assertIn(f'on-a3-4 ({calm}): migrate from a3 to ', said)
        moved.append(calm)
        [left] = (id_ for id_ in busy[:2] if id_ not in moved)
        self.type(
            'steal host drain a1 --for 4h --reason "alice: new memory" --wait'
        )
        host = self.rows('host show a1')
        self.assertEqual([], host['Servers'])
        self.assertIn('alice: new memory', host['Drained'])
        self.wait_rows('move list', 0)
        moved.append(left)
        self.type('steal host drain a1 --stop')
        self.assert_told(moved, ids)
        # Each has moved once, and nobody where it was dry.
        self.assertEqual([], self.lab.left(ids))
        for id_ in moved:
            self.assert_moved_once(id_, where[id_])
        for id_ in busy[2:]:
            self.assert_untouched(id_, 'b1')

    def say(self, aggregate: str, what: str) -> None:
        self.type(f'aggregate {what} {aggregate}')

    def assert_in_the_catalog(self) -> None:
        done = desk.terminal.run('openstack catalog show steal -f json')
        shown = json.loads(done.stdout)
        self.assertEqual(('steal', 'steal'), of(shown, 'name', 'type'))
        self.assertEqual(
            {(kind, f'{desk.url}/v1') for kind in ('public', 'internal')},
            {of(each, 'interface', 'url') for each in shown['endpoints']},
        )

    def assert_looks(self, busy: Sequence[str]) -> None:
        """Both zones are in dry run: one would leave each hot host."""
        self.wait_rows('server list --contended', 4)
        rows = self.rows('server list --contended')
        self.assertEqual({*busy}, {row['Server ID'] for row in rows})
        plan = self.rows('plan')
        self.type('steal plan')
        self.assertEqual(
            [('move', 'az1', 'a1'), ('move', 'az2', 'b1')],
            sorted(
                of(row, 'What', 'Zone', 'Host')
                for row in plan
                if row['What'] == 'move'
            ),
        )
        for row in plan:
            if row['What'] == 'move':
                dry = f'dry_run = true of aggregate {row["Zone"]}'
                self.assertIn(dry, row['Detail'])
        stay = [row for row in plan if row['What'] == 'refused']
        self.assertEqual(
            {('a1', 'not_needed'), ('b1', 'not_needed')},
            {of(row, 'Host', 'Reason') for row in stay},
        )
        summary = self.rows('summary')
        self.type('steal summary')
        self.assertEqual(
            (5, 4, 100.0, 0),
            of(summary, 'Servers', 'Contended', 'Coverage', 'Moves'),
        )
        hosts = {row['Host']: row for row in self.rows('host list --long')}
        self.assertEqual({*self.plane.hosts}, {*hosts})
        self.assertEqual(
            {'a1', 'b1'}, {h for h in hosts if hosts[h]['Tier'] == 'hot'}
        )
        self.assertEqual(
            {'value': 'true', 'source': 'aggregate az2'},
            hosts['b2']['Policy']['steal:dry_run'],
        )

    def wait_cured(self, host: str, ids: Sequence[str]) -> list[str]:
        """Wait until nobody suffers there; who has left."""
        wait_for(
            lambda: (
                {self.lab.host(id_) for id_ in ids} > {host}
                and not self.lab.left(ids)
            ),
            PATIENCE,
            f'one server to have left {host}, and to be back in service',
        )
        self.wait_rows('move list', 0)
        return [id_ for id_ in ids if self.lab.host(id_) != host]

    def assert_told(self, moved: Sequence[str], ids: Sequence[str]) -> None:
        """The history: cured, asked for, emptied; and what it brought.

        :param ids: all servers of ours; the leader knows those of others
        """
        told = self.rows('history --since 1h --long')
        mine = [row for row in told if row['Server ID'] in ids]
        self.type('steal history --since 1h')
        by_id = {row['Server ID']: row for row in mine}
        self.assertEqual({*moved}, {*by_id})
        self.assertEqual(len(moved), len(mine))
        cured, asked, emptied = (by_id[id_] for id_ in moved)
        self.assertEqual(('helped', 'a1'), of(cured, 'Outcome', 'From'))
        self.assertGreater(cured['Steal Before'], cured['Steal After'])
        self.assertEqual(('admin', 'a3'), of(asked, 'Asked By', 'From'))
        self.assertIn('alice: try it', asked['Reason'])
        self.assertEqual(('arrived', 'a1'), of(emptied, 'Outcome', 'From'))
        self.assertIn('alice: new memory', emptied['Reason'])
        for row in mine:
            self.assertEqual(
                (self.lab.host(row['Server ID']), 'az1'), of(row, 'To', 'Zone')
            )
        relief = {row['Zone']: row for row in self.rows('relief')}
        self.type('steal relief')
        self.assertGreaterEqual(relief['az1']['Moves'], len(moved))
        self.assertGreaterEqual(relief['az1']['Helped'], 1)
        day = self.rows('summary')['Moves 24h']
        self.assertGreaterEqual(sum(day.values()), len(moved))


@dataclasses.dataclass(frozen=True)
class Wish:
    """What somebody wants to happen once; and how to see that it has."""

    method: str
    path: str
    body: Mapping[str, Any]
    #: Where it is seen, and in which of the keys there.
    look: str
    keys: tuple[str, ...]


def move(id_: str) -> Wish:
    body = {'server_id': id_, 'reason': 'carol: one of many'}
    # Nobody has moved before.
    seen = f'/servers/{id_}', ('move', 'last')
    return Wish('POST', '/moves', body, *seen)


def skip(id_: str) -> Wish:
    path = f'/servers/{id_}'
    body = {'reason': 'carol: it stays'}
    return Wish('PUT', f'{path}/skip', body, path, ('skip_until',))


def pause(host: str) -> Wish:
    body = {'scope': 'host', 'name': host, 'reason': 'carol: the fan'}
    return Wish('PUT', '/pauses', body, f'/hosts/{host}', ('paused',))


class TestKilled(DeskTestCase):
    """It changes no move, and what was acknowledged is done, and once."""

    def test_it_is_killed_at_any_moment(self) -> None:
        draw = random.Random(SEED)
        places = 'a1', 'a1', 'a2', 'a3', 'a4', 'a4', 'b1', 'b2'
        ids = self.lab.boot(*places)
        where = dict(zip(ids, places, strict=True))
        movers, stay = ids[:6], ids[6:]
        wishes = [
            *map(move, movers),
            *map(skip, stay),
            *map(pause, ('b1', 'b2')),
        ]
        draw.shuffle(wishes)
        wait_for(
            lambda: {*ids} <= self.known(), PATIENCE, 'all servers to be known'
        )
        told = self.ask_all(wishes, draw)
        print(
            f'steal-api, seed {SEED}: killed {KILLS} times; of {len(wishes)} '
            f'requests {told["acknowledged"]} were acknowledged, '
            f'{told["lost"]} were not and done all the same',
            file=sys.__stderr__,
        )
        wait_for(
            lambda: (
                all(self.lab.host(id_) != where[id_] for id_ in movers)
                and not self.lab.left(ids)
            ),
            PATIENCE,
            'all moves to have ended',
        )
        for id_ in movers:
            self.assert_moved_once(id_, where[id_])
        for id_ in stay:
            self.assert_untouched(id_, where[id_])
        # In Nova each of the others is written once.
        [ours] = (a for a in self.aggregates() if a['name'] == until.AGGREGATE)
        keys = [key.rpartition(':')[2] for key in ours['metadata']]
        self.assertEqual(sorted([*stay, 'b1', 'b2']), sorted(keys))
        for wish in wishes:
            self.assertTrue(self.is_done(wish), wish)

    def ask_all(
        self, wishes: Sequence[Wish], draw: random.Random
    ) -> dict[str, int]:
        """Ask as people do: once more what was not acknowledged, nor done.

        :returns: how many were acknowledged, and how many done without that
        """
        todo, told, kills = list(wishes), {'acknowledged': 0, 'lost': 0}, 0
        with concurrent.futures.ThreadPoolExecutor(TOGETHER) as people:
            while todo or kills < KILLS:
                batch, todo = todo[:TOGETHER], todo[TOGETHER:]
                asked = {people.submit(self.ask, w): w for w in batch}
                if kills < KILLS:
                    concurrent.futures.wait(
                        asked, draw.uniform(0, LATEST), 'FIRST_EXCEPTION'
                    )
                    desk.daemon.stop()
                    desk.daemon.start()
                    kills += 1
                for each, wish in asked.items():
                    if each.result() in (200, 202):
                        told['acknowledged'] += 1
                    elif self.is_done(wish):
                        told['lost'] += 1
                    else:
                        todo.append(wish)
        return told

    def ask(self, wish: Wish) -> int:
        """The status that it answers with; 0 where it dies before that."""
        try:
            return self.call(wish.method, wish.path, wish.body).status_code
        except keystoneauth1.exceptions.ConnectionError:
            return 0

    def is_done(self, wish: Wish) -> bool:
        found = self.call('GET', wish.look).json()
        return any(found[key] is not None for key in wish.keys)

    def known(self) -> set[str]:
        found = self.call('GET', '/servers').json()
        return {row['server_id'] for row in found['servers']}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """As the cloud's admin, at the address of the catalog."""
        return self.plane.admin.request(
            path,
            method,
            json=body,
            endpoint_filter={'service_type': 'steal'},
            raise_exc=False,
        )
