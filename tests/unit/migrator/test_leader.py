"""The lease: here by a clock and a store of the test's own.

The file store is the real one; ``tests/integration/test_leases.py`` has the
others, whose migrators are stopped and whose stores are restarted.
"""

import pathlib
import subprocess
import sys
import threading
import time
import types
from typing import Any
from unittest import mock

import fixtures
from oslotest import base
from tooz import coordination

from steal_scheduler.exception import ConfigError, LockLost
from steal_scheduler.migrator import leader as leader_module
from steal_scheduler.migrator import lock_store, store_errors
from steal_scheduler.migrator.leader import Leader

#: Another migrator: says whether it leads whenever it is asked.
OTHER = """
import sys, types
from steal_scheduler.migrator.leader import Leader
migrator = types.SimpleNamespace(lock_url=sys.argv[1], lease=90)
leader = Leader(types.SimpleNamespace(migrator=migrator), {})
for line in sys.stdin:
    if line == 'release\\n':
        leader.release()
    print(leader.acquire() if line == 'acquire\\n' else '', flush=True)
"""


class LeaderTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.url = f'file://{self.directory}'

    def new(self, url: str | None = None, lease: float = 90) -> Leader:
        migrator = types.SimpleNamespace(lock_url=url or self.url, lease=lease)
        calls = {'[nova] timeout': 60.0, '[lb] timeout': 20.0}
        leader = Leader(types.SimpleNamespace(migrator=migrator), calls)
        self.addCleanup(leader.release)
        return leader


class TestFile(LeaderTest):
    def test_it_leads(self) -> None:
        leader = self.new()
        self.assertRaises(LockLost, leader.check_held)
        for _ in range(3):
            self.assertTrue(leader.acquire())
            leader.check_held(60)
        leader.release()
        self.assertRaises(LockLost, leader.check_held)
        leader.release()

    def test_its_file_is_removed(self) -> None:
        """Another process would lock a new one."""
        leader = self.new()
        self.assertTrue(leader.acquire())
        (pathlib.Path(self.directory) / 'steal-migrator').unlink()
        leader.renew()
        self.assertRaises(LockLost, leader.check_held)
        self.assertFalse(leader.acquire())
        self.assertTrue(leader.acquire())

    def test_each_leadership_has_a_greater_number(self) -> None:
        numbers = []
        for times in range(3):
            leader = self.new()
            self.assertTrue(leader.acquire())
            # Of the first one nobody was the leader before.
            self.assertEqual(times > 0, leader.handover)
            numbers.append(leader.number)
            leader.release()
        self.assertEqual(sorted({*numbers}), numbers)
        self.assertGreaterEqual(numbers[0], int(time.time()) - 60)

    def test_also_where_its_clock_is_behind(self) -> None:
        ahead = self.new()
        with mock.patch.object(time, 'time', lambda: 2e9):
            self.assertTrue(ahead.acquire())
        ahead.release()
        leader = self.new()
        self.assertTrue(leader.acquire())
        self.assertEqual(2_000_000_001, leader.number)


class TestOptions(LeaderTest):
    def test_a_lease_that_is_too_short(self) -> None:
        error = self.assertRaises(ConfigError, self.new, lease=60)
        self.assertIn('[migrator] lease = 60 is too short', str(error))
        self.assertIn('[nova] timeout', str(error))
        self.assertIn('more than 82', str(error))

    def test_a_lease_of_no_whole_seconds(self) -> None:
        """The store keeps the lock no shorter than its holder believes."""
        driver = mock.Mock()
        leader = self.new('redis://127.0.0.1:1/', lease=90.9)
        with mock.patch.object(
            coordination, 'get_coordinator', return_value=driver
        ) as opened:
            leader.probe()
        self.assertEqual(91, opened.call_args.kwargs['lock_timeout'])

    def test_a_url_that_can_not_be_used(self) -> None:
        for url in ('nothing', 'no-such-driver://', 'file:///proc/no/such'):
            error = self.assertRaises(ConfigError, self.new(url).acquire)
            self.assertIn(f'[migrator] lock_url = {url!r}', str(error))

    def test_a_store_that_can_not_tell(self) -> None:
        """They are locks of tooz, but none says whether it is still held."""
        for scheme in ('mysql', 'postgresql', 'memcached', 'ipc', 'zookeeper'):
            url = f'{scheme}://127.0.0.1/'
            error = self.assertRaises(ConfigError, self.new(url).probe)
            self.assertIn('no store that can prove who leads', str(error))
            self.assertIn('etcd3+http://', str(error))

    def test_a_package_that_is_missing(self) -> None:
        url = 'etcd3+http://127.0.0.1:1'
        with mock.patch.dict(
            sys.modules,
            {'etcd3gw': None, 'tooz.drivers.etcd3gw': None},
        ):
            error = self.assertRaises(ConfigError, self.new(url).probe)
        self.assertIn("pip install 'tooz[etcd3gw]'", str(error))

    def test_no_error_tells_the_password(self) -> None:
        url = 'no-such-driver://steal:hush@127.0.0.1/'
        error = self.assertRaises(ConfigError, self.new(url).acquire)
        self.assertNotIn('hush', str(error))
        self.assertIn('no-such-driver://***@127.0.0.1/', str(error))

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

    def test_a_store_that_does_not_answer(self) -> None:
        """It may answer later; nothing is led meanwhile, and once is said."""
        logged = self.useFixture(fixtures.FakeLogger())
        silent = coordination.ToozConnectionError('refused')
        driver = mock.Mock(start=mock.Mock(side_effect=silent))
        leader = self.new('redis://127.0.0.1:1/')
        with mock.patch.object(
            coordination, 'get_coordinator', lambda *_, **__: driver
        ):
            for _ in range(3):
                self.assertFalse(leader.acquire())
        said = logged.output.count('lock store does not answer')
        self.assertEqual(1, said, logged.output)
        self.assertNotIn('Traceback', logged.output)


class TestTwo(LeaderTest):
    """In two processes."""

    def setUp(self) -> None:
        super().setUp()
        self.leader = self.new()
        self.other = subprocess.Popen(
            [sys.executable, '-c', OTHER, self.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(self.other.communicate)
        self.addCleanup(self.other.kill)

    def ask(self, what: str = 'acquire') -> bool:
        assert self.other.stdin and self.other.stdout
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


class Store(lock_store.LockStore):
    """A store that says what the test wants; nothing of it is real."""

    owner: 'Store | None' = None
    down = False
    #: Somebody has before.
    led = True

    def __init__(self) -> None:
        """There is nothing to connect to."""

    def acquire(self) -> bool:
        self._answer()
        if Store.owner is None:
            Store.owner = self
        return Store.owner is self

    def renew(self) -> bool:
        self._answer()
        return Store.owner is self

    def next_number(self, now: float) -> int:
        self.had_leader = Store.led
        return int(now)

    def close(self) -> None:
        if Store.owner is self and not Store.down:
            Store.owner = None

    def _answer(self) -> None:
        if Store.down:
            raise store_errors.StoreError('no connection')


class Forgets(Store):
    forgets = True


class Heart:
    """Stands for the thread: it beats when the test says so."""

    def __init__(self, target: Any, args: Any, daemon: bool) -> None:
        self._end = lambda: target(*args)

    def start(self) -> None:
        """It does not beat."""

    def join(self, timeout: float) -> None:
        self._end()


class TestLease(LeaderTest):
    """Seconds pass as the test says."""

    def setUp(self) -> None:
        super().setUp()
        self.now = 1000.0
        self.kind: type[Store] = Store
        Store.owner, Store.down, Store.led = None, False, True
        modules: Any = time, lock_store, leader_module
        for module, name, new in zip(
            modules,
            ('clock_gettime', 'connect', 'Thread'),
            (lambda clock: self.now, lambda *_: self.kind(), Heart),
            strict=True,
        ):
            self.useFixture(fixtures.MockPatchObject(module, name, new))
        self.leader = self.new()

    def test_it_ends_where_nobody_renews_it(self) -> None:
        """So it is after a stop, whatever the store says then."""
        self.assertTrue(self.leader.acquire())
        self.now += 80
        self.leader.check_held()
        self.now += 1
        self.assertRaises(LockLost, self.leader.check_held)
        # Another one may have been at work in between: memory is void.
        self.assertFalse(self.leader.acquire())
        self.assertTrue(self.leader.acquire())

    def test_it_is_renewed(self) -> None:
        self.assertTrue(self.leader.acquire())
        for _ in range(20):
            self.now += 15
            self.leader.check_held(60)
            self.leader.renew()
            self.assertTrue(self.leader.acquire())

    def test_a_call_that_would_outlast_it(self) -> None:
        self.assertTrue(self.leader.acquire())
        self.now += 31
        self.leader.check_held(20)
        error = self.assertRaises(LockLost, self.leader.check_held, 60)
        self.assertIn('goes on for 50 s, and 60 s are needed', str(error))
        self.leader.renew()
        self.leader.check_held(60)

    def test_the_store_does_not_answer(self) -> None:
        logged = self.useFixture(fixtures.FakeLogger())
        self.assertTrue(self.leader.acquire())
        Store.down = True
        for _ in range(8):
            self.now += 10
            self.leader.renew()
            self.leader.check_held()
            self.assertTrue(self.leader.acquire())
        self.now += 10
        self.assertRaises(LockLost, self.leader.check_held)
        self.assertFalse(self.leader.acquire())
        self.assertFalse(self.leader.acquire())
        self.assertEqual(1, logged.output.count('does not answer'))
        Store.owner, Store.down = None, False
        self.assertTrue(self.leader.acquire())

    def test_why_it_stands_by(self) -> None:
        """Whether another one leads, a silent store does not tell."""
        logged = self.useFixture(fixtures.FakeLogger())

        def said() -> list[str]:
            self.assertFalse(self.leader.acquire())
            lines = logged.output.splitlines()
            return [line for line in lines if line.startswith('Standby')]

        Store.down = True
        silent = ['Standby until the lock store answers.']
        for _ in range(2):
            self.assertEqual(silent, said())
        Store.owner, Store.down = Store(), False
        another = [*silent, 'Standby: another migrator leads.']
        for _ in range(2):
            self.assertEqual(another, said())

    def test_it_is_lost(self) -> None:
        self.assertTrue(self.leader.acquire())
        Store.owner = Store()
        self.leader.renew()
        self.assertRaises(LockLost, self.leader.check_held)
        self.assertFalse(self.leader.acquire())
        self.assertFalse(self.leader.acquire())

    def test_what_it_took_too_long_to_hear_is_void(self) -> None:
        """Its lock may have gone to another one in the meantime."""

        def late(store: Store) -> bool:
            self.now += 82
            return True

        with mock.patch.object(Store, 'acquire', late):
            self.assertFalse(self.leader.acquire())
        self.assertRaises(LockLost, self.leader.check_held)

    def test_calls_of_the_leader_before_may_go_on(self) -> None:
        self.assertTrue(self.leader.acquire())
        self.now += 59
        self.assertTrue(self.leader.handover)
        self.now += 2
        self.assertFalse(self.leader.handover)

    def test_who_waits_for_it(self) -> None:
        """steal-manage has no second try."""
        self.kind = Forgets
        waited = []

        def wait(event: object, seconds: float) -> bool:
            waited.append(seconds)
            self.now += seconds
            self.leader.renew()
            return False

        with mock.patch.object(threading.Event, 'wait', wait):
            self.assertTrue(self.leader.acquire_in_time())
            self.assertFalse(self.new().acquire_in_time())
        self.assertEqual(90.0, sum(waited))

    def test_nobody_led_before(self) -> None:
        Store.led = False
        self.assertTrue(self.leader.acquire())
        self.assertFalse(self.leader.handover)

    def test_a_store_that_forgets(self) -> None:
        """It gives the lock away while its holder's lease goes on."""
        self.kind = Forgets
        old, new = self.leader, self.new()
        old.acquire()
        for _ in range(7):
            self.now += 15
            old.renew()
        self.assertTrue(old.acquire())
        Store.owner = None
        led = set()
        for _ in range(30):
            new.acquire()
            who = 'old' * (old.left > 0) + 'new' * (new.left > 0)
            self.assertIn(who, ('', 'old', 'new'))
            led.add(who)
            new.renew()
            self.now += 5
        self.assertEqual({'', 'old', 'new'}, led)
        self.assertTrue(new.left)

    def test_a_store_that_forgets_and_was_late(self) -> None:
        """It said yes to the old one while the new one waited for its yes."""
        self.kind = Forgets
        old, new = self.leader, self.new()
        old.acquire()
        self.now += 15
        old.renew()

        def late(store: Store) -> bool:
            self.now += 60
            old.renew()
            Store.owner = store
            return True

        with mock.patch.object(Forgets, 'acquire', late):
            new.acquire()
        for _ in range(20):
            self.assertFalse(old.left and new.left)
            self.now += 5
            new.renew()
        self.assertTrue(new.left)
