"""A rig with two orchestrators, for tests of what must always end well."""

from typing import Any

from steal_scheduler.model.assignment import Rule
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.dispatcher import Dispatcher
from tests.unit.rig import Rig

#: Steps after which any move is over, 31 seconds apart.
LONG = 45


class Marking(Orchestrator):
    """A stand-in for an orchestrator that marks whom it took out."""

    def __init__(self, name: str, out: set[str]) -> None:
        super().__init__({name: None}, name)
        self.out = out
        #: What it answers before it is done, by verb.
        self.says: dict[str, list[State]] = {}

    def drain(self, server: Server, node: str) -> Answer:
        self.out.add(server.server_id)
        return self._answer('drain')

    def reattach(self, server: Server, node: str) -> Answer:
        answer = self._answer('reattach')
        if answer is DONE:
            self.out.discard(server.server_id)
        return answer

    def detached(self) -> frozenset[str]:
        return frozenset(self.out)

    def _answer(self, verb: str) -> Answer:
        said = self.says.get(verb)
        return Answer(said.pop(0), 'as the test says') if said else DONE


class Saga(Rig):
    """Server x is contended, and belongs to the orchestrators lb and prod.

    What happens around it is a plan: a step after which something happens,
    and what.
    """

    def __init__(self, plan: dict[int, Any] | None = None) -> None:
        self.outs: dict[str, set[str]] = {'lb': set(), 'prod': set()}
        self.says: dict[str, list[State]] = {}
        self.plan = plan or {}
        #: What a migration's status is followed by.
        self.goes = {'accepted': 'running', 'running': 'completed'}
        self.steps = 0
        super().__init__()
        self.overload()

    def new_dispatcher(self) -> Any:
        built = {name: Marking(name, out) for name, out in self.outs.items()}
        for each in built.values():
            each.says = self.says
        return Dispatcher(built, [Rule(n, all_servers=True) for n in built])

    @property
    def over(self) -> bool:
        """Nothing is going on, and nothing more will happen."""
        begun = self.steps > max(self.plan, default=1)
        return begun and self._stepped and not self.migrator.moves

    def restart(self) -> None:
        super().restart()
        self._stepped = False

    def step(self) -> None:
        """One step, and then what happens by itself."""
        self.tick(31)
        self.happen()

    def happen(self) -> None:
        """What happens around the migrator, and by the plan."""
        self.steps += 1
        self._stepped = True
        # It is found once.
        if self.steps == 1:
            self.source.demand = {}
        for found in list(self.nova.records.values()):
            status = self.goes.get(found.status)
            if status is not None:
                self.nova.proceed(status, found.server_id)
        if self.steps in self.plan:
            self.plan[self.steps](self)

    def seen(self) -> tuple[Any, ...]:
        """All that outlives a process; cheap to compare."""
        nova = self.nova
        return (
            self.now,
            *nova.servers.values(),
            *nova.records.values(),
            *nova.accepted,
            *map(len, (*self.outs.values(), *self.says.values())),
        )

    def left(self) -> list[str]:
        """What there is to complain about at the end."""
        wrong = [f'{s} is out of {n}' for n, o in self.outs.items() for s in o]
        wrong += [f'tag {tag}' for tag in self.tags()]
        wrong += [f'{s} at {stage}' for s, stage in self.stages().items()]
        if len(self.nova.records) > 1:
            wrong.append(f'migrated twice: {self.nova.records}')
        return wrong
