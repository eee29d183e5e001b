import subprocess
import sys
import types

import fixtures
from oslotest import base
from tooz import coordination
from tooz.drivers import file as file_driver

from steal_scheduler.exception import ConfigError, LockLost
from steal_scheduler.migrator.leader import Leader

#: Another migrator: says whether it leads whenever it is asked.
OTHER = """
import sys, types
from steal_scheduler.migrator.leader import Leader
migrator = types.SimpleNamespace(lock_url=sys.argv[1])
leader = Leader(types.SimpleNamespace(migrator=migrator))
for line in sys.stdin:
    if line == 'release\\n':
        leader.release()
    print(leader.acquire() if line == 'acquire\\n' else '', flush=True)
"""


class LeaderTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = self.useFixture(fixtures.TempDir()).path
        self.url = f'file://{directory}'
        self.leader = self.new()

    def new(self, url: str | None = None) -> Leader:
        migrator = types.SimpleNamespace(lock_url=url or self.url)
        leader = Leader(types.SimpleNamespace(migrator=migrator))
        self.addCleanup(leader.release)
        return leader


class TestOne(LeaderTest):
    def test_it_leads(self) -> None:
        self.assertRaises(LockLost, self.leader.check_held)
        for _ in range(3):
            self.assertTrue(self.leader.acquire())
            self.leader.check_held()
        self.leader.release()
        self.assertRaises(LockLost, self.leader.check_held)
        self.leader.release()

    def test_a_url_that_can_not_be_used(self) -> None:
        for url in ('nothing', 'no-such-driver://', 'file:///proc/no/such'):
            error = self.assertRaises(ConfigError, self.new(url).acquire)
            self.assertIn(f'[migrator] lock_url = {url!r}', str(error))

    def test_no_error_tells_the_password(self) -> None:
        url = 'no-such-driver://steal:hush@127.0.0.1/'
        error = self.assertRaises(ConfigError, self.new(url).acquire)
        self.assertNotIn('hush', str(error))
        self.assertIn('no-such-driver://***@127.0.0.1/', str(error))
        self.assertIn('Correct it', str(error))

    def test_nor_a_piece_of_it(self) -> None:
        # A / or @ in it should have been escaped.
        for driver, password in (
            ('redis', 'hu/sh'),
            ('no-such-driver', 'h@ush'),
            ('no-such-driver', 'h@u/sh'),
        ):
            url = f'{driver}://steal:{password}@127.0.0.1:1/'
            error = self.assertRaises(ConfigError, self.new(url).acquire)
            self.assertNotIn('sh', str(error).replace('***', ''))


class TestTwo(LeaderTest):
    """In two processes."""

    def setUp(self) -> None:
        super().setUp()
        self.other = subprocess.Popen(
            [sys.executable, '-c', OTHER, self.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(self.other.communicate)
        self.addCleanup(self.other.kill)

    def ask(self, what: str = 'acquire') -> bool:
        self.other.stdin.write(f'{what}\n')
        self.other.stdin.flush()
        return self.other.stdout.readline() == 'True\n'

    def test_only_one_leads(self) -> None:
        self.assertTrue(self.ask())
        self.assertFalse(self.leader.acquire())
        self.assertRaises(LockLost, self.leader.check_held)
        self.assertTrue(self.ask())
        self.ask('release')
        self.assertTrue(self.leader.acquire())
        self.leader.check_held()
        self.assertFalse(self.ask())

    def test_the_other_dies(self) -> None:
        self.assertTrue(self.ask())
        self.assertFalse(self.leader.acquire())
        self.other.kill()
        self.other.wait()
        self.assertTrue(self.leader.acquire())


class TestLoss(LeaderTest):
    """The file driver loses nothing: here it says that it did."""

    def owner(self, answer: bool | Exception) -> fixtures.MockPatchObject:
        def is_still_owner(lock: object) -> bool:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return fixtures.MockPatchObject(
            file_driver.FileLock, 'is_still_owner', is_still_owner
        )

    def test_it_is_lost(self) -> None:
        self.assertTrue(self.leader.acquire())
        with self.owner(False):
            self.assertRaises(LockLost, self.leader.check_held)
            # Another one may have been at work in between: memory is void.
            self.assertFalse(self.leader.acquire())

    def test_it_does_not_answer(self) -> None:
        trouble = coordination.ToozError('no connection')
        self.assertTrue(self.leader.acquire())
        with self.owner(trouble):
            error = self.assertRaises(LockLost, self.leader.check_held)
            self.assertIn('no connection', str(error))
        self.assertFalse(self.leader.acquire())
        self.assertTrue(self.leader.acquire())
        with self.owner(trouble):
            self.assertFalse(self.leader.acquire())
        self.assertTrue(self.leader.acquire())
        self.leader.check_held()
