"""A whole migrator, with stand-ins for everything around it."""

import dataclasses
from typing import Any

from steal_scheduler.decision.eligibility import MEMORY
from steal_scheduler.decision.rules import Rules
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.desk import Desk
from steal_scheduler.migrator.service import Migrator
from steal_scheduler.model.move import FOLLOWS
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from tests.unit import fakes
from tests.unit.make import NOW, rules, server

RULES = rules(polls_contended=1, polls_window=1)


class Rig:
    """Servers x, y and z on host a; b and c are empty; 8 cores each.

    x, y and z are contended as soon as ``overload`` was called.
    """

    def __init__(
        self, rules: Rules = RULES, dry_run: bool = False, **options: Any
    ) -> None:
        self.now = NOW
        self.rules = dataclasses.replace(rules, dry_run=dry_run)
        self.nova = fakes.FakeNova(*(server(s, vcpus=4) for s in 'xyz'))
        self.orchestrator = fakes.FakeOrchestrator()
        self.source = fakes.FakeSource(self.nova)
        self.leader = fakes.FakeLeader()
        self.sender = fakes.FakeSender()
        self.receiver = fakes.FakeReceiver()
        self.notifier = fakes.FakeNotifier()
        self.leader_server = fakes.FakeLeaderServer()
        self.conf = fakes.conf(**options)
        self.restart()

    def overload(self) -> None:
        """Let 11 cores be asked for on host a, 4 of them by x."""
        self.source.demand = {'x': 3.4, 'y': 3.6, 'z': 4.0}

    def restart(self) -> None:
        """A new process: nothing is remembered."""
        self.metrics = Metrics()
        nova: Any = self.nova
        self.leader.number += 1
        effects = fakes.effects(nova, self.leader)
        dispatcher = fakes.dispatcher(
            self.orchestrator, in_time=effects.in_time
        )
        leader: Any = self.leader
        sender: Any = self.sender
        receiver: Any = self.receiver
        notifier: Any = self.notifier
        leader_server: Any = self.leader_server
        journal = Journal(self.metrics, notifier)
        self.desk = Desk(self.conf, nova, effects, journal)
        self.components = Components(
            conf=self.conf,
            rules=self.rules,
            nova=nova,
            nova_cache=NovaCache(nova, MEMORY),
            source=self.source,
            dispatcher=dispatcher,
            effects=effects,
            leader=leader,
            sender=sender,
            receiver=receiver,
            journal=journal,
            metrics=self.metrics,
            desk=self.desk,
            leader_server=leader_server,
        )
        self.migrator = Migrator(self.components)

    def tick(self, seconds: float = 30.0, times: int = 1) -> None:
        """Let time pass, then tick; what a tick raises is logged."""
        for _ in range(times):
            self.now += seconds
            self.nova.now = self.now
            before = self.migrator.moves.copy()
            self.migrator.guarded_tick(self.now)
            for server_id, move in before.items():
                after = self.migrator.moves.get(server_id, move)
                if after.stage is not move.stage:
                    assert after.stage in FOLLOWS[move.stage], (move, after)

    def stages(self) -> dict[str, str]:
        return {s: str(m.stage) for s, m in self.migrator.moves.items()}

    def tags(self) -> list[str]:
        return [t for s in self.nova.servers.values() for t in s.tags]

    def replace(self, **components: Any) -> None:
        self.components = dataclasses.replace(self.components, **components)
        self.migrator = Migrator(self.components)
