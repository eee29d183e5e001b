"""What may happen in a run. Each event is a value that can be written down."""

import contextlib
import dataclasses
import random
from collections.abc import Callable, Sequence

from steal_scheduler.exception import NovaFault
from steal_scheduler.model.move import Stage
from tests.simulation import edge
from tests.simulation.world import World

ORCHESTRATORS = ('kube', 'consul', 'lb', 'hook', 'script')
#: What a migrator reads of Nova, each by a call of its own.
READS = ('changed', 'page', 'server', 'migrations', 'hosts', 'aggregates')
PLACES = ('nova', *ORCHESTRATORS, 'signals', 'bus')


class Event:
    def happen(self, world: World) -> None:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Tick(Event):
    """Time passes, and every migrator makes a tick."""

    seconds: float = 31

    def happen(self, world: World) -> None:
        world.sleep(self.seconds)
        world.tick()


@dataclasses.dataclass(frozen=True)
class Dies(Event):
    """A migrator dies, right before or right after one of its effects."""

    #: Effects before that one.
    after: int
    before: bool

    def happen(self, world: World) -> None:
        if self.before:
            world.edge.fate(self.after, before=edge.dies)
        else:
            world.edge.fate(self.after, done=edge.dies)


@dataclasses.dataclass(frozen=True)
class DiesAtLine(Event):
    """The next tick is killed at this line of our code."""

    line: int

    def happen(self, world: World) -> None:
        world.dies_at_line = self.line


@dataclasses.dataclass(frozen=True)
class Restarts(Event):
    which: int = 0

    def happen(self, world: World) -> None:
        world.processes[self.which % len(world.processes)].die()


@dataclasses.dataclass(frozen=True)
class Stops(Event):
    """A migrator stands still right before an effect; others may lead."""

    after: int
    seconds: float
    ticks: int

    def happen(self, world: World) -> None:
        world.edge.fate(
            self.after, before=lambda: world.stop(self.seconds, self.ticks)
        )


@dataclasses.dataclass(frozen=True)
class LockLost(Event):
    """The lock is lost right after an effect."""

    after: int

    def happen(self, world: World) -> None:
        world.edge.fate(self.after, done=world.store.lose)


@dataclasses.dataclass(frozen=True)
class LockDown(Event):
    down: bool

    def happen(self, world: World) -> None:
        world.store.down = self.down


@dataclasses.dataclass(frozen=True)
class Trouble(Event):
    """One call to a place meets a trouble; see ``edge.WORDS``."""

    place: str
    after: int
    word: str

    def happen(self, world: World) -> None:
        world.edge.trouble(self.place, self.after, self.word)


@dataclasses.dataclass(frozen=True)
class Down(Event):
    place: str
    down: bool

    def happen(self, world: World) -> None:
        if self.down:
            world.edge.down.add(self.place)
        else:
            world.edge.down.discard(self.place)


@dataclasses.dataclass(frozen=True)
class Stale(Event):
    """The signals that are told grow old, or are measured again."""

    stale: bool

    def happen(self, world: World) -> None:
        world.measured_at = world.clock.now if self.stale else None


@dataclasses.dataclass(frozen=True)
class NovaIs(Event):
    """How Nova goes about migrations from now on."""

    delay: float = 0.0
    pace: float = 20.0
    end: str = 'completed'
    aborts: bool = True
    choosing: float = 20.0
    loses: bool = False
    raises: bool = False

    def happen(self, world: World) -> None:
        for field in dataclasses.fields(self):
            setattr(world.nova, field.name, getattr(self, field.name))


@dataclasses.dataclass(frozen=True)
class Unread(Event):
    """Nova answers errors to a reading call of this name; to none at ''."""

    name: str

    def happen(self, world: World) -> None:
        world.nova.fails = {self.name} - {''}


@dataclasses.dataclass(frozen=True)
class CellDown(Event):
    """The cell of every other server is down, or is back."""

    down: bool

    def happen(self, world: World) -> None:
        world.nova.cell_down = {*world.ids[1::2]} if self.down else set()


@dataclasses.dataclass(frozen=True)
class Demand(Event):
    server: int
    cores: float

    def happen(self, world: World) -> None:
        world.demand[world.who(self.server)] = self.cores


@dataclasses.dataclass(frozen=True)
class Changes(Event):
    """Somebody changes a server in Nova: it is locked, stopped, opted out."""

    server: int
    name: str
    value: object

    def happen(self, world: World) -> None:
        server_id = world.who(self.server)
        server = world.nova.servers.get(server_id)
        state = self.name in ('status', 'task_state')
        if state and server is not None and server.migrating:
            # Nova does nothing else with it then.
            return
        world.nova.change(server_id, **{self.name: self.value})


@dataclasses.dataclass(frozen=True)
class Untags(Event):
    """The tenant removes all tags."""

    server: int

    def happen(self, world: World) -> None:
        server_id = world.who(self.server)
        world.nova.change(server_id, tags=())
        world.nova.untagged.add(server_id)


@dataclasses.dataclass(frozen=True)
class Forges(Event):
    """The tenant writes a tag as if it were ours."""

    server: int
    stage: Stage
    #: Epoch seconds; None for now.
    since: int | None

    def happen(self, world: World) -> None:
        server = world.nova.servers.get(world.who(self.server))
        if server is not None:
            since = self.since
            if since is None:
                since = int(world.clock.now)
            tags = {*server.tags, f'steal:{self.stage.value}:{since}'}
            world.nova.change(server.server_id, tags=tuple(sorted(tags)))


@dataclasses.dataclass(frozen=True)
class Moves(Event):
    """An operator migrates a server, live."""

    server: int

    def happen(self, world: World) -> None:
        with contextlib.suppress(NovaFault):
            world.nova.ask(world.who(self.server), 'an operator')


@dataclasses.dataclass(frozen=True)
class Resets(Event):
    """A person ends a request that Nova has lost, as the alarm says."""

    server: int

    def happen(self, world: World) -> None:
        world.nova.reset(world.who(self.server))


@dataclasses.dataclass(frozen=True)
class Ends(Event):
    """A migration ends now, whoever began it: an operator aborts it."""

    server: int
    status: str

    def happen(self, world: World) -> None:
        world.nova.proceed(world.who(self.server), self.status)


@dataclasses.dataclass(frozen=True)
class Deleted(Event):
    server: int

    def happen(self, world: World) -> None:
        server_id = world.who(self.server)
        world.nova.delete(server_id)
        for place in world.places.values():
            place.delete(server_id)


@dataclasses.dataclass(frozen=True)
class TakenOut(Event):
    """Somebody else takes it out of service in an orchestrator."""

    server: int
    place: str

    def happen(self, world: World) -> None:
        place, server_id = world.places.get(self.place), world.who(self.server)
        if not place or server_id not in (
            place.servers.keys() & world.nova.servers.keys()
        ):
            return
        # Where our mark is left, nobody can tell his from ours.
        if not (place.serves(server_id) and place.holds(server_id)):
            place.take_out(server_id)


@dataclasses.dataclass(frozen=True)
class PutIn(Event):
    """Somebody else puts it into service, whoever took it out."""

    server: int
    place: str

    def happen(self, world: World) -> None:
        place, server_id = world.places.get(self.place), world.who(self.server)
        if place and server_id in place.servers.keys() & world.nova.servers:
            place.put_in(server_id)


@dataclasses.dataclass(frozen=True)
class ForgesMark(Event):
    """What is another server says that we have drained it for this one."""

    server: int
    place: str

    def happen(self, world: World) -> None:
        if place := world.places.get(self.place):
            place.forge(world.who(self.server))


@dataclasses.dataclass(frozen=True)
class Empties(Event):
    """An operator has a host emptied, or stops that."""

    host: str
    on: bool = True

    def happen(self, world: World) -> None:
        world.empty(self.host, on=self.on)


# NOTE: a server is given by its number, or is -1 for the first that has a tag
# of ours, -2 for the second.
# -- what a run is drawn from ----------------------------------------------


def _server(rng: random.Random) -> int:
    """One of them, or one that moves; those that are contended matter more."""
    return rng.choice((-1, -1, -2, *range(8), *range(5)))


def _orchestrator(rng: random.Random) -> str:
    return rng.choice(('kube', 'kube', 'consul', 'consul', 'lb'))


def _changes(rng: random.Random) -> Changes:
    name, values = rng.choice(
        (
            ('locked', (True, False)),
            ('status', ('ACTIVE', 'ERROR', 'SHUTOFF', 'SHELVED')),
            ('task_state', (None, 'image_snapshot')),
            ('opted_out', (None, 'metadata')),
        )
    )
    value: object = rng.choice(values)
    return Changes(_server(rng), name, value)


def _metadata(rng: random.Random) -> Changes:
    said = rng.choice(('none', 'kube', 'consul,script', 'lb', 'nobody', None))
    value = {} if said is None else {'steal:orchestrator': said}
    return Changes(_server(rng), 'metadata', value)


#: How often each kind of event is drawn, and how.
Ways = Sequence[tuple[int, Callable[[random.Random], Event]]]

_DEMAND: tuple[int, Callable[[random.Random], Event]] = (
    3,
    lambda r: Demand(_server(r), r.choice((0.1, 2.0, 4.0, 8.0))),
)

DRAWN: Ways = (
    (40, lambda r: Tick(r.choice((3, 3, 10, 31, 31, 31, 65)))),
    (3, lambda r: Tick(r.choice((130, 200, 700)))),
    (6, lambda r: Dies(r.randrange(8), r.random() < 0.5)),
    (3, lambda r: DiesAtLine(r.randrange(3000))),
    (2, lambda r: Restarts(r.randrange(2))),
    (
        2,
        lambda r: Stops(r.randrange(6), r.choice((3, 31, 70)), r.randrange(4)),
    ),
    (2, lambda r: LockLost(r.randrange(8))),
    (1, lambda r: LockDown(r.random() < 0.5)),
    (
        8,
        lambda r: Trouble(
            r.choice(PLACES), r.choice((0, 0, 1, 2, 4)), r.choice(edge.WORDS)
        ),
    ),
    (5, lambda r: Down(r.choice(PLACES), r.random() < 0.4)),
    (2, lambda r: Stale(r.random() < 0.5)),
    (
        3,
        lambda r: NovaIs(
            r.choice((0.0, 0.0, 20.0, 90.0, 900.0)),
            r.choice((2.0, 20.0, 20.0, 90.0)),
            r.choice(('completed', 'completed', 'error', 'failed', '')),
            r.random() < 0.8,
            r.choice((2.0, 20.0, 20.0, 90.0, 300.0, 900.0)),
            r.random() < 0.1,
            r.random() < 0.5,
        ),
    ),
    (3, lambda r: Unread(r.choice(('', '', *READS)))),
    (2, lambda r: CellDown(r.random() < 0.4)),
    (1, lambda r: Resets(_server(r))),
    _DEMAND,
    (4, _changes),
    (1, _metadata),
    (3, lambda r: Untags(_server(r))),
    (
        3,
        lambda r: Forges(
            _server(r),
            r.choice(tuple(Stage)),
            r.choice((None, None, 0, 9_999_999_999)),
        ),
    ),
    (1, lambda r: Moves(_server(r))),
    (2, lambda r: Ends(_server(r), r.choice(('cancelled', 'error')))),
    (1, lambda r: Deleted(_server(r))),
    (3, lambda r: TakenOut(_server(r), _orchestrator(r))),
    (3, lambda r: PutIn(_server(r), _orchestrator(r))),
    (2, lambda r: ForgesMark(_server(r), _orchestrator(r))),
)


#: The same, where an operator empties hosts; nobody waits for CPU.
EMPTYING: Ways = (
    *(way for way in DRAWN if way is not _DEMAND),
    (8, lambda r: Empties(r.choice('abcd'), r.random() < 0.8)),
)


def draw(rng: random.Random, ways: Ways) -> Event:
    weights, known = zip(*ways, strict=True)
    return rng.choices(known, weights)[0](rng)
