"""A migrator that is wrong is found out, or the proof is worth nothing.

Each test breaks the product in one way, and plays the runs of some seeds,
until one of them shows it. The same run has to pass with the whole product.
"""

import contextlib
import dataclasses
import pathlib
import random
from collections.abc import Callable
from typing import Any
from unittest import mock

import fixtures
from oslotest import base

from steal_scheduler.conf import rules as rules_conf
from steal_scheduler.decision import eligibility, limits
from steal_scheduler.decision.disruption_budget import Unavailable
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging.view import Sender
from steal_scheduler.migrator.leader import Leader
from steal_scheduler.model.cloud import Fleet, Server
from steal_scheduler.model.move import Move, Stage
from steal_scheduler.model.progress import Progress
from steal_scheduler.moves import state, tags
from steal_scheduler.moves.effects import Effects
from steal_scheduler.moves.state_machine import StateMachine
from steal_scheduler.orchestrators.base import DONE
from steal_scheduler.orchestrators.consul.catalog import CatalogNode
from steal_scheduler.orchestrators.consul.node import Agent
from steal_scheduler.orchestrators.kubernetes import identity, nodes, pods
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from steal_scheduler.orchestrators.listing import Listing
from tests.simulation import events, run
from tests.simulation.events import (
    READS,
    CellDown,
    Changes,
    Demand,
    Down,
    ForgesMark,
    NovaIs,
    Restarts,
    Stale,
    Stops,
    TakenOut,
    Tick,
    Unread,
    Untags,
)
from tests.simulation.world import Setting

#: Runs in which each has to be found.
ENOUGH = 40


def mix(*kinds: Callable[[random.Random], events.Event]) -> events.Ways:
    """Let time pass, and each of these happen now and then."""
    return (
        (4 * len(kinds) or 1, lambda rng: Tick(rng.choice((3, 31, 31)))),
        *((2, kind) for kind in kinds),
    )


class TestMutations(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def assert_found(
        self,
        words: str,
        ways: events.Ways,
        *mutations: tuple[Any, str, Any],
        **setting: Any,
    ) -> None:
        """Find it by its violation.

        :param words: what the violation says, as a regular expression
        :param ways: what the events of the runs are drawn from
        :param mutations: where, the name of what is put there, and that
        """
        for seed in range(ENOUGH):
            found = run.drawn(seed, ways)
            found = dataclasses.replace(
                found, setting=dataclasses.replace(Setting(), **setting)
            )
            with contextlib.ExitStack() as stack:
                for mutation in mutations:
                    stack.enter_context(mock.patch.object(*mutation))
                violation = run.play(found, self.directory).violation
            if violation:
                break
        self.assertRegex(violation, words)
        self.assertEqual('', run.play(found, self.directory).violation)

    def test_no_uncordon(self) -> None:
        self.assert_found(
            'something of ours is left',
            mix(),
            (Kubernetes, 'reattach', lambda *_: DONE),
        )

    def test_what_comes_back_is_evicted_again(self) -> None:
        self.assert_found(
            'a pod that came back to .* is evicted again',
            mix(),
            (pods, 'origins', lambda found: {p.uid: p.uid for p in found}),
            letters=('k',) * 8,
        )

    def test_cordons_of_others_are_removed(self) -> None:
        def patch(node: Any, mark: Any, back: Any) -> Any:
            return reattach_patch(
                node, dataclasses.replace(mark, cordoned=True), back
            )

        reattach_patch = nodes.reattach_patch
        self.assert_found(
            'somebody else took',
            mix(lambda rng: TakenOut(rng.choice((0, 1, 2, 3)), 'kube')),
            (nodes, 'reattach_patch', patch),
            letters=('k',) * 8,
        )

    def test_maintenance_of_others_is_ended(self) -> None:
        self.assert_found(
            'somebody else took',
            mix(lambda rng: TakenOut(rng.choice((0, 1, 2, 3)), 'consul')),
            (Agent, 'is_ours', lambda *_: True),
            letters=('c',) * 8,
        )

    def test_no_cooldown(self) -> None:
        self.assert_found(
            'after its last migration',
            mix(lambda rng: Demand(rng.randrange(8), rng.choice((0.1, 8)))),
            (eligibility, '_cooldown_until', lambda *_: 0.0),
        )

    def test_no_take_over_by_tag(self) -> None:
        self.assert_found(
            'is left|slots = 2, and it is 3|one at a time, and 2 leave',
            mix(lambda rng: Restarts()),
            (tags.Signer, 'read_all', lambda *_: ({}, {})),
            # Or they were taken for forged ones, and led back as well.
            (state, 'strays', lambda *_: []),
        )

    def test_the_tag_is_written_after_the_drain(self) -> None:
        def begin(machine: Any, move: Any, snapshot: Any) -> Any:
            machine._dispatcher.drain(move.server)
            return whole(machine, move, snapshot)

        whole = StateMachine.begin
        self.assert_found('no tag of', mix(), (StateMachine, 'begin', begin))

    def test_the_request_is_tagged_after_the_call(self) -> None:
        late: list[Any] = []

        def tag(effects: Any, move: Any) -> None:
            if move.stage is Stage.REQUEST:
                late.append(move)
            else:
                tagged(effects, move)

        def migrate(effects: Any, server: Any) -> None:
            asked(effects, server)
            tagged(effects, late.pop())

        tagged, asked = Effects.tag, Effects.migrate
        self.assert_found(
            'no tag of',
            mix(),
            (Effects, 'tag', tag),
            (Effects, 'migrate', migrate),
        )

    def test_orphans_are_not_looked_for(self) -> None:
        self.assert_found(
            'is left',
            mix(lambda rng: Untags(-1), lambda rng: Restarts()),
            (Listing, 'read', lambda *_: {}),
        )

    def test_any_mark_is_believed(self) -> None:
        self.assert_found(
            'what is no server of ours is put into kube',
            mix(lambda rng: ForgesMark(rng.randrange(8), 'kube')),
            (identity, 'doubt', lambda *_: ''),
        )

    def test_a_forged_mark_is_waited_for(self) -> None:
        self.assert_found(
            'is left',
            mix(lambda rng: ForgesMark(rng.randrange(8), 'consul')),
            (CatalogNode, 'doubt', lambda *_: ''),
            (Agent, 'identify', lambda *_: None),
            letters=('c',) * 8,
        )

    def test_limits_are_ignored(self) -> None:
        self.assert_found(
            'slots = 1, and it is 2',
            mix(),
            (limits, 'admit', lambda planned, *_: ([*planned], [])),
            options=(('limits.slots', '1'),),
        )

    def test_a_slot_is_free_before_its_server_is_back(self) -> None:
        def occupies(move: Any, *of: Any) -> Any:
            back = move.stage in (Stage.REATTACH, Stage.UNDO)
            return not back and whole(move, *of)

        whole = Move.occupies
        self.assert_found(
            'slots = 1, and it is 2',
            mix(lambda rng: Down('kube', rng.random() < 0.5)),
            (Move, 'occupies', occupies),
            options=(('limits.slots', '1'),),
        )

    def test_bytes_are_not_counted(self) -> None:
        self.assert_found(
            'and the bucket',
            mix(),
            (limits, '_tokens_mb', lambda *_: 1e9),
            options=(('limits.copy_rate', '7'),),
        )

    def test_the_budget_of_a_role_is_ignored(self) -> None:
        self.assert_found(
            'max_unavailable = 1, and it is 2',
            mix(lambda rng: Changes(1, 'status', 'SHUTOFF')),
            (Unavailable, 'nos', lambda *_: iter(())),
            options=(('limits.max_unavailable', '1'),),
        )

    def test_the_size_of_a_copy_is_ignored(self) -> None:
        self.assert_found(
            'is aborted after',
            (
                (4, lambda rng: Tick(65)),
                (1, lambda rng: NovaIs(pace=30.0)),
                # Or one that is lighter leaves.
                (1, lambda rng: Changes(rng.choice((1, 2)), 'locked', True)),
            ),
            (Snapshot, 'copy_timeout', lambda *_: 600.0),
            large=True,
            crowded=4,
        )

    def test_a_copy_is_aborted_that_gets_on(self) -> None:
        self.assert_found(
            'is aborted after',
            mix(lambda rng: NovaIs(pace=90.0)),
            (Progress, 'hopeless', 'it takes its time'),
        )

    def test_stale_signals_are_believed(self) -> None:
        def rules(*of: Any) -> Any:
            return dataclasses.replace(all_rules(*of), max_age=1e9)

        all_rules = rules_conf.rules
        self.assert_found(
            'signals that are stale',
            (
                (1, lambda rng: Stale(stale=True)),
                (1, lambda rng: Tick(130)),
            ),
            (rules_conf, 'rules', rules),
        )

    def test_it_is_reattached_before_the_end(self) -> None:
        def arrived(machine: Any, move: Any, state: Any) -> Any:
            return machine._next(move, Stage.REATTACH, state)

        self.assert_found(
            'in service in',
            mix(lambda rng: NovaIs(pace=90.0)),
            (StateMachine, '_migrate', arrived),
        )

    def test_what_nova_does_not_record_is_not_waited_for(self) -> None:
        """With a busy nova-conductor a request has no record for minutes."""
        self.assert_found(
            'in service in .* while Nova may migrate it',
            mix(lambda rng: NovaIs(delay=rng.choice((90.0, 300.0)))),
            (Server, 'migrating', False),
        )

    def test_what_is_lost_is_not_waited_for(self) -> None:
        self.assert_found(
            'in service in .* while Nova may migrate it',
            mix(lambda rng: NovaIs(loses=rng.random() < 0.5)),
            (Server, 'migrating', False),
        )

    def test_what_goes_on_is_taken_for_left_over(self) -> None:
        """And so nobody aborts it."""
        self.assert_found(
            'is left',
            (
                *mix(lambda rng: NovaIs(end='', aborts=False)),
                (4, lambda rng: Tick(700)),
            ),
            (Fleet, 'goes_on', lambda *_: False),
        )

    def test_what_an_abort_has_left_is_not_reset(self) -> None:
        self.assert_found(
            'tag .* is left',
            (
                *mix(lambda rng: NovaIs(end='', raises=True)),
                (4, lambda rng: Tick(700)),
            ),
            (Effects, 'reset', lambda *_: None),
        )

    def test_the_lock_is_not_looked_at(self) -> None:
        self.assert_found(
            'without a lease',
            mix(lambda rng: Stops(rng.randrange(6), 70, 2)),
            (Leader, 'check_held', lambda *_: None),
            store='etcd',
        )

    def test_nova_is_asked_though_it_was_not_told(self) -> None:
        self.assert_found(
            'was not told',
            mix(lambda rng: Down('bus', rng.random() < 0.5)),
            (Sender, 'send', lambda *_: True),
        )

    def test_a_cell_that_is_down_is_waited_for(self) -> None:
        def retag(effects: Any, move: Any) -> Any:
            return effects.tag(move)

        self.assert_found(
            'is left out of .* for its cell',
            mix(
                lambda rng: CellDown(down=True),
                lambda rng: Down('kube', down=True),
            ),
            (Effects, 'retag', retag),
            letters=('k',) * 8,
        )

    def test_it_begins_though_nova_does_not_tell_all(self) -> None:
        def holds(snapshot: Any, *others: Any, **named: Any) -> Any:
            whole = dataclasses.replace(snapshot.fleet, unread={})
            snapshot = dataclasses.replace(snapshot, fleet=whole)
            return all_holds(snapshot, *others, **named)

        all_holds = limits.holds
        self.assert_found(
            'Nova does not tell',
            mix(lambda rng: Unread(rng.choice(('', *READS)))),
            (limits, 'holds', holds),
        )
