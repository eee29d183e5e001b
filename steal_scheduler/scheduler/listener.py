"""Listens for views, in each nova-scheduler worker.

NOTE: Nova builds filters and weighers in the parent, before it forks its
workers. Threads and connections do not survive that, so nothing is started
where they are built, and what runs belongs to one process id.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import nova.conf
import oslo_messaging
from nova import rpc, utils

from steal_scheduler.messaging import acknowledgement, view_format
from steal_scheduler.messaging.view import target
from steal_scheduler.model.scheduler import Scheduler
from steal_scheduler.scheduler import guard, settings
from steal_scheduler.scheduler.view_cache import RankedView, ViewCache

LOG = logging.getLogger(__name__)

#: Seconds between attempts to start the RPC server, at first and at most.
RETRY_FIRST, RETRY_MOST = 1.0, 60.0
#: For the thread to leave what it is doing with the broker.
STOP_SECONDS = 10.0

_listeners: dict[int, 'Listener'] = {}


class Endpoint:
    """All that can be called over RPC: every public method can."""

    target = target()

    def __init__(self, accept: Callable[[Any], None]) -> None:
        self._accept = accept

    def view(self, ctxt: Any, view: Any) -> None:
        """Take what the migrator sends; see ``view_format``."""
        self._accept(view)


class Listener:
    """An RPC server for views, on Nova's own transport."""

    def __init__(self, cache: ViewCache) -> None:
        self.cache = cache
        self._stopping = threading.Event()
        #: Something has come in, or it is over.
        self._woken = threading.Event()
        self._acknowledged: RankedView | None = None
        #: Somebody wants to know who takes views.
        self._asked = False
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self, delay: float = 0.0) -> None:
        """Return at once; a daemon thread does the rest.

        Starting an RPC server is broker I/O and can take for ever.

        :param delay: seconds until the broker is asked
        """
        self._thread = threading.Thread(
            target=self._run,
            args=(delay,),
            name='steal-scheduler-listener',
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stopping.set()
        self._woken.set()
        if self._thread:
            self._thread.join(STOP_SECONDS)
        if self._server:
            self._server.stop()
            self._server.wait()

    def _run(self, pause: float) -> None:
        while not self._stopping.wait(pause) and not self._serve():
            self.cache.watch()
            pause = min(max(2 * pause, RETRY_FIRST), RETRY_MOST)
        # From here on the server comes back by itself when the broker does.
        while not self._stopping.is_set():
            if self._woken.wait(self.cache.watch()):
                self._woken.clear()
                if not self._stopping.is_set():
                    self._acknowledge()

    def _accept(self, message: Any) -> None:
        if message == view_format.QUESTION:
            self._asked = True
        else:
            self.cache.accept(message)
        self._woken.set()

    @guard.fail_open('Acknowledging a view', lambda self: None)
    def _acknowledge(self) -> None:
        """Tell the migrator which view was taken, and by whom; or who asks.

        In the thread that waits, and so in the way of no request and of no
        view. One try, for one that is late says less than the next one.
        """
        newest, asked = self.cache.latest(), self._asked
        self._asked = False
        if not asked and (newest is None or newest is self._acknowledged):
            return
        self._acknowledged = newest
        conf = nova.conf.CONF
        client = oslo_messaging.get_rpc_client(
            rpc.TRANSPORT, acknowledgement.target(), retry=1
        )
        client.cast(
            {},
            'acknowledge',
            acknowledgement=acknowledgement.encode(
                Scheduler(
                    conf.host,
                    newest.view.taken_at if newest else 0.0,
                    tuple(settings.enabled()),
                    conf.scheduler.max_placement_results,
                    worker=os.getpid(),
                    ranked_at=(newest and newest.view.rankings.at) or None,
                )
            ),
        )

    @guard.fail_open('Listening for views', lambda self: False)
    def _serve(self) -> bool:
        # Nova's own helper: it knows how the threads of this release run.
        server = rpc.get_server(
            target(nova.conf.CONF.host), [Endpoint(self._accept)]
        )
        # One thread: views are taken in the order in which they came.
        server.start(override_pool_size=1)
        self._server = server
        return True


def cache() -> ViewCache:
    """What this process knows from the migrator.

    The first call in a process starts to listen. Never waits.
    """
    return (_listeners.get(os.getpid()) or _start(0.0)).cache


def latest() -> RankedView | None:
    """The newest view; None where there is none, or only an old one."""
    return cache().latest()


def stop() -> None:
    """Stop listening and forget the view, as if the worker had restarted.

    For a Nova that shares its process with others; a worker just ends.
    """
    while _listeners:
        _, listener = _listeners.popitem()
        listener.stop()


def begin(text: str) -> settings.Settings:
    """What each class of ours does where Nova builds it.

    :param text: for the log, with the settings as ``{0}``, for example
        'strict_moves is {0.strict_moves}'
    """
    found = settings.load()
    settings.log_once(logging.INFO, text.format(found))
    prepare()
    return found


@functools.cache
def prepare() -> None:
    """Have every worker that is forked from here listen from its start.

    Otherwise a worker would begin with its first request, and place that
    one blindly. With a few moves a day and dozens of workers, most moves
    would be the first of some worker.
    """
    # NOTE: under eventlet a forked worker gets a new event loop and loses
    # what was started before it. There the first request has to do.
    if utils.concurrency_mode_threading():
        # Delayed: a fork that is no worker ends before it asks for anything.
        start = functools.partial(_start, RETRY_FIRST)
        os.register_at_fork(after_in_child=start)


def _start(delay: float) -> Listener:
    listener = Listener(ViewCache(settings.load().view_max_age))
    # Two first requests may come at once: this is atomic and none waits.
    kept = _listeners.setdefault(os.getpid(), listener)
    if kept is listener:
        listener.start(delay)
    return kept
