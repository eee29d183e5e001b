"""Every call that leaves the migrator, and what may become of it."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeVar

from tests.simulation.death import Crash
from tests.standins.transport import App, Environ

T = TypeVar('T')

#: What may become of a call.
#:
#: lost      it does not arrive, and nobody answers
#: refused   it arrives, and is not done
#: broken    it arrives, is not done, and the answer is that of a failure
#: unheard   it is done, and nobody answers
#: twice     it is done twice: the network said it again
#: late      nobody answers in time, and it is done a while later
#: slow      it is done, and takes its time
WORDS = ('lost', 'refused', 'broken', 'unheard', 'twice', 'late', 'slow')
#: Seconds after which a late call is done.
LATE = 12.0
LATE_ARRIVED = 'something late arrived'
#: Seconds that a slow call takes.
SLOW = 4.0


class Lost(Exception):
    """Nobody answers."""


class Refused(Exception):
    """It was not done, and the answer says so."""


class Broken(Exception):
    """It was not done, and the answer is that of a failure."""


@dataclasses.dataclass
class _Trouble:
    place: str
    #: Calls to that place before it.
    after: int
    word: str


@dataclasses.dataclass
class _Fate:
    """What happens to a migrator at one of its effects."""

    #: Effects of its before that.
    after: int
    #: Done before the effect, and done when it has happened.
    before: Callable[[], None] | None = None
    done: Callable[[], None] | None = None


class Edge:
    """Counts effects, and lets the run's troubles meet them."""

    def __init__(
        self, sleep: Callable[[float], None], look: Callable[[str], None]
    ) -> None:
        """:param look: called after each effect, with words for it"""
        self._sleep = sleep
        self._look = look
        self.down: set[str] = set()
        self._troubles: list[_Trouble] = []
        self._fates: list[_Fate] = []
        #: What will be done, by the time at which it is due.
        self.due: list[tuple[float, Callable[[], Any]]] = []
        self.now: Callable[[], float] = lambda: 0.0
        self.effects = 0
        self.calls = 0

    def trouble(self, place: str, after: int, word: str) -> None:
        self._troubles.append(_Trouble(place, after, word))

    def fate(
        self,
        after: int,
        before: Callable[[], None] | None = None,
        done: Callable[[], None] | None = None,
    ) -> None:
        self._fates.append(_Fate(after, before, done))

    def calm(self) -> None:
        """Let everything answer again, from now on."""
        self.down.clear()
        self._troubles.clear()
        self._fates.clear()

    def arrive(self) -> None:
        """What was late arrives, if it is due."""
        now = self.now()
        for entry in [e for e in self.due if e[0] <= now]:
            self.due.remove(entry)
            entry[1]()
            self._look(LATE_ARRIVED)

    def call(self, place: str, act: Callable[[], T], *, effect: str = '') -> T:
        """Make one call.

        :param effect: what it changes there, in words; '' for a question
        :raises Lost, Refused, Broken: see WORDS
        """
        self.calls += 1
        word = self._word(place)
        if place in self.down or word == 'lost':
            raise Lost
        if word == 'refused':
            raise Refused
        if word == 'broken':
            raise Broken
        if word == 'slow':
            self._sleep(SLOW)
        if not effect:
            answer = act()
        elif word == 'late':
            self.due.append((self.now() + LATE, act))
            raise Lost
        else:
            answer = self._effect(place, act, effect)
            if word == 'twice':
                answer = self._effect(place, act, effect)
        if word in ('unheard', 'late'):
            raise Lost
        return answer

    def _effect(self, place: str, act: Callable[[], T], effect: str) -> T:
        fates = [f for f in self._fates if f.after == 0]
        self._fates = [f for f in self._fates if f.after > 0]
        for fate in self._fates:
            fate.after -= 1
        for fate in fates:
            if fate.before is not None:
                fate.before()
        self.effects += 1
        answer = act()
        self._look(effect)
        for fate in fates:
            if fate.done is not None:
                fate.done()
        return answer

    def _word(self, place: str) -> str:
        found = ''
        for trouble in [t for t in self._troubles if t.place == place]:
            if trouble.after == 0:
                self._troubles.remove(trouble)
                found = trouble.word
            trouble.after -= 1
        return found

    def wsgi(
        self, place: str, app: App, effect: Callable[[Environ, bytes], str]
    ) -> App:
        """Put an app behind the edge.

        :param effect: what a request changes, in words; '' for a question
        """

        def edged(environ: Environ, start_response: Any) -> list[bytes]:
            size = int(environ.get('CONTENT_LENGTH') or 0)
            body = environ['wsgi.input'].read(size)
            head: list[Any] = []

            def act() -> bytes:
                environ['wsgi.input'] = _Body(body)
                head[:] = []
                return b''.join(app(environ, lambda *h: head.extend(h)))

            try:
                said = self.call(place, act, effect=effect(environ, body))
                start_response(*head)
                return [said]
            except Lost:
                raise ConnectionResetError('nobody answers') from None
            except Refused:
                status, text = '403 Forbidden', 'no'
            except Broken:
                status, text = '503 Service Unavailable', 'not now'
            said = json.dumps({'message': text}).encode()
            length = [('Content-Length', str(len(said)))]
            start_response(status, length)
            return [said]

        return edged


class _Body:
    """A request's body, which can be read more than once."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        return self._body if size < 0 else self._body[:size]


def dies() -> None:
    """The process is killed here."""
    raise Crash
