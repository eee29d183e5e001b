import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from oslotest import base

from steal_scheduler.decision import decide, emptied
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rankings import rankings
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import emptying, pause
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.host_view import Lately, Mover
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.model.refusal import Reason
from steal_scheduler.moves import admission
from tests.unit.make import (
    NOW,
    ended,
    fleet,
    host_signal,
    migration,
    move,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

#: Hosts of 16 cores each; on a there are s (8 GiB), t (4) and u (2 GiB), which
#: use a core each and wait for nothing.
SIZES = {'s': 8192, 't': 4096, 'u': 2048}
TRUE = {'a': 'true bob: new memory'}
LIVE = rules(dry_run=False)


def cloud(
    orders: Mapping[str, str] = TRUE,
    change: Callable[[Server], Server] = lambda server: server,
    **other: Any,
) -> Snapshot:
    """:param orders: values of ``steal:drain:host:``, by host"""
    moves: dict[str, Move] = other.pop('moves', {})
    used = other.pop('used', {})
    migrations = other.pop('migrations', ())
    found = [
        change(server(name, ram_mb=size, project_id=f'of {name}'))
        for name, size in SIZES.items()
    ]
    found += other.pop('more', ())
    known = dataclasses.replace(
        fleet(*found, migrations=migrations),
        emptyings=tuple(
            emptying.read(f'steal:drain:host:{host}', value)
            for host, value in orders.items()
        ),
        pauses=other.pop('pauses', ()),
    )
    measured = signals(
        *(
            signal(s.server_id, host=s.host, used=1.0, waited=0.0)
            for s in found
        ),
        hosts={
            name: host_signal(name, used=used.get(name, 0.0)) for name in 'abc'
        },
    )
    given = snapshot(known, *moves.values(), measured=measured, **other)
    return dataclasses.replace(given, view=build_view(given))


def with_bad_seconds(found: Snapshot, **shares: float) -> Snapshot:
    hosts = {
        name: dataclasses.replace(host, bad_seconds=Lately(shares[name], 9))
        for name, host in found.view.hosts.items()
        if name in shares
    }
    view = dataclasses.replace(found.view, hosts={**found.view.hosts, **hosts})
    return dataclasses.replace(found, view=view)


def decided(found: Snapshot) -> decide.Decision:
    return decide.decide(found, {})


def reasons(found: decide.Decision) -> dict[str | None, str]:
    return {r.server_id: str(r.reason) for r in found.refusals}


class EmptiedTest(base.BaseTestCase):
    def held(self, reason: Reason, found: Snapshot, *names: str) -> None:
        """Nothing of these leaves, for that reason."""
        said = decided(found)
        whose = set(names) or {*SIZES}
        self.assertEqual(
            set(), whose & {m.server_id for m in said.admitted}, reason
        )
        why = reasons(said)
        for name in whose:
            self.assertEqual(reason, why.get(name, why.get(None)), name)


class TestLeavers(EmptiedTest):
    def test_nobody_waits_and_the_lightest_leaves(self) -> None:
        said = decided(cloud())
        self.assertEqual(['u'], [m.server_id for m in said.admitted])
        (leaves,) = said.admitted
        self.assertEqual('host a is emptied: bob: new memory', leaves.reason)
        self.assertTrue(leaves.emptied)
        self.assertEqual(0.0, leaves.steal_before)
        # One leaves at a time, and each has been told why it waits.
        self.assertEqual(
            {'s': 'slot_target', 't': 'slot_source'}, reasons(said)
        )
        self.assertEqual((), said.saturations)

    def test_who_waits_for_cpu_leaves_first(self) -> None:
        found = cloud(rules=rules(polls_contended=1, polls_window=1))
        busy = signals(
            *(signal(n, used=4.0, waited=0.0) for n in 'tu'),
            signal('s', used=8.0, waited=3.0),
            hosts={name: host_signal(name) for name in 'abc'},
        )
        found = dataclasses.replace(found, signals=busy)
        found = dataclasses.replace(found, view=build_view(found))
        said = decided(found)
        self.assertEqual(['s'], [f.server_id for f in said.findings])
        self.assertEqual(['s'], [m.server_id for m in said.admitted])

    def test_one_that_is_not_measured_counts_in_full(self) -> None:
        found = cloud(rules=rules(coverage_floor=1.0))
        others = signals(
            signal('s', used=1.0, waited=0.0),
            hosts={name: host_signal(name) for name in 'abc'},
        )
        found = dataclasses.replace(found, signals=others)
        found = dataclasses.replace(found, view=build_view(found))
        (leaves,) = decided(found).admitted
        self.assertEqual(
            ('u', None, 4.0),
            (leaves.server_id, leaves.steal_before, leaves.demand.expected),
        )

    def test_without_an_order_nobody_leaves(self) -> None:
        for value in ('off', 'soon', '1970-01-01T00:00Z bob'):
            said = decided(cloud({'a': value}))
            self.assertEqual(((), ()), (said.admitted, said.refusals), value)
        self.assertEqual((), decided(cloud({'q': 'true'})).admitted)

    def test_it_ends_by_itself(self) -> None:
        order = {'a': '1970-01-12T13:47:40Z'}
        self.assertEqual(1, len(decided(cloud(order)).admitted))
        later = cloud(order, now=NOW + 60)
        self.assertEqual((), decided(later).admitted)


class TestBenefit(EmptiedTest):
    """What asks whether a move is worth it holds nobody up."""

    def test_the_cooldown(self) -> None:
        came = migration('u', source='b', target='a', created_at=NOW - 60)
        found = cloud(migrations=(came,))
        self.assertEqual(['u'], [m.server_id for m in decided(found).admitted])

    def test_that_moving_did_not_help(self) -> None:
        vain = ended('u', outcome=Outcome.NOT_HELPED)
        found = cloud(ended={'u': vain})
        self.assertEqual(['u'], [m.server_id for m in decided(found).admitted])

    def test_that_the_last_one_has_just_left(self) -> None:
        left = migration('v', created_at=NOW - 1)
        found = cloud(migrations=(left,))
        self.assertEqual(['u'], [m.server_id for m in decided(found).admitted])

    def test_that_hosts_elsewhere_are_no_better(self) -> None:
        found = cloud()
        found = with_bad_seconds(found, a=0.02, b=0.04, c=0.04)
        self.assertEqual(['u'], [m.server_id for m in decided(found).admitted])


class TestHarm(EmptiedTest):
    """What protects servers holds as for any other move."""

    def test_who_may_not_be_moved(self) -> None:
        for reason, values in (
            (Reason.LOCKED, {'locked': True}),
            (Reason.OPTED_OUT, {'opted_out': 'flavor'}),
            (Reason.NOT_ACTIVE, {'status': 'SHUTOFF'}),
            (Reason.NOT_ACTIVE, {'task_state': 'rebooting'}),
            (Reason.TAGS, {'tags': ('x',) * 49}),
            (
                Reason.INVALID_ORCHESTRATOR,
                {'metadata': {'steal:orchestrator': 'nonsense'}},
            ),
        ):
            found = cloud(
                change=lambda s, v=values: dataclasses.replace(s, **v)  # type: ignore[misc]
            )
            self.held(reason, found)

    def test_pauses(self) -> None:
        for key in ('steal:pause:host:a', 'steal:pause:zone:az1'):
            found = cloud(pauses=(pause.read(key, 'true'),))
            self.held(Reason.PAUSED, found)
        cloud_wide = cloud(pauses=(pause.read('steal:pause', 'true'),))
        self.assertEqual((), decided(cloud_wide).admitted)

    def test_windows_and_slots(self) -> None:
        said = decided(cloud(rules=rules(blackout=((0, 86399),))))
        self.assertEqual((), said.admitted)
        self.assertEqual('blackout', reasons(said)[None])
        going = {
            name: move(name, source=host, stage=Stage.MIGRATE, target='c')
            for name, host in (('x', 'b'), ('y', 'c'))
        }
        found = cloud(moves=going, rules=rules(slots=2, slots_per_target=9))
        self.held(Reason.SLOT_CLOUD, found, 'u')

    def test_bytes(self) -> None:
        found = cloud(
            rules=rules(copy_rate=10.0, longest_migration=1e6),
            more=[server('v', host='c', ram_mb=16384, project_id='of u')],
            migrations=(migration('v', source='b', target='c'),),
        )
        self.held(Reason.BANDWIDTH, found, 'u')

    def test_the_budget_of_a_role(self) -> None:
        def role(one: Server) -> Server:
            status = 'ACTIVE' if one.server_id == 'u' else 'SHUTOFF'
            return dataclasses.replace(
                one, role='web', project_id='p', status=status
            )

        found = cloud(change=role)
        self.held(Reason.MAX_UNAVAILABLE, found, 'u')

    def test_a_failure_that_will_be_the_same(self) -> None:
        failed = migration('u', status='error', created_at=NOW - 60)
        found = cloud(migrations=(failed,))
        self.held(Reason.BACKOFF, found, 'u')
        vain = ended('u', outcome=Outcome.NOT_STARTED)
        self.held(Reason.BACKOFF, cloud(ended={'u': vain}), 'u')

    def test_the_breaker(self) -> None:
        others = [server(n, host='a', project_id=n) for n in 'vwxy']
        failed = tuple(
            migration(name, migration_id=n, status='error', target='bc'[n % 2])
            for n, name in enumerate('vwxy')
        )
        found = cloud(more=others, migrations=failed)
        self.held(Reason.BREAKER_SOURCE, found)

    def test_too_little_is_seen(self) -> None:
        found = cloud()
        blind = signals(hosts={name: host_signal(name) for name in 'abc'})
        found = dataclasses.replace(found, signals=blind)
        found = dataclasses.replace(found, view=build_view(found))
        self.held(Reason.COVERAGE, found)

    @given(st.data())
    def test_whoever_leaves_may(self, data: st.DataObject) -> None:
        """Whatever is drawn of three servers, who leaves was let go."""

        def drawn(one: Server) -> Server:
            return dataclasses.replace(
                one,
                locked=data.draw(st.booleans()),
                opted_out=data.draw(st.sampled_from([None, 'flavor'])),
                status=data.draw(st.sampled_from(['ACTIVE', 'SHUTOFF'])),
                role=data.draw(st.sampled_from([None, 'web'])),
                project_id=data.draw(st.sampled_from('pq')),
            )

        moving = data.draw(st.sets(st.sampled_from('xy')))
        going = {
            n: move(n, source='c', stage=Stage.MIGRATE, target='b')
            for n in moving
        }
        found = cloud(
            data.draw(
                st.dictionaries(
                    st.sampled_from('abq'), st.sampled_from(['true', 'soon'])
                )
            ),
            change=drawn,
            moves=going,
            used=data.draw(
                st.dictionaries(
                    st.sampled_from('bc'), st.sampled_from([0.0, 13.0, 15.0])
                )
            ),
            rules=rules(slots=data.draw(st.integers(1, 3))),
        )
        said = decided(found)
        self.assertLessEqual(
            len(said.admitted) + len(going), max(found.rules.limits.slots, 2)
        )
        why = reasons(said)
        for leaves in said.admitted:
            one = leaves.server
            self.assertIn(one.host, emptied.hosts(found))
            self.assertFalse(one.locked or one.opted_out)
            self.assertEqual('ACTIVE', one.status)
            at = dataclasses.replace(found, moves={one.server_id: leaves})
            view = dataclasses.replace(
                found.view, movers={one.server_id: Mover(None, 'a', 1.0)}
            )
            at = dataclasses.replace(at, view=view)
            ranked = rankings(at).of[one.server_id]
            # There is where it can go, and that is no emptied host.
            self.assertTrue(ranked.feasible)
            self.assertFalse(set(ranked.feasible) & found.view.emptied)
        # And of everybody who is left there it is known why.
        left = {s.server_id for s in emptied.servers(found)}
        leaving = {m.server_id for m in said.admitted}
        held = None in why
        self.assertTrue(held or left <= leaving | why.keys(), why)


class TestTargets(EmptiedTest):
    def test_no_host_stays_cold(self) -> None:
        found = cloud(used={'b': 14.0, 'c': 14.0})
        said = decided(found)
        self.assertEqual((), said.admitted)
        self.assertEqual({'saturated'}, set(reasons(said).values()))
        self.assertIn('it stays until one can', said.refusals[0].detail)
        # That no host can be emptied does not say that cores are short.
        self.assertEqual((), said.saturations)

    def test_an_emptied_host_is_no_target(self) -> None:
        found = cloud({'a': 'true', 'b': 'true'}, used={'c': 14.0})
        said = decided(found)
        self.assertEqual((), said.admitted)
        self.assertEqual({'targets_unknown'}, set(reasons(said).values()))
        self.assertIn('paused, emptied, or left', said.refusals[0].detail)

    def test_nor_one_with_too_many_bad_seconds(self) -> None:
        found = cloud()
        found = with_bad_seconds(found, b=0.5, c=0.5)
        self.held(Reason.BAD_SECONDS, found)


class TestStop(EmptiedTest):
    def test_who_is_being_drained_needs_not_leave(self) -> None:
        going = dataclasses.replace(move('u'), emptied=True)
        for order, reason in (
            (TRUE, None),
            ({}, Reason.NOT_NEEDED),
            ({'b': 'true'}, Reason.NOT_NEEDED),
        ):
            found = cloud(order, moves={'u': going}, sent=True, rules=LIVE)
            no = admission.wait_for(going, found)
            self.assertEqual(reason, no and no.reason)
            if no:
                self.assertIn(no.reason, admission.FINAL)
                self.assertIn('is not emptied any more', no.detail)

    def test_a_cure_goes_on(self) -> None:
        found = cloud({}, moves={'u': move('u')}, sent=True, rules=LIVE)
        self.assertIsNone(admission.wait_for(move('u'), found))

    def test_it_waits_however_long_its_drain_takes(self) -> None:
        """Its host could have it back, and that is not what was asked."""
        going = dataclasses.replace(
            move('u', since=NOW - 3600, steal_before=0.5), emptied=True
        )
        found = cloud(moves={'u': going}, sent=True, rules=LIVE)
        self.assertIsNone(admission.wait_for(going, found))


class TestProgress(EmptiedTest):
    def test_who_is_left_and_why(self) -> None:
        def locked(one: Server) -> Server:
            return dataclasses.replace(one, locked=one.server_id == 's')

        going = {'t': move('t', stage=Stage.MIGRATE, target='b')}
        found = cloud(change=locked, moves=going)
        said = decided(found)
        (progress,) = emptied.progress(said.refusals, found)
        self.assertEqual(
            ('a', '3 servers are left, 1 of them on the way'),
            (progress.host, progress.told),
        )
        told = {left.server.server_id: left.told for left in progress.left}
        self.assertEqual('its move is at: migrate', told['t'])
        self.assertIn('locked: it is locked', told['s'])
        self.assertIn('slot_source: another server leaves', told['u'])
        self.assertEqual('t', progress.left[0].server.server_id)

    def test_what_holds_up_all_is_said_of_each(self) -> None:
        found = cloud(pauses=(pause.read('steal:pause', 'true'),))
        (progress,) = emptied.progress(decided(found).refusals, found)
        self.assertEqual(3, len(progress.left))
        told = {left.server.server_id: left.told for left in progress.left}
        self.assertIn('paused: paused until', told['u'])

    def test_it_is_done(self) -> None:
        found = cloud(change=lambda s: dataclasses.replace(s, host='b'))
        (progress,) = emptied.progress((), found)
        self.assertEqual(
            ((), 'no server is left'), (progress.left, progress.told)
        )

    def test_what_is_not_heeded(self) -> None:
        found = cloud({'a': 'true', 'b': 'soon', 'q': 'true', 'c': 'off'})
        said = [emptied.told(o, found) for o in emptied.unheeded(found)]
        self.assertEqual(2, len(said))
        self.assertIn('not emptied by steal:drain:host:b', said[0])
        self.assertIn('Nova knows no host q: check its name', said[1])
