"""Acknowledgements: nova-scheduler tells the migrator which view it took.

That a view was sent says nothing of who is there to take it: a broker takes
a fanout cast that nobody listens for, too.
"""

import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import oslo_messaging
from oslo_log import log

from steal_scheduler.edge.sense import NONSENSE
from steal_scheduler.edge.text import one_line
from steal_scheduler.messaging import view
from steal_scheduler.model.move import CLOCK_SKEW
from steal_scheduler.model.scheduler import CLASSES, Scheduler

LOG = log.getLogger(__name__)

TOPIC = 'steal_scheduler_acknowledgement'
#: Raised with every change that an older migrator would misread.
VERSION = 1
#: Workers that are remembered at most: a cloud has a few controllers, and
#: whoever may write to the message bus can invent any number.
MOST_WORKERS = 2000
#: Characters of a host's name, as in Nova's database.
LONGEST_NAME = 255
#: Seconds after which a host is forgotten.
FORGET = 3600.0
#: Seconds, and polls of the migrator, within which one is recent. It takes
#: the longer of both.
RECENT, RECENT_POLLS = 300.0, 3
#: Seconds by which a worker that runs is never behind others of its host: all
#: of them take each view when it comes.
GONE = 30.0
#: Between attempts to start the RPC server, and to end it.
_RETRY_SECONDS = 10.0
_STOP_SECONDS = 5.0


def target(server: str | None = None) -> oslo_messaging.Target:
    """As ``view.target``, for the way back.

    A fanout, too: a migrator on standby hears what the leader hears, and no
    message waits in the broker for a migrator that does not run.
    """
    return view.target(server, TOPIC)


def encode(worker: Scheduler) -> dict[str, Any]:
    """What nova-scheduler says.

    A migrator of before there were rankings leaves out what it does not know.
    """
    return {
        'version': VERSION,
        'host': worker.host,
        'taken_at': worker.taken_at,
        'classes': list(worker.classes),
        'max_placement_results': worker.max_placement_results,
        'worker': worker.worker,
        'ranked_at': worker.ranked_at,
    }


def decode(message: Any, now: float) -> Scheduler | None:
    """Read it; None where it is none, or of a view that cannot be.

    It comes from the message bus, where others write as well: nothing is
    raised, and nothing is kept that could fill a log or a terminal.
    """
    try:
        host, classes = message['host'], frozenset(message['classes'])
        ranked_at = message.get('ranked_at')
        found = Scheduler(
            host=one_line(host, LONGEST_NAME),
            taken_at=float(message['taken_at']),
            classes=tuple(c for c in CLASSES if c in classes),
            max_placement_results=int(message['max_placement_results']),
            heard_at=now,
            worker=int(message.get('worker', 0)),
            ranked_at=None if ranked_at is None else float(ranked_at),
        )
        version = message['version']
    except NONSENSE:
        return None
    return (
        found
        if version == VERSION
        and isinstance(host, str)
        and found.host
        and (
            found.taken_at == 0
            or now - FORGET <= found.taken_at <= now + CLOCK_SKEW
        )
        and 0 <= found.max_placement_results < 2**31
        and 0 <= found.worker < 2**31
        and (found.ranked_at is None or found.ranked_at <= now + CLOCK_SKEW)
        else None
    )


def is_newer(message: Any) -> bool:
    """Whether a later version of us wrote it, for all that it says."""
    version = message.get('version') if isinstance(message, dict) else None
    return isinstance(version, int) and version > VERSION


class Endpoint:
    """All that can be called over RPC: every public method can."""

    target = target()

    def __init__(self, accept: Callable[[Any], None]) -> None:
        self._accept = accept

    def acknowledge(self, ctxt: Any, acknowledgement: Any) -> None:
        """Take what a nova-scheduler sends; see ``encode``."""
        self._accept(acknowledgement)


class Receiver:
    """Hears every nova-scheduler, in threads of its own.

    One thread writes, the tick reads: one attribute, never a lock. So a
    broker that is down holds nobody.
    """

    def __init__(
        self, conf: Any, wall: Callable[[], float] = time.time
    ) -> None:
        """Use ``[DEFAULT] transport_url``; ``start`` connects."""
        self._bus = view.transport(oslo_messaging.get_rpc_transport, conf)
        polls: float = RECENT_POLLS * conf.migrator.poll_interval
        self._recent = max(RECENT, polls)
        self._wall = wall
        #: By host and process id.
        self._heard: Mapping[tuple[str, int], Scheduler] = {}
        #: That one is of a newer version was said: whoever may write to the
        #: message bus could have it said for ever.
        self._said = False
        self._stopping = threading.Event()
        # Starting an RPC server is broker I/O and can take for ever.
        self._thread = threading.Thread(
            target=self._run, name='acknowledgements', daemon=True
        )

    def start(self) -> None:
        """Begin to listen; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Cease to listen, if the broker lets us within some seconds."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def heard(self, now: float) -> Mapping[str, Scheduler]:
        """By host, what each said last within the last hour.

        Its rankings are those of the worker that is furthest behind, of those
        that are still there.
        """
        by_host: dict[str, list[Scheduler]] = {}
        for each in self._remembered(now).values():
            by_host.setdefault(each.host, []).append(each)
        return {
            host: self._together(workers, now)
            for host, workers in by_host.items()
        }

    def _together(self, workers: Sequence[Scheduler], now: float) -> Scheduler:
        last = max(workers, key=lambda each: each.heard_at)
        ranked = [
            each.ranked_at
            for each in workers
            if each.ranked_at is not None
            and last.heard_at - each.heard_at <= GONE
        ]
        return dataclasses.replace(
            last,
            recent=now - last.heard_at <= self._recent,
            worker=0,
            ranked_at=min(ranked, default=None),
        )

    def accept(self, message: Any) -> None:
        """Take what came in; nonsense is ignored, as nobody waits for us.

        So is who has taken no view, and only answers ``messaging.probe``.
        """
        now = self._wall()
        found = decode(message, now)
        if found is None and is_newer(message) and not self._said:
            self._said = True
            LOG.warning(
                'The nova-scheduler of host %s acknowledges views as a newer '
                'steal-scheduler does, so that this migrator cannot tell who '
                'takes them: upgrade it as well.',
                one_line(message.get('host'), LONGEST_NAME),
            )
        if found is None or not found.taken_at:
            LOG.debug('Acknowledgement ignored: %s', one_line(message))
            return
        kept = self._remembered(now)
        worker = found.host, found.worker
        if worker in kept or len(kept) < MOST_WORKERS:
            kept[worker] = found
        self._heard = kept

    def _remembered(self, now: float) -> dict[tuple[str, int], Scheduler]:
        oldest = now - max(FORGET, self._recent)
        return {w: s for w, s in self._heard.items() if s.heard_at > oldest}

    def _run(self) -> None:
        level = log.WARNING
        while not self._stopping.is_set():
            server = oslo_messaging.get_rpc_server(
                self._bus,
                target(socket.gethostname()),
                [Endpoint(self.accept)],
                executor='threading',
            )
            try:
                # One thread: the last word of a host is what counts.
                server.start(override_pool_size=1)
            except view.failures() as error:
                LOG.log(level, 'Acknowledgements not heard yet: %s', error)
                level = log.DEBUG
                self._stopping.wait(_RETRY_SECONDS)
            else:
                # When the broker goes and comes, so does the server.
                self._stopping.wait()
                server.stop()
                server.wait()
