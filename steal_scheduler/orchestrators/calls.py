"""Calls of orchestrators, each in a thread of its own: nobody waits long."""

import concurrent.futures
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from oslo_log import log

from steal_scheduler.exception import OrchestratorError, StealError

LOG = log.getLogger(__name__)

Future = concurrent.futures.Future[Any]

#: Seconds for which all calls that one tick begins are waited for together:
#: most are done by then. The others are looked at in the next ticks, and who
#: took longer is not waited for again before he is quick once more.
PATIENCE = 1.0
#: Of the time that a call may take: then it hangs where no time limit of ours
#: reaches, in a look-up of a name or an exec plug-in of a kubeconfig.
HANGS = 3
#: Calls of one orchestrator that may hang at a time: each has a thread, which
#: nobody can end.
MOST_HUNG = 10


class Worker:
    """Makes the calls of one orchestrator, in order.

    NOTE: not a pool of ``concurrent.futures``, at whose end Python waits for
    its threads: a call that hangs must not hold up the end of this process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: queue.SimpleQueue[
            tuple[Future, Callable[[], Any]] | None
        ] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        #: Seconds that its last call took, and when the present one began.
        self.took = 0.0
        self.began: float | None = None

    def submit(self, call: Callable[[], Any]) -> Future:
        """Make the call when those before it are done.

        :param call: raises StealError, if anything
        :returns: what it returns or raises, later
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, name=self._name, daemon=True
            )
            self._thread.start()
        future: Future = concurrent.futures.Future()
        self._calls.put((future, call))
        return future

    def retire(self) -> None:
        """End its thread after the calls that it has."""
        self._calls.put(None)

    @property
    def is_dead(self) -> bool:
        """Its thread has ended: by a call that exits, or is cancelled."""
        return self._thread is not None and not self._thread.is_alive()

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            future, call = asked
            if future.set_running_or_notify_cancel():
                self.began = begun = time.monotonic()
                try:
                    try:
                        said = call()
                    finally:
                        self.took = time.monotonic() - begun
                        self.began = None
                    future.set_result(said)
                # It is raised where the result is asked for.
                except StealError as error:
                    future.set_exception(error)


class Calls:
    """What was asked and is not told yet.

    For example a drain takes 20 s: the ticks in which it is asked for once
    more hear nothing, and the first tick after it hears what it came to. The
    reattach that is asked for meanwhile is made after it.
    """

    def __init__(
        self, seconds: Mapping[str, float], worker: type[Worker]
    ) -> None:
        """Take what there is.

        :param seconds: that a call may take, by the name of whom is asked
        """
        self._seconds = seconds
        self._worker = worker
        self._workers = {name: worker(name) for name in seconds}
        #: By name, those whose call hung when it was waited for no longer;
        #: and who is not asked because of them, as said.
        self._hung: dict[str, list[Worker]] = {name: [] for name in seconds}
        self._closed: set[str] = set()
        #: By what it is about, then by verb, orchestrator and node.
        self._pending: dict[str, dict[tuple[str, ...], Future]] = {}
        self._patience = PATIENCE

    def new_tick(self) -> None:
        """From now on calls are waited for again, for a moment."""
        self._patience = PATIENCE

    def drop(self, about: str, but: str = '') -> None:
        """What these calls come to is of no interest any more.

        :param but: the verb of those that are
        """
        pending = self._pending.get(about, {})
        for key in [key for key in pending if key[0] != but]:
            pending.pop(key).cancel()

    def forget(self) -> None:
        """Drop all of them."""
        for about in self._pending:
            self.drop(about)
        self._pending.clear()

    def finish(self) -> None:
        """Begin no more, and wait for those under way as long as one may take.

        A script must not be left behind by a process that ends. Nothing can be
        asked any more.
        """
        self.forget()
        last = [
            worker.submit(lambda: None)
            for worker in self._workers.values()
            if worker.began is not None
        ]
        for worker in self._workers.values():
            worker.retire()
        concurrent.futures.wait(last, max(self._seconds.values(), default=0))

    def under_way(self, about: str) -> bool:
        """Something was asked about it, and is not told yet."""
        return bool(self._pending.get(about))

    def told(
        self, about: str, key: tuple[str, ...], call: Callable[[], Any]
    ) -> Any:
        """What a call has come to; None while it is not done.

        :param key: of the call; the name of whom is asked is its second part
        :raises OrchestratorError: what was asked there before has hung for
            long, and from now on somebody else asks; or too many hang
        """
        if key not in self._pending.get(about, {}):
            self._check_hung(key[1])
        pending = self._pending.setdefault(about, {})
        future = pending.get(key)
        if future is None:
            worker = self._workers[key[1]]
            future = pending[key] = worker.submit(call)
            if worker.took < PATIENCE:
                begun = time.monotonic()
                concurrent.futures.wait([future], self._patience)
                waited = time.monotonic() - begun
                self._patience = max(self._patience - waited, 0.0)
        if not future.done():
            self._replace_if_it_hangs(key[1])
            return None
        del pending[key]
        if not pending:
            del self._pending[about]
        return future.result()

    def _replace_if_it_hangs(self, name: str) -> None:
        """Or its servers would wait for ever.

        NOTE: what hangs may be done after all. Of those that can hang here
        each keeps a list of whom it has drained, so that this is found.
        """
        worker, most = self._workers[name], HANGS * self._seconds[name]
        began = worker.began
        why = f'hung for {most:.0f} s, and is waited for no longer'
        if worker.is_dead:
            why = 'ended its thread'
        elif began is None or time.monotonic() - began <= most:
            return
        worker.retire()
        self._hung[name].append(worker)
        self._workers[name] = self._worker(name)
        for pending in self._pending.values():
            for key in [key for key in pending if key[1] == name]:
                pending.pop(key).cancel()
        raise OrchestratorError(f'{name}: a call has {why}')

    def _check_hung(self, name: str) -> None:
        """Say once that it is not asked now, and once that it is again.

        :raises OrchestratorError: too many of its calls hang
        """
        hung = [worker for worker in self._hung[name] if not worker.is_dead]
        self._hung[name] = hung
        if len(hung) < MOST_HUNG:
            if name in self._closed:
                self._closed.discard(name)
                LOG.info('Orchestrator %s is asked again: a call ended.', name)
            return
        if name not in self._closed:
            self._closed.add(name)
            LOG.error(
                'Orchestrator %s is asked no more until one of its calls '
                'ends: %d hang where no time limit reaches them, in a look-up '
                'of a name or a program that a kubeconfig runs, perhaps. '
                'Repair that; if none of them ends then, restart '
                'steal-migrator.',
                name,
                len(hung),
            )
        raise OrchestratorError(
            f'{name}: {len(hung)} calls hang, and no other is made until one '
            'of them ends'
        )
