"""Who is slow holds up his own servers, and nobody else's move."""

from tests.functional import loop, one  # isort: skip (before Nova's)

import base64
import resource
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any, ClassVar

from tests.functional.scene import Guest
from tests.standins.app import Answer, Request, StandIn, raw
from tests.standins.transport import served

scene = one.scene
setUpModule = one.set_up()

#: Seconds that a call of the slow one may take.
BOUND = 1
HEAD = b'HTTP/1.1 200 OK\r\n'
MIB = 2**20
#: MiB that the packed answer unpacks to.
LARGE = 200


def packed() -> bytes:
    """200 KiB; what says so is zeros."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [pack.compress(bytes(MIB)) for _ in range(LARGE)]
    return b''.join([*parts, pack.flush()])


def memory() -> float:
    """MiB that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Receiver(StandIn):
    """Of a webhook; it drains also where its answer never comes."""

    def __init__(self) -> None:
        super().__init__()
        self.out: set[str] = set()
        self.before = self._do

    def _do(self, request: Request) -> None:
        about = request.json
        drains = about['type'] == 'server.drain'
        do = self.out.add if drains else self.out.discard
        do(about['server']['id'])

    def answer(self, request: Request) -> Answer:
        return 204, b''


class TestSlowPeers(loop.LoopTestCase):
    scene = scene
    times: ClassVar[dict[str, float]] = {}

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        told = ', '.join(f'{k} {v:.1f} s' for k, v in cls.times.items())
        print(f'A quick move: {told}', file=sys.__stderr__)

    def setUp(self) -> None:
        super().setUp()
        self.slow, self.quick = scene.boot(
            Guest('slow', 'a1', role='slow'),
            Guest('quick', 'b1', role='quick'),
        )

    def begin_with(self, **slow: Any) -> loop.Loop:
        return self.loop(
            migrator={'orchestrators': 'slow, quick'},
            slow={'roles': 'slow', 'timeout': BOUND, **slow},
            quick={
                'driver': 'command',
                'path': self.script.path,
                'roles': 'quick',
                'timeout': 20,
            },
        )

    def cure_quick(self, migrator: loop.Loop, kind: str) -> None:
        """All of its move goes through; note how long that takes."""
        begun = time.monotonic()
        scene.noise['b1'] = 1.5
        migrator.until_ended(self.quick)
        self.times[kind] = time.monotonic() - begun
        self.assertEqual({'helped': 1}, migrator.outcomes())
        self.assertEqual('b2', scene.host(self.quick))
        self.assertEqual(['drain', 'reattach'], self.script.done(self.quick))
        self.assert_back(self.quick)

    def assert_beside(
        self,
        migrator: loop.Loop,
        kind: str,
        asked: Callable[[], int],
        release: Callable[[], None],
    ) -> None:
        """It moves while a drain is under way that does not end.

        :param asked: how many times the slow one was asked
        :param release: let it be quick
        """
        scene.noise['a1'] = 1.5
        migrator.until(asked, 'the slow drain')
        self.cure_quick(migrator, kind)
        self.assertEqual('drain', scene.stage(self.slow))
        self.assertEqual([], scene.migrations(self.slow))
        # It was heard that the one before had ended.
        before = asked()
        migrator.until(lambda: asked() > before, 'the slow drain to end')
        self.assertEqual('drain', scene.stage(self.slow))
        release()
        migrator.until_ended(self.slow)
        self.assertEqual({'helped': 2}, migrator.outcomes())
        self.assertEqual([], scene.tags(self.slow))
        self.assertEqual(['completed'], scene.migrations(self.slow))

    def assert_beside_webhook(self, kind: str, answer: Any) -> None:
        receiver = Receiver()
        receiver.instead['*'] = answer
        key = self.directory / 'key'
        key.write_text('whsec_' + base64.b64encode(bytes(32)).decode())
        key.chmod(0o600)
        url = self.enterContext(served(receiver)).url
        self.assert_beside(
            self.begin_with(driver='webhook', url=url, signing_key_file=key),
            kind,
            lambda: len(receiver.asked),
            receiver.instead.clear,
        )
        self.assertEqual(set(), receiver.out)

    def test_alone(self) -> None:
        migrator = self.begin_with(driver='command', path=self.script.path)
        migrator.tick()
        self.cure_quick(migrator, 'alone')

    def test_a_byte_now_and_then(self) -> None:
        head = HEAD + b'Content-Length: 99999\r\n\r\n'
        self.assert_beside_webhook('a slow body', raw(head, b'x'))
        self.assertIn(f'no answer in {BOUND} s', self.log_text())

    def test_headers_without_an_end(self) -> None:
        said = raw(HEAD + b'X-Long: ', b'x')
        self.assert_beside_webhook('slow headers', said)
        self.assertIn(f'no answer in {BOUND} s', self.log_text())

    def test_what_unpacks_to_a_thousand_times_its_size(self) -> None:
        body = packed()
        self.assertLess(len(body), MIB)
        before = memory()
        headers = {'Content-Encoding': 'gzip'}
        self.assert_beside_webhook('a packed answer', (202, body, headers))
        self.assertLess(memory() - before, LARGE)

    def test_a_command_that_hangs(self) -> None:
        script = loop.Script(self.directory / 'slow')
        self.addCleanup(script.release)
        script.let('drain', 'hangs')
        self.assert_beside(
            self.begin_with(driver='command', path=script.path),
            'a hanging command',
            lambda: len(script.asked(self.slow)),
            script.release,
        )
        self.assertEqual('reattach', script.done(self.slow)[-1])
        self.assertIn(f'did not end in {BOUND} s', self.log_text())
        self.assertEqual([], script.processes())
