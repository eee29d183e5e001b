"""Two tenants: what one writes to his servers costs the other nothing."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import contextlib
import itertools
import secrets
import sys
import threading
import time
from collections.abc import Iterator

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


class TestWar(loop.LoopTestCase):
    scene = scene

    def setUp(self) -> None:
        super().setUp()
        self.bob = Api(scene.cloud.url, users.BOB)
        self.bobs = scene.boot(
            *(Guest(f'bobs-{n}', '', 0.01) for n in range(SERVERS)),
            owner=users.BOB,
        )

    def write(self, id_: str, texts: list[str]) -> None:
        self.bob.call('PUT', f'/servers/{id_}/tags', {'tags': texts})

    def cure(self, migrator: loop.Loop, mover: str) -> loop.Loop:
        """Another migrator leads, and cures it; that one is returned."""
        migrator.parts.leader.release()
        other = self.loop(**BOUNDS)
        other.until(
            lambda: any(
                ended.move.server_id == mover
                and ended.outcome is Outcome.HELPED
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
        print(
            f'Cured in {quiet:.1f} s when it is quiet, in {war:.1f} s at war '
            f'over tags: {war / quiet:.2f} times.',
            file=sys.__stderr__,
        )
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
