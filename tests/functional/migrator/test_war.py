"""Two tenants: what one writes and does costs the other nothing."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import contextlib
import dataclasses
import itertools
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from steal_scheduler.demo import users
from steal_scheduler.demo.api import Api, ApiError
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.moves import tags
from tests.functional.scene import Guest

scene = one.scene
setUpModule = one.set_up()

#: Servers of Bob, and how many of them are in ERROR.
SERVERS, IN_ERROR = 20, 5
#: Those whose old genuine tags he puts back.
REPLAYED = 6
#: What Nova takes for a server, with one of ours.
TAGS = 49
#: A new leader waits for the longest of these.
BOUNDS = {'nova': {'timeout': 8}, 'command': {'timeout': 6}}


def forged(count: int) -> list[str]:
    """All but the signature is as it should be."""
    now = int(time.time())
    return [
        f'steal:{stage}:{now + n}:250:{now - 60}:{secrets.token_urlsafe(12)}'
        for n, stage in zip(range(count), itertools.cycle(Stage))
    ]


class WarTestCase(loop.LoopTestCase):
    """Bob has many servers, and the admin's are those of the other tenant."""

    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.bob = Api(scene.cloud.url, users.BOB)
        self.bobs = self.boot()

    def boot(self) -> list[str]:
        """Bob's, where Nova likes."""
        guests = (Guest(f'bobs-{n}', '', 0.01) for n in range(SERVERS))
        return scene.boot(*guests, owner=users.BOB)

    def write(self, id_: str, texts: list[str]) -> None:
        self.bob.call('PUT', f'/servers/{id_}/tags', {'tags': texts})

    def tell(self, what: str, quiet: float, war: float) -> None:
        print(
            f'Cured in {quiet:.1f} s when it is quiet, in {war:.1f} s at war '
            f'over {what}: {war / quiet:.2f} times.',
            file=sys.__stderr__,
        )


class TestTags(WarTestCase):
    def cure(self, migrator: loop.Loop, mover: str) -> loop.Loop:
        """Another migrator leads, and cures it; that one is returned."""
        migrator.parts.leader.release()
        other = self.loop(**BOUNDS)
        other.until(
            lambda: any(
                ended.move.server_id == mover
                # Who takes it over has not seen how it was before.
                and ended.outcome in (Outcome.HELPED, Outcome.UNMEASURED)
                for ended in other.journal.all_ended
            ),
            'the cure',
        )
        self.assertEqual('completed', scene.migrations(mover)[0])
        return other

    def replayed(self, migrator: loop.Loop, id_: str, n: int) -> str:
        """A tag that this server had when it moved, an hour ago."""
        server = Server(id_, '', None, None, 'ACTIVE', 0, 0, 0)
        stage = [*Stage][n % len(Stage)]
        move = Move(server, '', stage, time.time() - 60)
        return migrator.parts.effects.signer.tag(move)

    @contextlib.contextmanager
    def flood(self, migrator: loop.Loop, stolen: list[str]) -> Iterator[None]:
        """All his servers are full of tags, and of new ones for ever."""
        for n, id_ in enumerate(self.bobs):
            said = [*forged(TAGS - len(stolen) - 1), *stolen]
            if n < REPLAYED:
                said.append(self.replayed(migrator, id_, n))
            self.write(id_, said)
        for id_ in self.bobs[-IN_ERROR:]:
            scene.action(id_, 'os-resetState', {'state': 'error'})
        over = threading.Event()

        def write() -> None:
            for id_ in itertools.cycle(self.bobs[REPLAYED:-IN_ERROR]):
                if over.wait(0.25):
                    return
                with contextlib.suppress(ApiError):
                    self.write(id_, forged(TAGS))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            yield
        finally:
            over.set()
            writer.join()

    def test_two_tenants(self) -> None:
        first = self.loop(**BOUNDS)
        first.tick()
        stolen: list[str] = []
        mover = self.boot_contended('a1')
        first.until(lambda: stolen.extend(scene.tags(mover)) or stolen, 'it')
        begun = time.monotonic()
        second = self.cure(first, mover)
        quiet = time.monotonic() - begun
        del scene.noise['a1']

        mover = self.boot_contended('b1')
        second.until(lambda: scene.tags(mover), 'it to begin')
        with self.flood(second, stolen):
            second.tick()
            begun = time.monotonic()
            third = self.cure(second, mover)
            war = time.monotonic() - begun
        self.tell('tags', quiet, war)
        for id_ in self.bobs:
            self.assertEqual([], scene.migrations(id_))
            self.assertNotIn('drain', self.script.asked(id_))
        peaceful = self.bobs[:-IN_ERROR]
        for id_ in peaceful:
            self.write(id_, forged(3))
        third.until(
            lambda: not any(tags.ours(scene.tags(id_)) for id_ in peaceful),
            'the tags to be gone',
        )
        self.assertEqual([], scene.tags(mover))


class TestSlots(WarTestCase):
    """With the limits of a fresh installation.

    Bob's servers wait, or seem to, on all hosts of a zone and on another one,
    ask for more than any other, and never arrive. He has the roles of others,
    and stopped servers of them; and all that do not move are full of tags.
    """

    LIMITS: ClassVar[Mapping[str, Any]] = {'breaker_failures': 3}
    #: Where they seem to wait; az2 is where the other tenant's server is.
    LOUD = ('a1', 'a2', 'c1')

    def boot(self) -> list[str]:
        """As if Nova had put two of his servers on each host but a3."""
        never = {'demo:seconds': 'never'}
        hosts = [name for name in one.HOSTS if name != 'a3'] * 2
        ids = scene.boot(
            *(
                Guest(
                    f'bobs-{n}',
                    host,
                    0.01,
                    # Stopped ones fill the budget of their role.
                    role=None if host in self.LOUD else 'web',
                    metadata=never,
                )
                for n, host in enumerate(hosts)
            ),
            owner=dataclasses.replace(users.ADMIN, project=users.BOB.project),
        )
        self.loud = [
            id_
            for id_, host in zip(ids, hosts, strict=True)
            if host in self.LOUD
        ]
        rest = [id_ for id_ in ids if id_ not in self.loud]
        self.stopped, self.idle = rest[::2], rest[1::2]
        return ids

    def attack(self) -> None:
        for id_ in self.stopped:
            self.bob.call('POST', f'/servers/{id_}/action', {'os-stop': None})
        for id_ in self.stopped:
            scene.wait_status(id_, 'SHUTOFF')
        for id_ in self.idle:
            self.write(id_, forged(TAGS))

        def lie(found: dict[str, Any]) -> None:
            for id_ in set(self.loud) & found['servers'].keys():
                found['servers'][id_] |= {
                    'used': 0.5,
                    'waited': 0.49,
                    'load': 9.0,
                }

        scene.lie = lie

    def cured(self, migrator: loop.Loop, mover: str) -> tuple[float, int]:
        """Seconds, and ticks, until it is said to be helped."""
        begun = time.monotonic(), migrator.value('ticks_total')
        (ended,) = migrator.until_ended(mover)
        self.assertEqual(Outcome.HELPED, ended.outcome, ended.detail)
        ticks = migrator.value('ticks_total') - begun[1]
        return time.monotonic() - begun[0], int(ticks)

    def moved(self) -> list[str]:
        """Of Bob's, those that Nova was asked to migrate."""
        return [id_ for id_ in self.bobs if scene.migrations(id_)]

    def test_two_tenants(self) -> None:
        migrator = self.loop(limits=self.LIMITS, **BOUNDS)
        mover = self.boot_contended('a1', role='web')
        quiet = self.cured(migrator, mover)
        del scene.noise['a1']
        scene.call('DELETE', f'/servers/{mover}')
        # Or there would be nobody to keep a slot for.
        scene.boot(Guest('calm', 'c2', 0.05))

        self.attack()
        # He is first, and nobody else waits.
        migrator.until(
            lambda: (
                self.moved()
                and scene.migrations(self.moved()[0]) == ['running']
            ),
            'his first migration',
        )
        for _ in range(3):
            migrator.tick()
        self.assertGreater(migrator.refused('slot_project'), 0)
        (first,) = self.moved()
        mover = self.boot_contended('b1', role='web')
        war = self.cured(migrator, mover)
        self.tell('all there is', quiet[0], war[0])
        # They tell the same on a machine that has something else to do.
        print(f'Ticks: {quiet[1]}, and {war[1]}.', file=sys.__stderr__)
        self.assertEqual(['completed'], scene.migrations(mover))
        self.assertEqual('b2', scene.host(mover))
        # He still has his one, which goes on, and never had another.
        self.assertEqual([first], self.moved())
        self.assertEqual(['running'], scene.migrations(first))
        asked = self.script.asked
        drained = [id_ for id_ in self.bobs if 'drain' in asked(id_)]
        self.assertEqual([first], drained)
