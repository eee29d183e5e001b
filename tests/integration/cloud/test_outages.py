"""Each service is killed while servers are on their way, and comes back.

A seed draws at which stage, and for how many ticks it is gone. Afterwards
nothing may be lost, and nothing done twice: each server is in service, ACTIVE
and without a tag of ours, has been migrated at most once for each time that it
was out, and never in service. What Nova has forgotten, or has put into ERROR,
waits for a person: the test does then what the documentation says. Each outage
prints a line.

Three of them by default, which the seed draws as well; each of them
``STEAL_OUTAGE_RUNS`` times in ``make outages``. One is repeated with its
seed::

    STEAL_OUTAGE_SEED=1234 STEAL_OUTAGE_RUNS=1 \\
        tox -e integration -- test_outages.*conductor
"""

import dataclasses
import os
import random
import sys
import time

from steal_scheduler.demo.deadline import wait_for
from tests.integration import daemons
from tests.integration.cloud import config, events, lab, plane

SERVICES = (
    'nova-api',
    'nova-scheduler',
    'nova-conductor',
    'nova-compute',
    'rabbitmq',
    'mariadb',
    'keystone',
    'placement',
    'migrator',
)
SEED = int(
    os.environ.get('STEAL_OUTAGE_SEED', str(random.randrange(1_000_000)))
)
RUNS = int(os.environ.get('STEAL_OUTAGE_RUNS', '1'))
#: They take half a minute each: too long to kill them all at each change.
DRAWN = (
    SERVICES
    if 'STEAL_OUTAGE_RUNS' in os.environ
    else random.Random(SEED).sample(SERVICES, 3)
)
#: Where moves are when it happens; the first of them to come there counts.
STAGES = ('drain', 'request', 'migrate', 'migrate', 'reattach')
#: Seconds in which everything must be over, after the service is back.
_PATIENCE = 300.0

setUpModule = lab.set_up()


@dataclasses.dataclass
class Outage:
    """One kill; what it is, and what came of it."""

    service: str
    seed: int

    def __post_init__(self) -> None:
        draw = random.Random(f'{self.service} {self.seed}')
        self._stage = draw.choice(STAGES)
        self._ticks = draw.randint(0, 8)
        #: Seconds after its new start until a tick was good again.
        self.first_good = 0.0
        #: Of the servers, how many were on their way when it happened.
        self.moves = 0
        #: Servers that a person has to help.
        self.helped: set[str] = set()
        self.doubles: list[str] = []
        self.left: list[str] = []
        self.ids: list[str] = []

    def __str__(self) -> str:
        return (
            f'{self.service}, seed {self.seed}: killed at stage '
            f'{self._stage}, for {self._ticks} ticks'
        )

    @property
    def trouble(self) -> list[str]:
        return self.doubles + self.left

    def run(self) -> None:
        """Do all of it."""
        self.ids = lab.lab.boot('a1', 'a1', 'a2', 'a2')
        lab.lab.suffer(self.ids)
        wait_for(
            lambda: self._stage in lab.lab.stages(self.ids),
            lab.PATIENCE,
            f'a move to be at {self._stage}',
            every=0.05,
        )
        daemon = lab.lab.services[self._name()]
        self.moves = len(lab.lab.stages(self.ids))
        daemon.stop()
        try:
            self._stay_down()
        finally:
            started = time.time()
            daemon.launch()
        daemon.wait(lab.PATIENCE)
        wait_for(
            lambda: lab.lab.good_tick() > started,
            _PATIENCE,
            'a good tick',
        )
        self.first_good = lab.lab.good_tick() - started
        lab.lab.calm_down(self.ids)
        self._judge()

    def _name(self) -> str:
        """The daemon to kill: of the computes, one that is at work."""
        if self.service == 'nova-compute':
            return plane.compute('a1')
        if self.service == 'migrator':
            return lab.lab.leader() or lab.MIGRATORS[0]
        return self.service

    def _stay_down(self) -> None:
        """Wait for some ticks to be tried; without Keystone, for a blind one.

        In the long form of that, until each token that there was has expired.
        """
        before = lab.lab.attempts()
        needs_tokens = self.service == 'keystone'
        until = time.monotonic()
        if needs_tokens and RUNS > 1:
            until += config.TOKEN_SECONDS
        wait_for(
            lambda: (
                lab.lab.attempts() >= before + self._ticks
                and (not needs_tokens or lab.lab.is_blind())
                and time.monotonic() >= until
            ),
            _PATIENCE,
            f'{self._ticks} ticks to be tried',
        )

    def _judge(self) -> None:
        try:
            wait_for(self._is_over, _PATIENCE, 'it to be over')
        except TimeoutError:
            self.left = lab.lab.left(self.ids)
        for id_ in self.ids:
            done = lab.lab.done(id_)
            self.doubles += [f'{id_}: {t}' for t in events.trouble(done)]
            migrations = lab.lab.migrations(id_)
            if len(migrations) > events.cycles(done):
                self.doubles.append(f'{id_} was migrated: {migrations}')

    def _is_over(self) -> bool:
        """Whether nothing is left; until then, be the person who is called."""
        if lab.lab.calls_for_a_person():
            broken = {
                *lab.lab.in_state(self.ids, 'error', None),
                *lab.lab.in_state(self.ids, 'active', 'migrating'),
            }
            for id_ in broken:
                lab.lab.reset_state(id_)
            self.helped |= broken
        return not lab.lab.left(self.ids)


class TestOutages(daemons.TestCase):
    """Nothing is lost, nothing done twice."""

    def endure(self, service: str) -> None:
        """A failed run ends no other."""
        if service not in DRAWN:
            self.skipTest('Not drawn this time: "make outages" kills each.')
        for name in lab.MIGRATORS:
            self.keep(lab.lab.services[name].log)
        failed = []
        for seed in range(SEED, SEED + RUNS):
            outage = Outage(service, seed)
            try:
                outage.run()
            finally:
                lab.lab.clear()
            print(
                f'outage of {outage}: first good step after '
                f'{outage.first_good:.1f} s, {outage.moves} moves, '
                f'{len(outage.doubles)} doubles, {len(outage.left)} left '
                f'over, {len(outage.helped)} for a person',
                file=sys.__stderr__,
            )
            if outage.trouble:
                failed.append(
                    f'{outage}: {"; ".join(outage.trouble)}. Once more: '
                    f'STEAL_OUTAGE_SEED={seed} STEAL_OUTAGE_RUNS=1 '
                    f'tox -e integration -- {self.id()}'
                )
        self.assertEqual([], failed)

    def test_nova_api(self) -> None:
        self.endure('nova-api')

    def test_nova_scheduler(self) -> None:
        self.endure('nova-scheduler')

    def test_nova_conductor(self) -> None:
        self.endure('nova-conductor')

    def test_nova_compute(self) -> None:
        """That of a hot host, which servers leave."""
        self.endure('nova-compute')

    def test_broker(self) -> None:
        self.endure('rabbitmq')

    def test_database(self) -> None:
        self.endure('mariadb')

    def test_keystone(self) -> None:
        """Gone until a token was missed: they live for seconds here."""
        self.endure('keystone')

    def test_placement(self) -> None:
        self.endure('placement')

    def test_migrator(self) -> None:
        """The one that leads."""
        self.endure('migrator')
