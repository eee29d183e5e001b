"""Leadership: of all migrators one leads, the one whose lease goes on.

The lease is ours, not the store's: it counts for some seconds from the moment
at which the store was last *asked* and said that the lock is held, by a clock
that goes on while this process stands still. For example with ``lease`` = 90
a migrator asks at 0, at 15 and at 30, and is stopped at 31. Continued at
200, it finds that its lease ended at 111, whatever the store says, and does
nothing more; another one may lead since 120.

Fails closed: without a lease nothing moves.
"""

import time
from collections.abc import Mapping
from threading import Event, Lock, Thread
from typing import Any

from oslo_log import log

from steal_scheduler.exception import ConfigError, LockLost
from steal_scheduler.migrator import lock_store
from steal_scheduler.migrator.store_errors import StoreError

LOG = log.getLogger(__name__)

#: Of the lease, what is used: clocks of two controllers do not run at one
#: pace, and what was checked does not happen in the same instant.
USED = 0.9
#: The store is asked so many times in each lease.
BEATS = 6


def _now() -> float:
    """Seconds since boot, also those in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Leader:
    """Holds the lock of ``lock_url``, or stands by."""

    def __init__(self, conf: Any, calls: Mapping[str, float]) -> None:
        """Take the options.

        :param calls: seconds that a side effect may take, by the option that
            says so
        :raises ConfigError: ``lease`` is too short for one of them
        """
        self._url: str = conf.migrator.lock_url
        self._seconds = float(conf.migrator.lease)
        #: Seconds between two renewals.
        self._pause = self._seconds / BEATS
        option, longest = max(
            calls.items(), key=lambda call: call[1], default=('', 0.0)
        )
        if longest >= USED * self._seconds - self._pause:
            enough = longest / (USED - 1 / BEATS)
            raise ConfigError(
                f'[migrator] lease = {self._seconds:g} is too short: by '
                f'{option} a call may take {longest:g} seconds. Give lease '
                f'more than {enough:.0f} (unit: seconds), or reduce {option}.'
            )
        #: How long a call may last that the leader before began in time.
        self._longest = longest
        self._store: lock_store.LockStore | None = None
        #: Renews the lease, and gives the lock back when it is over.
        self._heart: Thread | None = None
        self._over = Event()
        #: What the store says is of a lease that goes on, or of none.
        self._turn = Lock()
        #: When the lease begins and ends.
        self._from = self._until = 0.0
        #: Until when a call of the leader before may be under way.
        self._handover = 0.0
        #: Of this leadership: those of later ones are greater.
        self.number = 0
        self._led = False
        #: Why it does not lead, as logged.
        self._waits = ''
        #: What the store's last failure said, as logged.
        self._trouble = ''

    def acquire(self) -> bool:
        """Lead, or try to; never waits for it.

        After a loss it says no once, even where the lock is free again:
        another migrator may have led, and what is remembered of the moves is
        void.

        :raises ConfigError: ``lock_url`` cannot be used
        """
        if self.left > 0:
            if not self._led:
                LOG.info('Acquired leadership %d.', self.number)
            self._led, self._waits = True, ''
            return True
        if self._led:
            LOG.warning('Lost leadership: the lease has ended.')
            self._led = False
            self.release()
            return False
        if self._store is not None and _now() >= self._until:
            self.release()
        if self._store is None:
            try:
                self._take()
            except StoreError as error:
                self._say(error)
        if self.left > 0:
            return self.acquire()
        self._say_why_not()
        return False

    def acquire_in_time(self) -> bool:
        """Lead, after the lease of the leader before, where it is not known.

        :returns: False where another migrator leads
        """
        while not self.acquire():
            if self._store is None:
                return False
            self._over.wait(1.0)
        return True

    def probe(self) -> None:
        """Whether there can be a lock; takes none but one for that.

        :raises ConfigError: ``lock_url`` cannot be used
        :raises StoreError: it does not answer
        """
        store = lock_store.connect(self._url, self._seconds)
        try:
            store.probe()
        finally:
            store.close()

    @property
    def left(self) -> float:
        """Seconds until the lease ends; 0 where there is none."""
        now = _now()
        return max(self._until - now, 0.0) if now >= self._from else 0.0

    @property
    def handover(self) -> bool:
        """A call may be under way that the leader before began."""
        return _now() < self._handover

    def check_held(self, seconds: float = 0.0) -> None:
        """Right before a side effect: does the lease last until its end?

        :param seconds: that it may take
        :raises LockLost: it does not
        """
        left = self.left
        if left <= seconds:
            raise LockLost(
                f'The lease goes on for {left:.0f} s, and {seconds:g} s are '
                'needed.'
            )

    def renew(self) -> None:
        """Ask the store whether the lock is held; the heart does, and tests.

        An answer of no ends the lease, none leaves it as it is.
        """
        store, asked = self._store, _now()
        if store is None:
            return
        try:
            held = store.renew()
        except StoreError as error:
            self._say(error)
            return
        self._trouble = ''
        with self._turn:
            if store is self._store:
                self._until = asked + USED * self._seconds if held else 0.0

    def release(self) -> None:
        """Let another migrator begin at once, if the store answers soon."""
        with self._turn:
            self._from = self._until = 0.0
            self._store = None
        self._over.set()
        if self._heart is not None:
            self._heart.join(lock_store.TIMEOUT)
            self._heart = None

    # -- the lease ---------------------------------------------------------

    def _take(self) -> None:
        """Take the lock if it is free.

        :raises StoreError: it does not answer
        """
        store = lock_store.connect(self._url, self._seconds)
        asked = _now()
        try:
            held = store.acquire()
            self.number = store.next_number(time.time()) if held else 0
        except StoreError:
            store.close()
            raise
        self._trouble = ''
        answered = _now()
        # Where it took longer, what the store said may be of another's lock.
        if not held or answered - asked >= USED * self._seconds:
            store.close()
            return
        self._store, self._over = store, Event()
        # The leader before may have heard its last yes while we waited for
        # ours: asked at 0, the store says yes to it at 60, restarts at 61 and
        # says yes to us at 62. With lease = 90 that one leads until 141.
        self._from = answered + (self._seconds if store.forgets else 0.0)
        calls = self._longest if store.had_leader else 0.0
        self._handover = self._from + calls
        self._until = asked + USED * self._seconds
        self._heart = Thread(
            target=self._beat, args=(store, self._over), daemon=True
        )
        self._heart.start()

    def _beat(self, store: lock_store.LockStore, over: Event) -> None:
        """Renew the lease, beside the ticks: one may be long."""
        while not over.wait(self._pause):
            self.renew()
        store.close()

    def _say_why_not(self) -> None:
        why = 'Standby until the lease of the leader before is over.'
        if self._store is None:
            why = 'Standby: another migrator leads.'
        if self._trouble:
            # Whether there is another one, nobody can tell.
            why = 'Standby until the lock store answers.'
        if why != self._waits:
            self._waits = why
            LOG.info(why)

    def _say(self, error: StoreError) -> None:
        if str(error) != self._trouble:
            self._trouble = str(error)
            LOG.error('The lock store does not answer: %s', error)
