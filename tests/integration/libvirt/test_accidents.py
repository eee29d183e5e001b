"""What moves a real guest dies in the middle of it, and comes back.

A seed draws when, and for how many ticks it is gone. Afterwards nothing may be
lost: each guest runs on, on one host, the one that Nova names; its server is
in service, ACTIVE and without a tag of ours, and was migrated at most once for
each time that it was out. What Nova does not end by itself waits for a person,
whom the migrator calls: the test does then what the documentation says. Each
accident prints a line.

One of them by default, which the seed draws as well; each of them
``STEAL_ACCIDENT_RUNS`` times in ``make hypervisors``. One is repeated with its
seed::

    STEAL_ACCIDENT_SEED=1234 STEAL_ACCIDENT_RUNS=1 \\
        tox -e integration -- test_accidents.*source_compute
"""

import contextlib
import dataclasses
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator

from steal_scheduler.demo.deadline import wait_for
from tests.integration import daemons, hypervisors
from tests.integration.cloud import events
from tests.integration.cloud.plane import compute
from tests.integration.hypervisors import Hypervisor
from tests.integration.libvirt import lab
from tests.shared import PATIENCE

setUpModule = lab.set_up()

#: Seconds in which everything must be over, after all is back.
_PATIENCE = 300.0


@contextlib.contextmanager
def _killed(*names: str) -> Iterator[None]:
    """Services, by SIGKILL; they run again at the end."""
    with _dead(*(lab.the.services[name] for name in names)):
        yield


@contextlib.contextmanager
def _dead(*found: daemons.Daemon) -> Iterator[None]:
    for daemon in found:
        daemon.stop(signal.SIGKILL)
    try:
        yield
    finally:
        for daemon in found:
            daemon.launch()
        for daemon in found:
            daemon.wait()


@contextlib.contextmanager
def _cut_off(host: Hypervisor) -> Iterator[None]:
    """No other hypervisor reaches it."""
    host.machine.run('ip', 'link', 'set', 'eth0', 'down')
    try:
        yield
    finally:
        host.machine.run('ip', 'link', 'set', 'eth0', 'up')


@dataclasses.dataclass(frozen=True)
class Kind:
    """What happens to a migration from one host to another, until the end."""

    strike: Callable[
        [Hypervisor, Hypervisor], contextlib.AbstractContextManager[None]
    ]
    #: Of the guests.
    load: str = lab.RESTLESS
    #: Nothing comes back before the guest is on its target.
    outlasted: bool = False
    #: What Nova calls the migration when it happens; '': none is under way.
    status: str = 'running'


def _source_compute(
    source: Hypervisor, _: Hypervisor
) -> contextlib.AbstractContextManager[None]:
    return _killed(compute(source.name))


POST_COPY = 'running (post-copy)'
KINDS = {
    'idle_libvirtd': Kind(
        lambda _, target: _dead(target.libvirtd), lab.CALM, status=''
    ),
    'target_libvirtd': Kind(lambda _, target: _dead(target.libvirtd)),
    'source_libvirtd': Kind(lambda source, _: _dead(source.libvirtd)),
    'target_compute': Kind(
        lambda _, target: _killed(compute(target.name)),
        lab.FILLED,
        outlasted=True,
    ),
    'source_compute': Kind(_source_compute),
    'source_compute_for_long': Kind(_source_compute, lab.FULL, outlasted=True),
    'source_compute_in_post_copy': Kind(
        _source_compute, outlasted=True, status=POST_COPY
    ),
    'network': Kind(lambda _, target: _cut_off(target)),
    'migrator': Kind(lambda *_: _killed(lab.MIGRATOR)),
}
SEED = int(
    os.environ.get('STEAL_ACCIDENT_SEED', str(random.randrange(1_000_000)))
)
RUNS = int(os.environ.get('STEAL_ACCIDENT_RUNS', '1'))
#: A minute each: too long to have them all at each change.
DRAWN = (
    tuple(KINDS)
    if 'STEAL_ACCIDENT_RUNS' in os.environ
    else random.Random(SEED).sample(tuple(KINDS), 1)
)


class Accident:
    """One of them; what it is, and what came of it."""

    def __init__(self, name: str, seed: int) -> None:
        self._name, self._seed = name, seed
        self._kind = KINDS[name]
        draw = random.Random(f'{name} {seed}')
        # Where it matters what comes first, nothing is waited for.
        self._later = 0 if self._kind.outlasted else draw.randint(0, 3)
        self._ticks = draw.randint(1, 8)
        #: By server, what its guest's clock said when it happened.
        self._clocks: dict[str, float] = {}
        #: Servers that a person has to help.
        self.helped: set[str] = set()
        self.trouble: list[str] = []
        self.ids: list[str] = []
        self.ends: list[str] = []

    def __str__(self) -> str:
        return (
            f'{self._name}, seed {self._seed}: after {self._later} ticks, '
            f'for {self._ticks}'
        )

    def run(self) -> None:
        """Do all of it."""
        the, kind = lab.the, self._kind
        with contextlib.ExitStack() as stack:
            source = the.a
            if kind.status == POST_COPY:
                source = the.b
                stack.enter_context(source.narrow_network())
            self.ids = the.boot_guests(source, kind.load, kind.load)
            if not kind.status:
                stack.enter_context(kind.strike(source, the.b))
            the.suffer(self.ids)
            if not kind.status:
                self._pass(self._ticks)
                stack.close()
            wait_for(self._on_its_way, PATIENCE, 'a copy to begin')
            the.calm_down(self.ids)
            if kind.status:
                self._strike(source)
        self._judge()

    def _strike(self, source: Hypervisor) -> None:
        the = lab.the
        (id_,) = (i for i in self.ids if the.migrations(i))
        self._pass(self._later)
        target = the.target(id_)
        self._clocks[id_] = the.clock(id_)
        with self._kind.strike(source, target):
            self._pass(self._ticks)
            if self._kind.outlasted:
                wait_for(
                    lambda: the.runs_on(id_) == [target.name],
                    _PATIENCE,
                    'the guest to be on its target',
                )

    def _on_its_way(self) -> bool:
        """Whether one of them is as far as it has to be, or at its end."""
        earlier = {'accepted', 'queued', 'preparing'}
        if self._kind.status == POST_COPY:
            earlier.add('running')
        found = (s for i in self.ids for s in lab.the.migrations(i))
        return any(status not in earlier for status in found)

    def _pass(self, ticks: int) -> None:
        """Wait for some ticks; without a migrator, for nothing."""
        the = lab.the
        if not the.leader():
            return
        before = the.attempts()
        wait_for(
            lambda: the.attempts() >= before + ticks or not the.leader(),
            PATIENCE,
            f'{ticks} ticks to be tried',
        )

    def _judge(self) -> None:
        the = lab.the
        try:
            wait_for(self._is_over, _PATIENCE, 'it to be over')
        except TimeoutError:
            self.trouble += self._left()
        for id_ in self.ids:
            done = the.done(id_)
            self.trouble += [f'{id_}: {t}' for t in events.trouble(done)]
            found = the.migrations(id_)
            self.ends += found
            if len(found) > events.cycles(done):
                self.trouble.append(f'{id_} was migrated: {found}')

    def _is_over(self) -> bool:
        """Whether nothing is left; until then, be the person who is called."""
        the = lab.the
        if the.calls_for_a_person():
            for id_ in self.ids:
                if the.help(id_):
                    self.helped.add(id_)
        return not self._left()

    def _left(self) -> list[str]:
        the = lab.the
        found = the.left(self.ids)
        for id_ in self.ids:
            where, host = the.runs_on(id_), the.host(id_)
            if where != [host]:
                found.append(f'{id_} is on {host}, and runs on {where}')
            if the.clock(id_) < self._clocks.get(id_, 0.0):
                found.append(f'{id_} has lost what its guest did')
        return found


class TestAccidents(daemons.TestCase):
    """Nothing is lost."""

    def setUp(self) -> None:
        super().setUp()
        for daemon in lab.the.services.values():
            self.keep(daemon.log)
        for log in lab.the.hosts.logs:
            self.keep(log)

    def endure(self, name: str) -> None:
        """A failed run ends no other."""
        if name not in DRAWN:
            self.skipTest('Not drawn this time: "make hypervisors" has each.')
        if trouble := hypervisors.kvm_trouble():
            self.skipTest(f'Emulated guests take too long for it: {trouble}')
        failed = []
        for seed in range(SEED, SEED + RUNS):
            accident = Accident(name, seed)
            try:
                accident.run()
            finally:
                lab.the.clear()
            print(
                f'accident of {accident}: {", ".join(accident.ends)}; '
                f'{len(accident.trouble)} troubles, '
                f'{len(accident.helped)} for a person',
                file=sys.__stderr__,
            )
            if accident.trouble:
                failed.append(
                    f'{accident}: {"; ".join(accident.trouble)}. Once more: '
                    f'STEAL_ACCIDENT_SEED={seed} STEAL_ACCIDENT_RUNS=1 '
                    f'tox -e integration -- {self.id()}'
                )
        self.assertEqual([], failed)

    def test_idle_libvirtd(self) -> None:
        """That of a possible target, before anything moves."""
        self.endure('idle_libvirtd')

    def test_target_libvirtd(self) -> None:
        self.endure('target_libvirtd')

    def test_source_libvirtd(self) -> None:
        self.endure('source_libvirtd')

    def test_target_compute(self) -> None:
        """Gone when the guest arrives."""
        self.endure('target_compute')

    def test_source_compute(self) -> None:
        """Back while libvirt still copies."""
        self.endure('source_compute')

    def test_source_compute_for_long(self) -> None:
        """Back when libvirt has brought the guest to its target."""
        self.endure('source_compute_for_long')

    def test_source_compute_in_post_copy(self) -> None:
        """Nobody ends what Nova calls so, and the guest is on its target."""
        self.endure('source_compute_in_post_copy')

    def test_network(self) -> None:
        self.endure('network')

    def test_migrator(self) -> None:
        self.endure('migrator')
