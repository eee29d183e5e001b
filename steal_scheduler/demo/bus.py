"""Nova's message bus: oslo.messaging's fake driver, made quick.

All transports of a process with the URL ``fake:/`` are one bus, also those of
other configurations: a client of ours reaches Nova's listeners and they reach
ours, as long as both name the same exchange (Nova's is ``nova``).
"""

from __future__ import annotations

import threading
import time
from typing import Any

from oslo_messaging._drivers import base, impl_fake


class _Listener(impl_fake.FakeListener):
    """Waits until there is a message, instead of looking every 50 ms.

    A boot or a migration is about ten messages, one after the other; and
    looking costs each of some thirty listeners time while nothing happens.
    """

    everyone: list[_Listener] = []  # noqa: RUF012

    def __init__(self, manager: Any, targets: Any, pool: Any = None) -> None:
        super().__init__(manager, targets, pool)
        self._bell = threading.Event()
        self.everyone.append(self)

    @base.batch_poll_helper
    def poll(self, timeout: float | None = None) -> Any:
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            # NOTE: before looking, or what comes between would be missed.
            self._bell.clear()
            if self._stopped.is_set():
                return None
            message = self._take()
            if message is not None:
                return message
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._bell.wait(left)

    def _take(self) -> Any:
        for target in self._targets:
            exchange = self._exchange_manager.get_exchange(target.exchange)
            context, message, reply, requeue = exchange.poll(
                target, self._pool
            )
            if message is not None:
                return impl_fake.FakeIncomingMessage(
                    context, message, reply, requeue
                )
        return None

    def stop(self) -> None:
        super().stop()
        self.everyone.remove(self)
        self._bell.set()

    def ring(self, topic: str, server: str | None) -> None:
        for target in self._targets:
            if target.topic == topic and server in (None, target.server):
                self._bell.set()


class _Exchange(impl_fake.FakeExchange):
    def deliver_message(
        self,
        topic: str,
        ctxt: Any,
        message: Any,
        server: str | None = None,
        fanout: bool = False,
        reply_q: Any = None,
    ) -> None:
        super().deliver_message(topic, ctxt, message, server, fanout, reply_q)
        for listener in list(_Listener.everyone):
            listener.ring(topic, None if fanout else server)


class _Manager(impl_fake.FakeExchangeManager):
    @classmethod
    def cleanup(cls) -> None:
        """Nothing: one client that leaves would take everyone's queues."""


def install() -> None:
    """Make the fake driver of this process use these; before any transport."""
    impl_fake.FakeExchangeManager = _Manager
    impl_fake.FakeListener = _Listener
    impl_fake.FakeExchange = _Exchange
