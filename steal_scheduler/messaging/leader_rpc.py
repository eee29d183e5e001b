"""Ask the migrator that leads, over the message bus: both sides of it.

It listens only while it leads. So whoever asks while nobody does hears so at
once: the broker gives back what it can deliver to nobody.

There is one method, whose arguments and answers are JSON: the desk
(``migrator/desk.py``) says what can be asked.
"""

import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import oslo_messaging
from oslo_log import log

from steal_scheduler.edge.sense import NONSENSE
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NoLeader, RequestRefused, StealError
from steal_scheduler.messaging import leader_format, view

LOG = log.getLogger(__name__)

#: NOTE: not that of the view. Queues of this one are deleted when nobody
#: listens any more, and a broker takes an exchange only as it has it.
EXCHANGE = 'steal_scheduler_leader'
TOPIC = 'steal_scheduler_leader'
RPC_VERSION = '1.0'
#: What a method is given and gives: name, arguments, and who asks.
Answer = Callable[[str, Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]

#: Seconds for an answer, and for the least sign that somebody works on it.
TIMEOUT, SIGN_TIMEOUT = 45.0, 10
#: What is asked at a time, by one client and of one leader.
MOST_CALLS = 64
#: Times that one is asked which has ceased to lead, and seconds between them.
_TRIES, _TRY_SECONDS = 5, 0.5
#: Seconds between two looks at whether this migrator leads, and between
#: attempts to start the RPC server, and to end it.
_LOOK_SECONDS, _RETRY_SECONDS, _STOP_SECONDS = 0.5, 10.0, 5.0

_NOBODY = (
    'No steal-migrator leads now: see its log on the controllers, and try '
    'again.'
)
#: What a server of another version answers; the fake driver raises the error
#: itself.
_UNKNOWN = (
    oslo_messaging.RemoteError,
    oslo_messaging.NoSuchMethod,
    oslo_messaging.UnsupportedVersion,
)
#: NOTE: an exception of oslo.messaging that is no MessagingException.
_NO_ANSWER = (oslo_messaging.MessageUndeliverable, *_UNKNOWN)


def target(server: str | None = None) -> oslo_messaging.Target:
    """Where to listen (``server`` is the listener's host), or to send."""
    return oslo_messaging.Target(
        exchange=EXCHANGE, topic=TOPIC, version=RPC_VERSION, server=server
    )


def _transport(conf: Any) -> Any:
    """As of ``[DEFAULT] transport_url``, with queues that do not stay.

    :raises ConfigError: it cannot be used
    """

    def get(conf: Any) -> Any:
        url = oslo_messaging.TransportURL.parse(conf)
        if url.transport in ('rabbit', 'kombu+memory'):
            # One that stays would take what nobody reads. NOTE: a quorum
            # queue always does.
            url.query['amqp_auto_delete'] = 'true'
            url.query['rabbit_quorum_queue'] = 'false'
        return oslo_messaging.get_rpc_transport(conf, url)

    return view.transport(get, conf)


class LeaderClient:
    """Asks; any number of threads may do so with one of these."""

    def __init__(self, conf: Any) -> None:
        """Use ``[DEFAULT] transport_url``; the first call connects."""
        bus = _transport(conf)
        view.register_missing_options(conf)
        self._client = oslo_messaging.get_rpc_client(
            bus,
            target(),
            timeout=TIMEOUT,
            call_monitor_timeout=SIGN_TIMEOUT,
            retry=1,
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True
            ),
        )
        self._places = threading.BoundedSemaphore(MOST_CALLS)

    def call(
        self, who: Mapping[str, Any], method: str, args: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Ask, and wait for the answer: 45 s at most.

        :param who: asks, for the audit: user_id, user_name, project_id,
            roles, request_id
        :raises NoLeader: none leads, or answers; nobody can tell whether what
            was asked for happens where one had begun on it
        :raises RequestRefused: it says no, and why
        """
        message = {
            'method': method,
            'args': {**args},
            'who': {**who},
            'until': time.time() + TIMEOUT,
        }
        pause = threading.Event()
        for _ in range(_TRIES):
            try:
                return leader_format.decode(self._exchange(message))
            except RequestRefused as no:
                if no.reason != 'not_leader':
                    raise
            # Another one is about to.
            pause.wait(_TRY_SECONDS)
        raise NoLeader(_NOBODY)

    def _exchange(self, message: Mapping[str, Any]) -> Any:
        """Bound it: oslo.messaging waits for a broker that is down for ever.

        :raises NoLeader: there is no answer
        """
        if not self._places.acquire(blocking=False):
            raise NoLeader(
                f'{MOST_CALLS} requests wait for the steal-migrator that '
                'leads: try again later.'
            )
        found: list[Any] = []
        over = threading.Event()

        def ask() -> None:
            try:
                found.append(self._client.call({}, 'call', request=message))
            except (*view.failures(), *_NO_ANSWER) as error:
                found.append(error)
            finally:
                self._places.release()
                over.set()

        threading.Thread(target=ask, name='ask-leader', daemon=True).start()
        over.wait(TIMEOUT + SIGN_TIMEOUT)
        answer = found[0] if found else None
        if answer is None or isinstance(answer, Exception):
            raise NoLeader(_why(answer)) from answer
        return answer


def _why(error: Exception | None) -> str:
    """For a person: why there is no answer."""
    if (
        isinstance(error, oslo_messaging.MessageUndeliverable)
        # NOTE: the exchange goes with the last one who listens, and a client
        # that had declared it is told so once.
        or f"no exchange '{EXCHANGE}'" in str(error)
    ):
        return _NOBODY
    if error is None or isinstance(error, oslo_messaging.MessagingTimeout):
        return (
            'The steal-migrator that leads did not answer in time: see its '
            'log. What was asked for may happen all the same.'
        )
    if isinstance(error, _UNKNOWN):
        return (
            'The steal-migrator that leads does not understand the request: '
            f'{one_line(error).rstrip(".")}. Upgrade it as well.'
        )
    return (
        'The message bus does not carry the request: '
        f'{one_line(error).rstrip(".")}. Check [DEFAULT] transport_url.'
    )


class Endpoint:
    """All that can be called over RPC: every public method can."""

    target = oslo_messaging.Target(version=RPC_VERSION)

    def __init__(self, leads: Callable[[], bool], answer: Answer) -> None:
        self._leads = leads
        self._answer = answer

    def call(self, ctxt: Any, request: Any) -> dict[str, Any]:
        """Answer; nothing is raised, whatever comes.

        :param request: method, args, who; and until, the epoch seconds at
            which nobody waits any more: what has lain in the broker until
            then is not done behind their back
        """
        try:
            if not self._leads():
                raise RequestRefused('not_leader', _NOBODY)
            return leader_format.encode(self._answered(request))
        except RequestRefused as no:
            reason, text = no.reason, str(no)
        except StealError as error:
            reason, text = 'failed', str(error)
        except Exception:
            # It costs itself, and not the others.
            LOG.exception('Request failed: %s', one_line(request, 200))
            reason, text = (
                'failed',
                'It failed: see the log of the steal-migrator that leads.',
            )
        return leader_format.refused(reason, text)

    def _answered(self, request: Any) -> dict[str, Any]:
        try:
            method, args = request['method'], request['args']
            who, until = request['who'], float(request['until'])
            if not isinstance(method, str):
                raise TypeError('It has no method.')
            args, who = dict(args), dict(who)
        except NONSENSE as error:
            raise RequestRefused('invalid', 'This is no request.') from error
        if not time.time() <= until:
            raise RequestRefused('busy', 'It came too late.')
        return self._answer(method, args, who)


class LeaderServer:
    """Answers while this migrator leads, in threads of its own.

    No tick waits for it, nor it for a broker that is down.
    """

    def __init__(
        self, conf: Any, leads: Callable[[], bool], answer: Answer
    ) -> None:
        """Use ``[DEFAULT] transport_url``; ``start`` connects.

        :param leads: whether the lease goes on
        :param answer: a dict that is JSON, from the name of a method, its
            arguments and who asks; it may raise RequestRefused
        """
        self._bus = _transport(conf)
        view.register_missing_options(conf)
        self._leads = leads
        self._endpoint = Endpoint(leads, answer)
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name='leader-rpc', daemon=True
        )

    def start(self) -> None:
        """Listen from when it leads; return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Cease to listen, if the broker lets us within some seconds."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        level = log.WARNING
        while not self._stopping.is_set():
            if not self._leads():
                self._stopping.wait(_LOOK_SECONDS)
                continue
            server = oslo_messaging.get_rpc_server(
                self._bus,
                target(socket.gethostname()),
                [self._endpoint],
                executor='threading',
            )
            try:
                server.start(override_pool_size=MOST_CALLS)
            except view.failures() as error:
                LOG.log(level, 'Requests not heard yet: %s', error)
                level = log.DEBUG
                self._stopping.wait(_RETRY_SECONDS)
                continue
            level = log.WARNING
            # When the broker goes and comes, so does the server.
            while self._leads() and not self._stopping.wait(_LOOK_SECONDS):
                pass
            try:
                server.stop()
                server.wait()
            except view.failures() as error:
                # It leads again, perhaps, and then it has to listen.
                LOG.debug('Connection to the broker is lost: %s', error)
