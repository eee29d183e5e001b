"""What --wait does: look again and again, and tell each change."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from steal_scheduler.osc.client import Client, NoMigratorLeads, NotFound, path
from steal_scheduler.osc.columns import line

#: Seconds between two looks. The migrator steps every few seconds.
INTERVAL = 2.0
#: Seconds after which a server is not expected to be seen moving any more.
_GRACE = 90.0
#: How the last move had ended of which nobody asked before.
UNKNOWN: Mapping[str, Any] = {}
#: Outcomes of moves that arrived; whether it helped is another question.
ARRIVED = ('arrived', 'helped', 'not_helped', 'unmeasured')

#: Says something to whoever waits.
Tell = Callable[[str], None]
#: What is so now, in a line; and whether that is the end.
Look = Callable[[], tuple[str, bool]]


def wait(look: Look, tell: Tell, patience: float) -> bool:
    """Look until it is the end; False after these seconds without it.

    That no migrator leads is told, and waited for: another one takes over.
    """
    until = time.monotonic() + patience
    last, pause = '', threading.Event()
    while True:
        try:
            said, over = look()
        except NoMigratorLeads as error:
            said, over = str(error), False
        if said != last:
            tell(said)
            last = said
        left = until - time.monotonic()
        if over or left <= 0:
            return over
        pause.wait(min(INTERVAL, left))


class Following:
    """Follows moves to their ends.

    :param before: by server id, its last move as it had ended when the new
        one was asked for; None of a server that had none
    """

    def __init__(
        self, client: Client, before: Mapping[str, Mapping[str, Any] | None]
    ) -> None:
        self._client = client
        self._before = before
        #: When each was last seen moving, or began to be followed.
        self._seen = dict.fromkeys(before, time.monotonic())
        self._moved: set[str] = set()
        #: By server id, what a person calls it.
        self._names: dict[str, str] = {}
        #: By server id, how the move ended, once it has.
        self.outcomes: dict[str, str] = {}
        #: By server id, the whole of that, where it is known.
        self.ended: dict[str, Mapping[str, Any]] = {}

    @property
    def arrived(self) -> bool:
        """Whether all did."""
        return self.outcomes.keys() == self._before.keys() and all(
            outcome in ARRIVED for outcome in self.outcomes.values()
        )

    def look(self) -> tuple[str, bool]:
        """How far they are, in one line; and whether all have ended."""
        said = [self._one(server_id) for server_id in self._before]
        return '; '.join(said), self.outcomes.keys() == self._before.keys()

    def _one(self, server_id: str) -> str:
        if server_id in self.outcomes:
            return self._over(server_id, self.outcomes[server_id])
        try:
            server = self._client.get(path('servers', server_id))
        except NotFound:
            return self._over(server_id, 'gone')
        name = line(f'{server.get("name")} ({server_id})')
        self._names[server_id] = name
        move, last = server.get('move'), server.get('last')
        if isinstance(move, dict):
            self._moved.add(server_id)
            self._seen[server_id] = time.monotonic()
            return f'{name}: {_stage(move)}'
        before = self._before[server_id]
        # An end that nobody has seen before is the one that is waited for.
        sure = server_id in self._moved or before is not UNKNOWN
        if sure and isinstance(last, dict) and last != before:
            self.ended[server_id] = last
            return self._over(server_id, line(last.get('outcome')))
        if time.monotonic() - self._seen[server_id] > _GRACE:
            return self._over(server_id, 'unknown')
        return f'{name}: not seen moving'

    def _over(self, server_id: str, outcome: str) -> str:
        self.outcomes[server_id] = outcome
        return f'{self._names.get(server_id, server_id)}: {outcome}'


def _stage(move: Mapping[str, Any]) -> str:
    """Of a move: 'migrate from tokyo1 to tokyo2, waits: queue'."""
    said = str(move.get('stage'))
    for word, key in (('from', 'source'), ('to', 'target')):
        if move.get(key):
            said += f' {word} {move[key]}'
    for key in ('waits', 'trouble'):
        if move.get(key):
            said += f', {key}: {move[key]}'
    return line(said)


def lasts(
    client: Client, server_ids: Iterable[str]
) -> dict[str, Mapping[str, Any] | None]:
    """How the last move of each has ended, before a new one is asked for."""
    return {
        server_id: client.get(path('servers', server_id)).get('last')
        for server_id in server_ids
    }
