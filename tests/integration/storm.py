"""One run of the storm: a server suffers, and its migrators die.

The first lives of a run die, stop or lose their lock, each at a line that the
seed draws; what goes wrong besides begins at such a line as well. Then the
last life has to bring everything to its end.
"""

import contextlib
import dataclasses
import random
import select
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steal_scheduler.demo.deadline import wait_for
from tests.functional.scene import Scene
from tests.integration import daemons
from tests.integration.estate import CONSUL, KUBERNETES, MOVERS, Estate
from tests.integration.lives import Life, Lives
from tests.integration.site import Wrong

#: How many lines of each kind a whole move has, about: a point is one of
#: them. A server of two orchestrators has more, waiting adds some.
LINES = {'effect': 1_600, 'wire': 4_200, 'ours': 25_000}
#: Seconds in which a life must be done, whatever goes wrong.
_SECONDS = 90.0


# -- what goes wrong besides that migrators die ----------------------------


@dataclasses.dataclass
class Fault:
    """Nothing goes wrong; the others are like it."""

    estate: Estate
    #: Name of the server that is to be moved.
    mover: str
    draw: random.Random

    def __post_init__(self) -> None:
        #: Nodes of Kubernetes and of Consul that others have taken.
        self.cordoned: frozenset[str] = frozenset()
        self.maintained: frozenset[str] = frozenset()
        self.prepare()

    def prepare(self) -> None:
        """Draw."""

    def __str__(self) -> str:
        return type(self).__name__

    @property
    def id(self) -> str:
        return self.estate.ids[self.mover]

    def before(self) -> None:
        """Do it before the first life begins."""

    def strike(self) -> None:
        """Do it while the first life stands still somewhere."""

    def lasts(self) -> bool:
        """Whether something is down yet; called again and again."""
        return False

    def end(self) -> None:
        """Put back what others did; all lives are over."""
        for name in self.cordoned:
            self.estate.nodes.give_back(name)
        for name in self.maintained:
            self.estate.agents.give_back(name)


class Tenant(Fault):
    """Does something to the server while it is on its way."""

    def prepare(self) -> None:
        self._act: Callable[[], None] = self.draw.choice(
            [
                self._lock,
                self._opt_out,
                self._stop,
                self._delete,
                self._untag,
                self._untag,
                self._forge,
            ]
        )

    def __str__(self) -> str:
        return f'Tenant: {self._act.__name__.strip("_")}'

    def strike(self) -> None:
        self._act()

    def _lock(self) -> None:
        self.estate.scene.action(self.id, 'lock')

    def _opt_out(self) -> None:
        self.estate.scene.set_metadata(self.id, {'steal:migrate': 'never'})

    def _stop(self) -> None:
        # Nova lets nobody stop a server that migrates.
        if self.estate.scene.is_active(self.id):
            self.estate.scene.action(self.id, 'os-stop')

    def _delete(self) -> None:
        scene = self.estate.scene
        scene.call('DELETE', f'/servers/{self.id}')
        wait_for(lambda: not scene.exists(self.id), 30.0, 'it to be gone')
        if self.mover in CONSUL:
            self.estate.agents.end(self.mover)

    def _untag(self) -> None:
        self.estate.scene.call('DELETE', f'/servers/{self.id}/tags')

    def _forge(self) -> None:
        """Write a tag of ours, on this server and on another."""
        now = int(time.time())
        for id_ in self.estate.ids.values():
            tag = f'steal:{self.draw.choice(("migrate", "undo"))}:{now}'
            self.estate.scene.call('PUT', f'/servers/{id_}/tags/{tag}')


class Migration(Fault):
    """Nova takes the migration, and does not bring it to its end."""

    def prepare(self) -> None:
        self._how = self.draw.choice(
            [
                {'demo:fail': 'precheck'},
                {'demo:fail': 'pre'},
                {'demo:fail': 'run'},
                {'demo:seconds': 'never'},
                {'demo:seconds': '1'},
            ]
        )

    def __str__(self) -> str:
        return f'Migration: {self._how}'

    def before(self) -> None:
        self.estate.scene.set_metadata(self.id, self._how)


class NovaApi(Fault):
    """Some calls of Nova's API go wrong."""

    def prepare(self) -> None:
        self._first = self.draw.randint(1, 80)
        self._last = self._first + self.draw.choice([0, 0, 1, 3, 10])
        self._how = self.draw.choice(list(Wrong))

    def __str__(self) -> str:
        return (
            f'NovaApi: calls {self._first} to {self._last} {self._how.value}'
        )

    def before(self) -> None:
        self.estate.gate.fail(self._first, self._last, self._how)


class Outage(Fault):
    """Whoever the server is to be taken out of does not answer for a while."""

    def prepare(self) -> None:
        self._seconds = self.draw.uniform(0.2, 3.0)
        known = [self._kubernetes] * (self.mover in KUBERNETES) + [
            self._consul
        ] * (self.mover in CONSUL)
        self._who = self.draw.choice(known or [self._kubernetes])
        self._pause = self.draw.random() < 0.6
        self._until = 0.0

    def __str__(self) -> str:
        how = 'hangs' if self._pause else 'is down'
        who = self._who.__name__.strip('_')
        return f'Outage: {who} {how} for {self._seconds:.1f} s'

    def strike(self) -> None:
        self._who(up=False)
        self._until = time.monotonic() + self._seconds

    def lasts(self) -> bool:
        if self._until and time.monotonic() > self._until:
            self._until = 0.0
            self._who(up=True)
        return bool(self._until)

    def end(self) -> None:
        if self._until:
            self._who(up=True)
        super().end()

    def _kubernetes(self, *, up: bool) -> None:
        cluster = self.estate.cluster
        if self._pause:
            (cluster.resume if up else cluster.pause)()
        else:
            (cluster.start if up else cluster.stop)()

    def _consul(self, *, up: bool) -> None:
        datacenter = self.estate.datacenter
        if self._pause:
            (datacenter.resume if up else datacenter.pause)(self.mover)
        else:
            (datacenter.start if up else datacenter.stop)(self.mover)


class Others(Fault):
    """Other operators have taken a node out, or do so in the middle."""

    def prepare(self) -> None:
        self._early = self.draw.random() < 0.5
        self._node = self.draw.choice([self.mover, self.mover, *KUBERNETES])
        self._agent = self.draw.choice([self.mover, self.mover, *CONSUL])

    def __str__(self) -> str:
        when = 'before' if self._early else 'in the middle'
        return f'Others: {self._node}, {self._agent} {when}'

    def before(self) -> None:
        if self._early:
            self._take()

    def strike(self) -> None:
        if not self._early:
            self._take()

    def _take(self) -> None:
        # Of one that is out already nobody can tell that others want it too:
        # kubectl and consul change nothing then.
        nodes, agents = self.estate.nodes, self.estate.agents
        if self._node in KUBERNETES and not nodes.is_out(self._node):
            nodes.take(self._node)
            self.cordoned = frozenset({self._node})
        if self._agent in CONSUL and not agents.is_out(self._agent):
            agents.take(self._agent)
            self.maintained = frozenset({self._agent})


# -- one run ---------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Kind:
    """One sort of runs."""

    name: str
    #: One of these goes wrong.
    faults: tuple[type[Fault], ...]
    #: What happens to each life before the last one; one of these.
    lives: tuple[tuple[tuple[str, ...], ...], ...]
    #: The last life may find no server routed to anybody.
    reroutes: bool = False
    #: Tags may be lost along with the migrator: who keeps no list of whom it
    #: took out is not told of any server then.
    loses_tags: bool = False


class Run:
    """Drawn when it is made, done once."""

    def __init__(
        self, estate: Estate, lives: Lives, kind: Kind, seed: int
    ) -> None:
        draw = random.Random(f'{kind.name} {seed}')
        self._estate = estate
        self._lives = lives
        self._kind = kind
        self._name = f'{kind.name} {seed}'
        self.mover = draw.choice(MOVERS)
        self.fault = draw.choice(kind.faults)(estate, self.mover, draw)
        #: Of each life but the last, what happens to it.
        self._points = [
            [_point(draw, what) for what in life]
            for life in draw.choice(kind.lives)
        ]
        #: The last life finds no server that suffers: what it does it does
        #: only because of what the lives before have begun.
        self._calms = draw.random() < 0.7
        self._reroutes = kind.reroutes and draw.random() < 0.5
        #: One that has lost its lock without knowing, and how many ticks
        #: the next one is ahead before it goes on.
        self._ghost: Life | None = None
        self._held = True
        self._ahead = draw.randint(0, 8)
        self._unclean: list[str] = []
        self.lives: list[Life] = []
        self.trouble: list[str] = []

    def __str__(self) -> str:
        ends = ', '.join(r for life in self.lives for r in life.reached)
        return f'{self._name}: {self.mover}; {self.fault}; {ends or "-"}'

    @property
    def reached(self) -> int:
        """How many points of its lives were reached."""
        return sum(len(life.reached) for life in self.lives)

    def run(self) -> None:
        """Do all of it; what is wrong then stands in ``trouble``."""
        estate = self._estate
        # After an outage Kubernetes takes its time to see that all is well:
        # what it lacks before this run is none of this run's doing.
        daemons.until(
            'all services to be there',
            lambda: not estate.unavailable(),
            within=120,
        )
        self._config = estate.config_file(
            'storm', balanced=not self._kind.loses_tags
        )
        _pass_a_day(estate.scene)
        estate.witness.saw.clear()
        begun = time.time()
        estate.suffer(self.mover)
        try:
            self.fault.before()
            if not self._live():
                self.trouble.append('the last migrator came to no end')
                self.trouble += self._unclean
            if not self._kind.loses_tags and not self._reroutes:
                self.trouble += estate.witness.saw
            self.trouble += _too_many(estate, self.fault, begun)
        finally:
            for life in self.lives:
                life.kill()
            self.fault.end()
            estate.repair(self.mover)
            if self.trouble:
                # It is told; the next run is another one.
                estate.reset()
        self.trouble += estate.unavailable()

    def _live(self) -> bool:
        """Whether all came to its end."""
        for points in self._points:
            life = self._begin(points)
            if self._watch(life):
                return True
            if life is not self._ghost:
                life.kill()
        if self._calms and self._points:
            self._estate.calm_down()
        if self._reroutes:
            self._config = self._estate.config_file('unrouted', routed=False)
        return self._watch(self._begin(()))

    def _begin(self, points: Sequence[Mapping[str, Any]]) -> Life:
        life = self._lives.begin(self._config, points)
        self.lives.append(life)
        return life

    def _watch(self, life: Life) -> bool:
        """Follow it, until it has nothing to do any more (True) or is over."""
        until = time.monotonic() + _SECONDS
        self._ticks, self._moves = 0, {}
        while time.monotonic() < until and not life.over:
            pending = self.fault.lasts()
            self._estate.stay_fresh()
            for said in self._listen(life):
                if said['what'] == 'lose':
                    self._ghost = life
                    return False
                if said['what'] == 'hold':
                    self.fault.strike()
                    life.order('go')
                if said['what'] == 'tick' and self._is_quiet(said, pending):
                    return True
        return False

    def _is_quiet(self, said: Mapping[str, Any], pending: bool) -> bool:
        """Whether nothing is left to do, after this tick."""
        self._ticks += 1
        if said['moves'] != self._moves:
            # The load has changed hosts, perhaps.
            self._moves = said['moves']
            self._estate.measure()
            if not pending:
                self.trouble += self._estate.nodes.short()
        idle = said['good'] and said['leads'] and not said['moves']
        if self._ghost and self._held and (idle or self._ticks > self._ahead):
            self._held = False
            self._ghost.order('go')
        if not idle or self._ghost or pending:
            return False
        self._unclean = _left_behind(self._estate, self.fault)
        return not self._unclean

    def _listen(self, life: Life) -> list[dict[str, Any]]:
        """What it says; nothing after a moment."""
        sockets = [life.socket]
        if self._ghost:
            sockets.append(self._ghost.socket)
        heard, _, _ = select.select(sockets, [], [], 0.1)
        if self._ghost and self._ghost.socket in heard:
            said = self._ghost.read()
            if self._ghost.over or any(
                each['what'] == 'tick' and not each['leads'] for each in said
            ):
                # It knows by now.
                self._ghost.kill()
                self._ghost = None
        return life.read() if life.socket in heard else []


def _point(draw: random.Random, what: str) -> dict[str, Any]:
    kind = draw.choice(['effect', 'wire', 'wire', 'ours'])
    if what == 'lose':
        # Between the look at the lock and the side effect.
        kind = 'effect'
    return {
        'line': draw.randint(1, LINES[kind]),
        'kind': kind,
        'what': what,
    }


# -- whether it has left anything behind: nothing of ours is used ----------


def _left_behind(estate: Estate, fault: Fault) -> list[str]:
    """What of us is to be seen; empty when all is as it was."""
    tagged = [
        f'server {server["name"]} has the tag {tag}'
        for server in estate.scene.call('GET', '/servers/detail')['servers']
        for tag in server['tags']
        if tag.startswith('steal:')
    ]
    return [
        *tagged,
        *estate.nodes.left(fault.cordoned),
        *estate.agents.left(fault.maintained),
        *estate.balancer.left(),
    ]


def _too_many(estate: Estate, fault: Fault, begun: float) -> list[str]:
    """Migrations of the server beyond the one that its finding allows."""
    found = _migrations(estate.scene, fault.id, begun)
    if len(found) < 2:
        return []
    return [f'{fault.mover} was migrated {len(found)} times: {found}']


def _pass_a_day(scene: Scene) -> None:
    """Let all of them be two days older.

    So nothing of one run is seen in the next: no cooldown, no failure that
    the breaker counts, no bytes.
    """
    path = scene.workdir / 'nova_cell1.sqlite'
    then = "strftime('%Y-%m-%d %H:%M:%f', {}, '-2 days')"
    columns = ', '.join(
        f'{c} = {then.format(c)}' for c in ('created_at', 'updated_at')
    )
    with contextlib.closing(sqlite3.connect(path, 30)) as database:
        database.execute(f'UPDATE migrations SET {columns}')
        database.commit()


def _migrations(scene: Scene, server_id: str, begun: float) -> list[str]:
    """What became of its live migrations since.

    :param begun: epoch seconds; records of a day before are others'
    """
    at = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(begun - 3600))
    query = f'instance_uuid={server_id}&changes-since={at}'
    found = scene.call('GET', f'/os-migrations?{query}')['migrations']
    return [each['status'] for each in found]
