"""What nova-scheduler and the message bus may hand to our classes.

Views, requests and host states come as they should, and worse; another thread
takes views at the same time, large ones too, and one more hangs in the middle
of a view for ever. Whatever comes: nothing is raised, nothing is waited for,
no file and no socket is opened, each answer is one that Nova can use, and the
memory stays as it is.
"""

import array
import contextlib
import dataclasses
import gc
import itertools
import logging
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import fixtures
import nova.conf
from nova import rpc
from nova.scheduler import weights
from oslo_config import fixture as config_fixture
from oslo_messaging import conffixture

from steal_scheduler.messaging import view_format
from steal_scheduler.scheduler import filters, listener, weighers
from steal_scheduler.scheduler.view_cache import ViewCache
from tests.bench import made
from tests.fuzz import driver, hostile
from tests.unit.scheduler import base

CONF = nova.conf.CONF
#: Events of a case: views that come, and requests.
EVENTS = 120
#: Servers of a large view, and how many of them are on a host.
LARGE, ON_A_HOST = 100_000, 12
MAX_AGE = 600
#: So many cases apart, memory is looked at; and blocks that it may have grown
#: by then. An ask that leaks one object leaks a hundred times as many.
LOOK, LEAK = 500, 5_000
#: Hosts of a request of which the time is taken, and how often.
STOCK, EVERY = 80, 20


@dataclasses.dataclass(frozen=True)
class Sends:
    """A view comes."""

    seed: int


@dataclasses.dataclass(frozen=True)
class Asks:
    """A request comes, with its candidates."""

    seed: int


@dataclasses.dataclass(frozen=True)
class Case:
    events: tuple[Sends | Asks, ...]


def drawn(seed: int) -> Case:
    rng = random.Random(seed)
    kinds = (Sends, Asks, Asks, Asks, Asks)
    return Case(
        tuple(rng.choice(kinds)(rng.randrange(10**9)) for _ in range(EVENTS))
    )


class Hanging(dict[str, Any]):
    """A message in the middle of which its reader stops."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.go = threading.Event()

    def items(self) -> Any:
        self.go.wait()
        return super().items()


class _Log(logging.Handler):
    """Looks at each line; what cannot be formatted is a violation."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong = ''

    def emit(self, record: logging.LogRecord) -> None:
        try:
            said = record.getMessage()
        except Exception as error:
            self.wrong = f'a log line failed\n{error!r}'
            return
        if not said.isprintable() or len(said) > 2_000:
            self.wrong = f'a log line is no line\n{said!r:.300}'


class Worker:
    """Our classes, as one worker of nova-scheduler has them."""

    def __init__(self, large: int, look: int) -> None:
        self._look = look
        self.filters = [filters.SameAvailabilityZoneFilter()]
        for strict in (False, True):
            for option in ('strict_moves', 'strict_boots'):
                CONF.set_override(option, strict, group='steal_scheduler')
            self.filters.append(filters.StealFilter())
        self.weigher = weighers.StealWeigher()
        handler = weights.HostWeightHandler()
        stock = handler.get_matching_classes(
            ['nova.scheduler.weights.all_weighers']
        )
        self.stock = [kind() for kind in stock]
        self.log = _Log()
        self.opened: list[str] = []
        self._thread = threading.get_ident()
        rng = random.Random(1)
        names = [f'h{n}' for n in range(max(large // ON_A_HOST, 2))]
        self._large = view_format.encode(hostile.view(rng, names))
        self._messages = [hostile.message(seed) for seed in range(50)]
        self._stopping = threading.Event()
        #: Nobody takes a view.
        self._quiet = threading.Lock()
        #: Seconds for STOCK hosts: of ours, and of Nova's weighers.
        self.ours, self.stocks = array.array('d'), array.array('d')
        self._cases = 0
        self._blocks: int | None = None

    # -- beside ------------------------------------------------------------

    def replace(self) -> None:
        """Take one view after the other, until it is over."""
        for n in itertools.count():
            sent = self._messages[n % len(self._messages)]
            if n % 500 == 499:
                sent = self._large
            if isinstance(sent, dict) and 'taken_at' in sent:
                sent = {**sent, 'taken_at': time.time()}
            if self._stopping.wait(0.002):
                return
            with self._quiet:
                listener.cache().accept(sent)

    def stop(self) -> None:
        self._stopping.set()

    def audit(self, event: str, args: Any) -> None:
        """Note what our thread opens."""
        kinds = ('open', 'socket.', 'subprocess.', 'sqlite3.')
        if event.startswith(kinds) and threading.get_ident() == self._thread:
            self.opened.append(f'{event} {args[:1]!r:.80}')

    # -- a case ------------------------------------------------------------

    def play(self, case: Case) -> driver.Ended:
        counts: Counter[str] = Counter()
        cache = _new_cache()
        first = view_format.encode(
            hostile.view(random.Random(0), hostile.HOSTS)
        )
        cache.accept(first)
        hangs = Hanging(first['hosts'])
        stuck = threading.Thread(
            target=cache.accept, args=({**first, 'hosts': hangs},)
        )
        stuck.start()
        try:
            violation = self._happen(case, cache, counts)
        finally:
            hangs.go.set()
            stuck.join()
        self._cases += 1
        violation = violation or self.log.wrong
        if not violation and self._cases % self._look == 0:
            violation = self.grown()
        self.log.wrong = ''
        return driver.Ended(violation, counts)

    def _happen(
        self, case: Case, cache: ViewCache, counts: Counter[str]
    ) -> str:
        for event in case.events:
            try:
                if isinstance(event, Sends):
                    counts['views'] += 1
                    cache.accept(hostile.message(event.seed))
                else:
                    counts['requests'] += 1
                    if wrong := self._ask(event, counts):
                        return wrong
            except Exception as error:
                return driver.described(error)
        return ''

    def _ask(self, event: Asks, counts: Counter[str]) -> str:
        rng = random.Random(event.seed)
        spec, hosts = hostile.request(rng), hostile.candidates(rng)
        counts['host states'] += len(hosts)
        self.opened.clear()
        with _audited(self):
            passed = [each.filter_all([*hosts], spec) for each in self.filters]
            weighed = [weights.WeighedHost(host, 1.0) for host in hosts]
            found = [*self.weigher.weigh_objects(weighed, spec)]
            found += [self.weigher.weight_multiplier(host) for host in hosts]
        for some in passed:
            if not all(any(one is host for host in hosts) for one in some):
                return 'a filter made up a host'
        if len(found) != 2 * len(hosts):
            return 'a weigher has another number of weights'
        if not all(isinstance(w, float | int) and w - w == 0 for w in found):
            return f'a weight is no number\n{found!r:.300}'
        if self.opened:
            return f'something was opened\n{self.opened[0]}'
        if event.seed % EVERY == 0:
            self._race()
        return ''

    def _race(self) -> None:
        """Ours and Nova's on the same hosts, for the ratio of the times."""
        hosts, spec = _stock_hosts(), made.request()
        weighed = [weights.WeighedHost(host, 0.0) for host in hosts]
        begun = time.perf_counter()
        for each in self.filters[:2]:
            each.filter_all([*hosts], spec)
        self.weigher.weigh_objects(weighed, spec)
        between = time.perf_counter()
        for stock in self.stock:
            stock.weigh_objects(weighed, spec)
        self.ours.append(between - begun)
        self.stocks.append(time.perf_counter() - between)

    def grown(self) -> str:
        """Whether this process holds more than the last time it was asked."""
        with self._quiet:
            _new_cache()
            gc.collect()
            blocks = sys.getallocatedblocks()
        before, self._blocks = self._blocks, blocks
        if before is not None and blocks - before > LEAK:
            return f'memory grows\nby {blocks - before} blocks'
        return ''

    def told(self, counts: Counter[str]) -> str:
        """The ratio is of p99; it is for the eye, and nothing hangs on it."""
        ratio = _p99(self.ours) / _p99(self.stocks)
        return (
            f'{counts["views"]} views, {counts["requests"]} requests, '
            f'{counts["host states"]} host states; p99 of two filters and '
            f'the weigher {ratio:.2f} of that of the stock weighers; '
            f'{_resident_mib()} MiB resident'
        )


def _new_cache() -> ViewCache:
    """As if the worker had restarted."""
    listener.cache()
    listener._listeners[os.getpid()].cache = cache = ViewCache(MAX_AGE)
    return cache


def _p99(seconds: 'array.array[float]') -> float:
    ordered = sorted(seconds) or [1.0]
    return ordered[len(ordered) * 99 // 100]


def _resident_mib() -> int:
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') >> 20


_STOCK: list[Any] = []


def _stock_hosts() -> list[Any]:
    if not _STOCK:
        for n in range(STOCK):
            state = base.host_state(f'h{n}')
            state.update(made.compute_node(n, f'h{n}'), {}, [], {})
            _STOCK.append(state)
    return _STOCK


#: Whose calls are looked at now.
_auditing: list[Worker] = []


@contextlib.contextmanager
def _audited(worker: Worker) -> Iterator[None]:
    _auditing.append(worker)
    try:
        yield
    finally:
        _auditing.clear()


def _hook(event: str, args: Any) -> None:
    for worker in _auditing:
        worker.audit(event, args)


# NOTE: a hook cannot be taken out again.
sys.addaudithook(_hook)


@contextlib.contextmanager
def working(large: int = LARGE, look: int = LOOK) -> Iterator[driver.Kind]:
    """A worker of nova-scheduler, while views come to it.

    :param large: servers of the largest of them
    :param look: cases after which memory is looked at
    """
    logger = logging.getLogger('steal_scheduler')
    with contextlib.ExitStack() as stack:
        stack.enter_context(config_fixture.Config(CONF))
        CONF([], project='nova', default_config_files=[])
        stack.enter_context(conffixture.ConfFixture(CONF, 'fake:/'))
        rpc.init(CONF)
        stack.callback(rpc.cleanup)
        stack.callback(listener.stop)
        worker = Worker(large, look)
        stack.enter_context(
            fixtures.MonkeyPatch(
                'steal_scheduler.scheduler.guard._failing', {}
            )
        )
        # It has its own to say about odd metadata.
        quiet = logging.getLogger('nova')
        stack.callback(quiet.setLevel, quiet.level)
        quiet.setLevel(logging.CRITICAL)
        for name, value in (('level', logging.DEBUG), ('propagate', False)):
            before = getattr(logger, name)
            stack.callback(setattr, logger, name, before)
            setattr(logger, name, value)
        logger.addHandler(worker.log)
        stack.callback(logger.removeHandler, worker.log)
        thread = threading.Thread(target=worker.replace)
        thread.start()
        stack.callback(thread.join)
        stack.callback(worker.stop)
        yield driver.Kind('Scheduler', drawn, worker.play, worker.told)
