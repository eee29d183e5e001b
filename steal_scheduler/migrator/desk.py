"""The operator's desk: who asks the migrator is answered here.

Threads of the message bus come with questions and requests. A question is
answered from the picture of the last tick, which never changes. A request
lies in a queue until the next tick takes it: all that it does is done by the
one thread that does everything, and that thread waits for nobody here.
"""

import collections
import dataclasses
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from oslo_log import log

from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import RequestRefused, StealError
from steal_scheduler.migrator import asks, looks, settings
from steal_scheduler.migrator.proposals import Proposals
from steal_scheduler.migrator.rate import Rate
from steal_scheduler.migrator.request import Request
from steal_scheduler.migrator.work import Work
from steal_scheduler.model.asked import NOTHING_ASKED, Asked
from steal_scheduler.model.move import Ended, Move
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.moves.effects import Effects
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.picture import Picture
from steal_scheduler.reporting.server_documents import PROJECT

LOG = log.getLogger(__name__)

#: Requests that wait at most, and that one tick takes: each may make some
#: calls of Nova, and moves under way go on after them.
MOST_WAITING, MOST_AT_ONCE = 100, 10
#: Seconds that somebody waits for what is asked for.
PATIENCE = 30.0
#: Answers kept until the next tick.
_MOST_KEPT = 16

_BEGINS = 'The migrator has just begun to lead: ask again in a minute.'


class _Shown(NamedTuple):
    picture: Picture
    #: What was worked out of it already, by what was asked.
    kept: dict[tuple[str, str], dict[str, Any]]


class Desk:
    """Between the threads of the message bus and that of the tick."""

    def __init__(
        self, conf: Any, nova: NovaClient, effects: Effects, journal: Journal
    ) -> None:
        self._conf = conf
        self._audit, self._past = journal.audit, journal.past
        self._nova = nova
        self._effects = effects
        #: Of the last tick of this leadership; None before it.
        self._shown: _Shown | None = None
        self._waiting = collections.deque[Request]()
        #: Those that the present tick has taken.
        self._taken: list[Request] = []
        #: There is something for a tick to do.
        self._bell = threading.Event()
        #: One looks at a time: however many do, a tick is slowed down by one.
        self._turn = threading.Lock()
        self._rate, self._counting = Rate(), threading.Lock()

    # -- threads of the message bus ----------------------------------------

    def answer(
        self, method: str, args: Mapping[str, Any], who: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Answer a question, or wait until what is asked for is done.

        :param who: asks; see ``LeaderClient.call``. With a ``scope`` it is
            told of the servers of that project alone.
        :raises RequestRefused: it is not answered, or not done
        """
        request = Request(method, args, who)
        shown = self._shown
        if shown is None:
            raise RequestRefused('busy', _BEGINS)
        if method == 'settings':
            looks.check_all(request)
            return settings.settings(self._conf)
        if method in looks.LOOKS:
            return self._look(request, shown)
        if method not in asks.ASKS:
            raise RequestRefused(
                'invalid', f'Nothing is called {one_line(method, 80)!r}.'
            )
        # It is not audited: a member could fill the disk with it.
        self._check_rate(request)
        try:
            answer = self._ask(request)
        except RequestRefused as no:
            told = {'reason': no.reason, 'text': str(no)}
            self._audit.asked(who, method, args, told)
            raise
        self._audit.asked(who, method, args)
        return answer

    def _check_rate(self, request: Request) -> None:
        """Let no project keep the leader ticking, and writing to Nova."""
        if request.project is None:
            return
        with self._counting:
            allowed = self._rate.allows(request.project, time.monotonic())
        if not allowed:
            raise RequestRefused(
                'busy',
                'This project asks too often: try again in some seconds.',
            )

    def _ask(self, request: Request) -> dict[str, Any]:
        """Have a tick do it."""
        if not asks.ASKS[request.method].of_projects:
            looks.check_all(request)
        if len(self._waiting) >= MOST_WAITING:
            raise RequestRefused(
                'busy', f'{MOST_WAITING} requests wait already: ask again.'
            )
        self._waiting.append(request)
        self._bell.set()
        return request.wait(PATIENCE)

    def _look(self, request: Request, shown: _Shown) -> dict[str, Any]:
        looks.check(request)
        args = {**request.args, PROJECT: request.project}
        key = request.method, json.dumps(args, sort_keys=True)
        with self._turn:
            found = shown.kept.get(key)
            if found is None:
                found = looks.LOOKS[request.method].look(shown.picture, args)
                # Projects leave half of them to operators.
                most = _MOST_KEPT // (1 if request.project is None else 2)
                if len(shown.kept) < most:
                    shown.kept[key] = found
        return found

    # -- the tick ----------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Requests that no tick has taken yet."""
        return len(self._waiting)

    def wait(self, seconds: float) -> None:
        """Wait for somebody who asks for something, or wants it to end."""
        self._bell.wait(seconds)
        # NOTE: whatever has come until now is taken by the tick that follows.
        self._bell.clear()

    def wake(self) -> None:
        """Let nothing wait any longer."""
        self._bell.set()

    def take(
        self, now: float, moves: dict[str, Move], proposals: Proposals
    ) -> Asked:
        """Do what was asked for, and say what is to be decided on.

        :param moves: in flight, by server id; marked where one is cancelled
        :param proposals: those that are answered
        """
        shown = self._shown
        if not self._waiting or shown is None:
            return NOTHING_ASKED
        work = Work(
            now, self._nova, self._effects, moves, proposals, shown.picture
        )
        for _ in range(min(len(self._waiting), MOST_AT_ONCE)):
            request = self._waiting.popleft()
            if request.given_up:
                continue
            try:
                asks.ASKS[request.method].begin(request, work)
            except RequestRefused as no:
                request.refuse(no.reason, str(no))
            except StealError as error:
                request.refuse('failed', _failure(request, error))
            else:
                self._taken.append(request)
        if self._waiting:
            self._bell.set()
        return Asked(work.servers, work.hosts)

    def show(
        self,
        snapshot: Snapshot,
        decision: Decision,
        not_sent: Sequence[Refusal],
        ended: Mapping[str, Ended],
    ) -> None:
        """Let everybody see this tick, and who asked what came of it.

        :param ended: how the last move of each server ended
        """
        snapshot = dataclasses.replace(
            snapshot, moves={**snapshot.moves}, ended={**ended}
        )
        number = self._effects.signer.number()
        picture = Picture(
            socket.gethostname(),
            number,
            snapshot,
            decision,
            not_sent,
            self._past.read(),
        )
        self._shown = _Shown(picture, {})
        for request in self._taken:
            try:
                request.answer(asks.ASKS[request.method].end(request, picture))
            except RequestRefused as no:
                request.refuse(no.reason, str(no))
        self._taken = []

    def end_of_tick(self) -> None:
        """Nobody waits for a tick that failed."""
        for request in self._taken:
            request.refuse(
                'failed',
                'The step of the migrator failed, see its log; what was asked '
                'for may have been done.',
            )
        self._taken = []

    def forget(self) -> None:
        """This migrator leads no more, and knows nothing."""
        self._shown = None
        while self._waiting:
            self._waiting.popleft().refuse(
                'not_leader', 'This migrator leads no more.'
            )
        self.end_of_tick()


def _failure(request: Request, error: StealError) -> str:
    """What went wrong; a project is told of no address and no host."""
    if request.project is None:
        return str(error)
    LOG.warning(
        'Request %s of %s failed: %s', request.method, request.by, error
    )
    return (
        'It failed, and the log of the migrator that leads says why: ask who '
        'operates the cloud.'
    )
