"""Nova as it stands in a run: migrations that go on as time passes.

What it does else is ``fakes.FakeNova``'s, which ``tests/contract`` holds to
what a real Nova does.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from steal_scheduler.model.cloud import Server
from steal_scheduler.model.host_view import View
from steal_scheduler.model.progress import Copied
from tests.unit import fakes

#: What a status is followed by, where nothing goes wrong.
_NEXT = {
    'accepted': 'preparing',
    'preparing': 'running',
    'running': 'completed',
}
#: MiB that are copied in ``pace``; more takes so much longer.
_PACED = 16384
#: Who asks for migrations by ``live_migrate``.
US = 'us'
BEGUN, RESUMED, ASKED = 'begun', 'resumed', 'asked'


class Nova(fakes.FakeNova):
    def __init__(
        self, call: Callable[[Callable[[], Any], str], Any], *servers: Server
    ) -> None:
        """Begin with these servers on the hosts a to d.

        :param call: makes each call, which is told what it does, and what
            that changes in words, '' where it only asks
        """
        super().__init__(*servers, hosts='abcd')
        self._call = call
        #: When what has no record yet was accepted, and of whom.
        self.waiting: dict[str, tuple[float, str]] = {}
        #: Records appear when they are due, see ``go_on``.
        self.slow = True
        #: Seconds until what was accepted has a record.
        self.delay = 0.0
        #: Seconds until a target is chosen.
        self.choosing = 20.0
        #: Seconds that a migration stays in each status after that.
        self.pace = 20.0
        #: What is accepted is lost: it gets no record, unless a person ends
        #: it.
        self.loses = False
        self.lost: set[str] = set()
        #: The status in which a migration ends; '' for never.
        self.end = 'completed'
        #: Operators look after what they began: theirs come to an end.
        self.others_end = False
        #: What nova-scheduler was told last.
        self.view: View | None = None
        #: What was done of weight, in order: BEGUN (the first tag of a move
        #: was written), RESUMED (by a process that found a tag there) or
        #: ASKED (a live migration of ours was accepted), the server's id and
        #: when.
        self.log: list[tuple[str, str, float]] = []
        #: Servers whose tags a tenant has removed since we wrote one.
        self.untagged: set[str] = set()
        #: Migrations that were copied while none came to an end.
        self.endless: set[int] = set()
        #: Servers whose migration was to be aborted, and seconds after which;
        #: inf where it did not get on.
        self.aborted: list[tuple[str, float]] = []
        #: Every tag that was written, and at which server.
        self.written: set[tuple[str, str]] = set()
        #: Servers without a tag of ours that were found drained: they are
        #: only led back.
        self.orphans: set[str] = set()
        #: Servers that whoever leads now was told of.
        self.told: set[str] = set()

    # -- time --------------------------------------------------------------

    def go_on(self) -> None:
        """Do what is due by now."""
        for server_id, (at, user) in list(self.waiting.items()):
            if self.now >= at + self.delay and server_id not in self.lost:
                del self.waiting[server_id]
                self.unrecorded = [server_id]
                self.record()
                number = max(self.records)
                self.records[number] = dataclasses.replace(
                    self.records[number], user_id=user
                )
        for found in list(self.records.values()):
            status = _NEXT.get(found.status, '')
            pace = self.pace
            if status == 'completed':
                status, pace = self.end, self._copy_seconds(found.server_id)
                if self.others_end and found.user_id != US:
                    status = status or 'completed'
            elif status == 'preparing':
                pace = self.choosing
            if found.status == 'running' and not status:
                self.endless.add(found.migration_id)
            if status and self.now >= found.updated_at + pace:
                self.proceed(status, found.server_id)

    def _size(self, server_id: str) -> float:
        """MiB that a migration of it copies."""
        server = self.servers.get(server_id)
        return server.ram_mb + server.disk_gb * 1024 if server else _PACED

    def _copy_seconds(self, server_id: str) -> float:
        return self.pace * max(1.0, self._size(server_id) / _PACED)

    def proceed(self, status: str, server_id: str = 's') -> None:
        found = self.going_on(server_id)
        if found is None:
            return
        if found.target is None and status not in ('error', 'cancelled'):
            self.records[found.migration_id] = dataclasses.replace(
                found, target=self._choose(found.source)
            )
        super().proceed(status, server_id)

    def _choose(self, source: str) -> str:
        """The host that the view ranks first."""
        told = self.view.hosts if self.view else {}
        return min(
            (told[host.name].tier if host.name in told else 1, host.name)
            for host in self._hosts
            if host.name != source
        )[1]

    # -- what others see and do --------------------------------------------

    def change(self, server_id: str, **values: Any) -> None:
        if 'status' in values:
            # Whatever happens to it, its ERROR is not ours to end any more.
            self.cancelled.pop(server_id, None)
        super().change(server_id, **values)

    def may_migrate(self, server_id: str) -> bool:
        """Whether we asked for a live migration that has not ended."""
        if server_id in self.waiting:
            return self.waiting[server_id][1] == US
        found = self.going_on(server_id)
        return found is not None and found.user_id == US

    def ask(self, server_id: str, user: str) -> None:
        """Take a request for a live migration, if it can be."""
        super().live_migrate(server_id)
        self.unrecorded = []
        self.waiting[server_id] = (self.now, user)
        if self.loses:
            self.lost.add(server_id)
        if user == US:
            self.log.append((ASKED, server_id, self.now))
        if not self.delay:
            self.go_on()

    def reset(self, server_id: str) -> None:
        """A person ends what was lost, as the alarm says."""
        if server_id in self.lost:
            self.lost.discard(server_id)
            self.waiting.pop(server_id, None)
            self._rest(server_id)

    def delete(self, server_id: str) -> None:
        if server_id in self.servers:
            self.lost.discard(server_id)
            self.waiting.pop(server_id, None)
            self.proceed('error', server_id)
            super().delete(server_id)

    # -- what the migrator reads -------------------------------------------

    def page(self, marker: str | None) -> list[Server]:
        return self._tell(super().page(marker))

    def changed(self, since: float) -> list[Server]:
        return self._tell(super().changed(since))

    def server(self, server_id: str) -> Server:
        [found] = self._tell([super().server(server_id)])
        return found

    def _tell(self, found: list[Server]) -> list[Server]:
        self.told |= {s.server_id for s in found if s.status != 'UNKNOWN'}
        return found

    def copied(self, server_id: str) -> Copied | None:
        """Where it does not end, the whole is written again all the time."""
        self._read('copied')
        found, size = self.going_on(server_id), self._size(server_id)
        if found is None or found.status != 'running':
            return None
        seconds = self.now - found.updated_at
        done = size * seconds / self._copy_seconds(server_id)
        left = size - done if self.end else size - done % size
        return Copied(done, max(left, 0.0))

    # -- what the migrator does --------------------------------------------

    def add_tag(self, server_id: str, tag: str) -> None:
        def add() -> None:
            new = (server_id, tag) not in self.written
            known = self.servers.get(server_id)
            tagged = known and any(t.startswith('steal:') for t in known.tags)
            super(Nova, self).add_tag(server_id, tag)
            self.written.add((server_id, tag))
            self.untagged.discard(server_id)
            if new and tag.startswith('steal:request:') and not tagged:
                self.orphans.add(server_id)
            if new and tag.startswith('steal:drain:'):
                self.orphans.discard(server_id)
                kind = RESUMED if tagged else BEGUN
                self.log.append((kind, server_id, self.now))

        self._call(add, f'add tag {tag} to {server_id}')

    def remove_tag(self, server_id: str, tag: str) -> None:
        self._call(
            lambda: super(Nova, self).remove_tag(server_id, tag),
            f'remove tag {tag} from {server_id}',
        )

    def last_was_abort(self, server_id: str, since: float) -> bool:
        self._call(_nothing, '')
        return super().last_was_abort(server_id, since)

    def runs(self, server_id: str) -> bool:
        self._call(_nothing, '')
        return super().runs(server_id)

    def reset_state(self, server_id: str) -> None:
        self._call(
            lambda: super(Nova, self).reset_state(server_id),
            f'reset the state of {server_id}',
        )

    def live_migrate(self, server_id: str) -> None:
        self._call(
            lambda: self.ask(server_id, US), f'live-migrate {server_id}'
        )

    def abort(self, server_id: str, migration_id: int) -> None:
        found = self.records[migration_id]
        copied = found.status == 'running'
        # Which nobody should be out of service for any more.
        known = self.servers.get(server_id)
        undone = not known or any(
            tag.startswith('steal:undo') for tag in known.tags
        )
        gets_on = copied and migration_id not in self.endless and not undone
        seconds = self.now - found.created_at if gets_on else math.inf
        self.aborted.append((server_id, seconds))
        self._call(
            lambda: super(Nova, self).abort(server_id, migration_id),
            f'abort the migration of {server_id}',
        )

    def _read(self, name: str) -> None:
        super()._read(name)
        self._call(_nothing, '')

    #: Requests sent, which the metrics show.
    calls = 0


def _nothing() -> None:
    """A question changes nothing."""
