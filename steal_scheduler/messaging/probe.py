"""Ask over the message bus who is there, for ``steal-status``.

A running migrator and nova-scheduler stay as they are: no view is sent, and
each ignores what is not for it.
"""

import secrets
import socket
import threading
import time
from collections.abc import Collection, Mapping
from typing import Any

import oslo_messaging

from steal_scheduler.exception import StealError
from steal_scheduler.messaging import acknowledgement, view, view_format
from steal_scheduler.model.scheduler import Scheduler

#: Until the broker has given back what we sent.
ECHO_SECONDS = 15.0
#: For nova-scheduler to answer then.
ANSWER_SECONDS = 5.0
#: A fanout keeps nothing for who has just begun to listen.
_AGAIN_SECONDS = 0.5


class BusError(StealError):
    """The message bus does not carry what we send."""


class Probe:
    """One question; it takes some seconds at most, whatever the broker does.

    It listens where a migrator does, so that both ways are tried.
    """

    def __init__(self, conf: Any) -> None:
        """Use ``[DEFAULT] transport_url``; ``ask`` connects."""
        self._bus = view.transport(oslo_messaging.get_rpc_transport, conf)
        view.register_missing_options(conf)
        self._word = secrets.token_hex(8)
        self._back = self._over = False
        self._fault = ''
        self._heard: dict[str, Scheduler] = {}
        #: Something of these has changed.
        self._news = threading.Condition()

    def ask(self, hosts: Collection[str] = ()) -> Mapping[str, Scheduler]:
        """Have what we send come back, and hear who of these answers.

        :param hosts: of nova-scheduler; nobody else counts
        :returns: by host, what each said
        :raises BusError: the broker does not answer, or refuses us
        """
        # Whatever is asked of a broker can take for ever.
        threading.Thread(target=self._run, daemon=True).start()
        with self._news:
            self._news.wait_for(
                lambda: self._back or self._fault, ECHO_SECONDS
            )
            if self._back:
                self._news.wait_for(
                    lambda: {*hosts} <= self._heard.keys(), ANSWER_SECONDS
                )
            self._over = True
            self._news.notify_all()
            if not self._back:
                why = self._fault or f'no answer in {ECHO_SECONDS:g} s'
                raise BusError(
                    f'[DEFAULT] transport_url: {why}. Write it as in '
                    'nova.conf, and check that the broker runs and lets this '
                    'user in.'
                )
            return {h: s for h, s in self._heard.items() if h in hosts}

    def _accept(self, message: Any) -> None:
        found = acknowledgement.decode(message, time.time())
        with self._news:
            if message == {'echo': self._word}:
                self._back = True
            elif found is not None:
                self._heard[found.host] = found
            self._news.notify_all()

    def _run(self) -> None:
        try:
            self._exchange()
        except view.failures() as error:
            with self._news:
                self._fault = str(error).removesuffix('.')
                self._news.notify_all()

    def _exchange(self) -> None:
        """Send until it is over.

        :raises Exception: one of ``view.failures``
        """
        to_migrators, to_schedulers = (
            oslo_messaging.get_rpc_client(self._bus, target, retry=1)
            for target in (acknowledgement.target(), view.target())
        )

        def send() -> None:
            to_migrators.cast(
                {}, 'acknowledge', acknowledgement={'echo': self._word}
            )
            to_schedulers.cast({}, 'view', view=view_format.QUESTION)

        # First, for a server asks a broker that is down for ever.
        send()
        server = oslo_messaging.get_rpc_server(
            self._bus,
            acknowledgement.target(socket.gethostname()),
            [acknowledgement.Endpoint(self._accept)],
            executor='threading',
        )
        server.start(override_pool_size=1)
        while not self._over:
            send()
            with self._news:
                self._news.wait_for(lambda: self._over, _AGAIN_SECONDS)
        server.stop()
        server.wait()
