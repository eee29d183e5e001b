import dataclasses
import math
from typing import Any

from oslotest import base

from steal_scheduler.model.cloud import Host, Migration, Server
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.rankings import Ranking, Rankings
from steal_scheduler.model.room import UNTOLD, Free, HostRoom, Room
from steal_scheduler.model.skip import Skip
from steal_scheduler.moves import admission, state
from tests.unit.make import (
    NOW,
    fleet,
    migration,
    move,
    rules,
    scheduler,
    server,
    snapshot,
)

RANKINGS = Rankings(NOW, {'s': Ranking((), frozenset('b'), NOW - 1)})


def cold(**other: float) -> HostView:
    return HostView(Tier.COLD, cores=16.0, **other)


class TestAdmission(base.BaseTestCase):
    rules = rules()

    def wait_for(
        self,
        *others: Move,
        sent: bool = True,
        hosts: dict[str, HostView] | None = None,
        up: bool = True,
        ranked_at: float | None = None,
        dry_run: bool = False,
        failed: tuple[Migration, ...] = (),
        room: Room = UNTOLD,
        second: Server | None = None,
        told: dict[str, Any] | None = None,
        **of_move: Any,
    ) -> str:
        views = hosts or {'b': cold()}
        known = fleet(
            server(project_id='p'),
            second or server('0'),
            *(server(s) for s in '12x'),
            server('y', project_id='q'),
            migrations=failed,
        )
        known = dataclasses.replace(known, **(told or {}))
        known.hosts['b'] = Host('b', 'az1', up)
        known.hosts['z'] = Host('z', 'az2')
        found = admission.wait_for(
            move(**of_move),
            snapshot(
                known,
                move(),
                *others,
                view=View(NOW, views, {}, {}, rankings=RANKINGS),
                sent=sent,
                room=room,
                schedulers={'c': scheduler('c', ranked_at=ranked_at)},
                rules=dataclasses.replace(self.rules, dry_run=dry_run),
            ),
        )
        final = found is not None and found.reason in admission.FINAL
        self.given_up = found.detail if final else ''
        return found.reason if found else ''

    def test_its_turn(self) -> None:
        self.assertEqual('', self.wait_for())

    def test_the_view_did_not_reach_nova(self) -> None:
        self.assertEqual('view_not_sent', self.wait_for(sent=False))
        self.assertEqual('', self.given_up)

    def test_nova_scheduler_has_not_taken_the_view(self) -> None:
        for ranked_at, expected in (
            (None, ''),
            (NOW, ''),
            (NOW - 3, 'view_not_taken'),
        ):
            self.assertEqual(expected, self.wait_for(ranked_at=ranked_at))
            self.assertEqual('', self.given_up)
        # That it can go nowhere any more ends it at once.
        full = {'b': cold(demand=15.0)}
        found = self.wait_for(hosts=full, ranked_at=NOW - 3)
        self.assertEqual('saturated', found)

    def test_a_dry_run(self) -> None:
        self.assertEqual('dry_run', self.wait_for(dry_run=True))
        self.assertEqual('dry run: [migrator] dry_run = True', self.given_up)

    def test_nothing_may_start_any_more(self) -> None:
        """While it was drained a window began, or others failed."""
        failed = tuple(
            migration(str(n), migration_id=n, status='failed', target=f't{n}')
            for n in range(3)
        )
        self.assertEqual('', self.wait_for(failed=failed[:2]))
        self.assertEqual('breaker_source', self.wait_for(failed=failed))
        self.assertIn('the last 3 migrations from', self.given_up)
        of_all = tuple(
            dataclasses.replace(m, server_id=s, source=f'from{s}')
            for m, s in zip(failed, 'xys', strict=True)
        )
        self.assertEqual('breaker', self.wait_for(failed=of_all))
        self.assertIn('the last 3 migrations failed', self.given_up)
        second = int(NOW % 86400)
        window = (second - 1, second + 1)
        self.rules = rules(blackout=(window,))
        self.assertEqual('blackout', self.wait_for())
        self.assertIn('blackout', self.given_up)

    def test_others_begin_to_empty_its_host(self) -> None:
        """Where it may come back at once, for they will move it."""
        theirs = tuple(
            migration(str(n), migration_id=n, user_id='them') for n in range(3)
        )
        self.assertEqual('', self.wait_for(failed=theirs[:2]))
        self.assertEqual('foreign_migrations', self.wait_for(failed=theirs))
        self.assertIn('others began 3 live migrations', self.given_up)

    def test_it_has_become_cool_in_a_long_drain(self) -> None:
        """Its host could be given it now, if it were on another one."""
        warm = {'a': HostView(Tier.COLD, cores=16.0, demand=10.5)}
        hot = {'a': HostView(Tier.HOT, cores=16.0)}
        cool = {'a': cold()}
        for age, hosts, expected in (
            (600, cool, ''),
            (601, cool, 'not_needed'),
            (3600, warm, ''),
            (3600, hot, ''),
            (3600, {}, ''),
        ):
            found = self.wait_for(
                hosts={'b': cold(), **hosts}, since=NOW - age
            )
            self.assertEqual(expected, found, (age, hosts))
        for before, expected in ((0.25, 'not_needed'), (0.02, '')):
            # Of bad seconds alone the mean does not tell.
            found = self.wait_for(
                hosts={'b': cold(), **cool},
                since=NOW - 3600,
                steal_before=before,
            )
            self.assertEqual(expected, found)
        self.wait_for(hosts={'b': cold(), **cool}, since=NOW - 3600)
        self.assertIn('found is 3600 s old', self.given_up)

    def test_another_one_has_no_target_yet(self) -> None:
        for stage, target, waits in (
            (Stage.REQUEST, None, True),
            (Stage.MIGRATE, None, True),
            (Stage.REQUEST, 'c', False),
            (Stage.DRAIN, None, False),
            (Stage.UNDO, None, False),
        ):
            found = self.wait_for(move('x', stage=stage, target=target))
            self.assertEqual('target_pending' if waits else '', found)

    def test_what_nova_has_lost_holds_up_no_other_one(self) -> None:
        lost = move('x', stage=Stage.REQUEST, since=NOW - 9999)
        known = dataclasses.replace(lost.server, task_state='migrating')
        lost = dataclasses.replace(lost, server=known)
        self.assertEqual('', self.wait_for(lost))

    def test_one_is_found_drained(self) -> None:
        """What an orchestrator says of a server holds up no other one."""
        found = state.way_back(server('x'), snapshot())
        self.assertEqual(Stage.REQUEST, found.stage)
        self.assertEqual('', self.wait_for(found))

    def test_it_goes_to_a_host_that_is_hot(self) -> None:
        """As long as that has room for it."""
        hot = {'b': HostView(Tier.HOT, cores=16.0)}
        self.assertEqual('', self.wait_for(hosts=hot, only_to='b'))
        full = {'b': HostRoom(Free({'VCPU': 99, 'DISK_GB': 99}))}
        self.assertEqual(
            'ram', self.wait_for(hosts=hot, only_to='b', room=Room(full))
        )

    def test_nobody_needs_its_room_any_more(self) -> None:
        needs = move('0', server=server('0'))
        self.assertEqual('', self.wait_for(makes_room_for=needs))
        left = move('0', server=server('0'), source='z')
        gone = move('gone', server=server('gone'))
        for second in (left, gone):
            found = self.wait_for(makes_room_for=second)
            self.assertEqual('not_needed', found)
            self.assertIn('for which it makes room', self.given_up)

    def test_whom_it_makes_room_for_may_not_leave_any_more(self) -> None:
        """Then the room would be made in vain."""
        paused = Pause(Scope.HOST, 'h', math.inf)
        skip = Skip('0', math.inf)
        for now, of_fleet, why in (
            ({'locked': True}, {}, 'it is locked'),
            ({'opted_out': 'metadata'}, {}, 'says never'),
            ({'status': 'SHUTOFF'}, {}, 'it is SHUTOFF'),
            ({}, {'pauses': (paused,)}, 'its host h is paused'),
            ({}, {'skips': {'0': skip}}, 'it is skipped'),
        ):
            second = server('0', host='h', **now)
            needs = move('0', server=second, source='h')
            found = self.wait_for(
                makes_room_for=needs, second=second, told=of_fleet
            )
            self.assertEqual('not_needed', found, why)
            self.assertIn('for which it makes room, stays', self.given_up)
            self.assertIn(why, self.given_up)

    def test_it_does_not_where_nobody_is_placed_any_more(self) -> None:
        hot = {'b': HostView(Tier.HOT, cores=16.0)}
        needs = move('0', server=server('0'))
        found = self.wait_for(
            hosts=hot, up=False, makes_room_for=needs, only_to='b'
        )
        self.assertEqual('not_needed', found)
        self.assertIn('nobody is placed on b', self.given_up)

    def test_nobody_can_take_it_any_more(self) -> None:
        for hosts in (
            {'b': cold(demand=10.5)},
            {'b': cold(arrivals=1)},
            {'b': HostView(Tier.HOT, cores=16.0)},
            {'a': cold()},
            {'z': cold()},
        ):
            self.assertEqual('saturated', self.wait_for(hosts=hosts))
        self.assertEqual('saturated', self.wait_for(up=False))
