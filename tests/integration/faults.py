"""What goes wrong in a storm, besides that migrators die."""

import dataclasses
import enum
import itertools
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.http import App, Environ, reply
from tests.integration.site import CONSUL, KUBERNETES, Estate
from tests.shared import PATIENCE

#: As the client of Nova names itself that the migrator uses.
_OURS = 'python-novaclient'


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
        wait_for(lambda: not scene.exists(self.id), PATIENCE, 'it to be gone')
        if self.mover in CONSUL:
            self.estate.agents.end(self.mover)

    def _untag(self) -> None:
        self.estate.scene.call('DELETE', f'/servers/{self.id}/tags')

    def _forge(self) -> None:
        """Write a tag of ours, on this server and on another."""
        now = int(time.time())
        for id_ in self.estate.ids.values():
            stage = self.draw.choice(('migrate', 'undo'))
            tag = f'steal:{stage}:{now}::{now}:AAAAAAAAAAAAAAAA'
            self.estate.scene.call('PUT', f'/servers/{id_}/tags/{tag}')


class Migration(Fault):
    """Nova takes the migration, and does not bring it to its end."""

    def prepare(self) -> None:
        self._how = self.draw.choice(
            [
                {'demo:fail': 'precheck'},
                {'demo:fail': 'pre'},
                # Not ``run``: that leaves it in ERROR, until a person acts.
                {'demo:seconds': 'never'},
                {'demo:seconds': '1'},
            ]
        )

    def __str__(self) -> str:
        return f'Migration: {self._how}'

    def before(self) -> None:
        self.estate.scene.set_metadata(self.id, self._how)


class Wrong(enum.Enum):
    """What becomes of a call."""

    UNHEARD = 'hung up on before Nova hears of it'
    LOST = 'heard by Nova, and hung up on before the answer'
    ERROR = 'answered with 503'


class Gate:
    """In front of nova-api: it goes wrong for some calls of ours."""

    def __init__(self, app: App, first: int, last: int, how: Wrong) -> None:
        """Let the calls with these numbers go wrong, counted from now."""
        self._app = app
        self._hit = range(first, last + 1)
        self._how = how
        self._calls = itertools.count(1)

    def __call__(
        self, environ: Environ, start_response: Any
    ) -> Iterable[bytes]:
        if (
            _OURS not in environ.get('HTTP_USER_AGENT', '')
            or next(self._calls) not in self._hit
        ):
            return self._app(environ, start_response)
        if self._how is Wrong.ERROR:
            error = {'error': {'code': 503, 'message': 'as the test says'}}
            return reply(start_response, error, '503 Unavailable')
        if self._how is Wrong.LOST:
            list(self._app(environ, lambda *_: None))
        # wsgiref takes this for a client that has gone, and hangs up.
        raise ConnectionAbortedError


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
        apps = self.estate.scene.cloud.http.apps
        self._behind = apps['compute']
        gate = Gate(self._behind, self._first, self._last, self._how)
        apps['compute'] = gate

    def end(self) -> None:
        self.estate.scene.cloud.http.apps['compute'] = self._behind
        super().end()


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
