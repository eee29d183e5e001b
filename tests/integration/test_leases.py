"""Several migrators and real lock stores: one leads, whatever happens.

A few runs on each store, from seeds that are new each time, and printed;
``make leases`` does two hundred. One run is repeated with its seed::

    STEAL_LEASE_SEED=1234 STEAL_LEASE_RUNS=1 STEAL_LEASE_STORES=redis \\
        tox -e integration -- test_leases.TestLeases

What is drawn is the same then; when the kernel runs whom is not.
"""

# NOTE: before tooz, which would import eventlet. All modules here are
# imported to find the tests, and some embed a Nova, which forbids that.
import steal_scheduler.demo  # isort: skip  # noqa: F401

import concurrent.futures
import os
import pathlib
import queue
import random
import signal
import subprocess
import sys
import time

import etcd3gw
import etcd3gw.lease
import fixtures
from testtools import content

from steal_scheduler.exception import LockLost
from steal_scheduler.migrator import lock_store
from steal_scheduler.migrator.leader import Leader
from steal_scheduler.migrator.store_errors import StoreError
from tests.integration import daemons, leases
from tests.integration.binaries import binary, left_out, skip_if_left_out

#: On each store.
RUNS = int(os.environ.get('STEAL_LEASE_RUNS', '6'))
SEED = int(
    os.environ.get('STEAL_LEASE_SEED', str(random.randrange(1_000_000)))
)
KINDS = (leases.Store, leases.Redis, leases.Etcd)
#: Names, with commas between.
STORES = os.environ.get('STEAL_LEASE_STORES', 'file,redis,etcd').split(',')
#: So many runs of a kind side by side, each with a store of its own: they
#: mostly wait.
_LANES = 8


def setUpModule() -> None:
    # Each test has a home of its own, where nothing was built.
    if not left_out():
        binary('etcd')


class TestLeases(daemons.TestCase):
    """Never two at once, and always somebody in the end."""

    def test_one_leads(self) -> None:
        """On all kinds of store side by side; a failed run ends no other."""
        kinds = [
            kind
            for kind in KINDS
            if kind.name in STORES and not (kind is leases.Etcd and left_out())
        ]
        directory = self.directory()
        with (
            leases.Contenders(directory).running() as contenders,
            leases.Network().running() as network,
            concurrent.futures.ThreadPoolExecutor(len(KINDS)) as pool,
        ):

            def endure(kind: type[leases.Store]) -> list[str]:
                begun = time.monotonic()
                stores = self._stores(kind, directory)

                def run(seed: int) -> leases.Run:
                    store = stores.get()
                    run = leases.Run(store, contenders, network, seed)
                    run.run()
                    if run.trouble:
                        # It may be down, or stand still.
                        store.stop()
                        store.start()
                    stores.put(store)
                    return run

                with concurrent.futures.ThreadPoolExecutor(_LANES) as lanes:
                    runs = [*lanes.map(run, range(SEED, SEED + RUNS))]
                return self._report(kind, runs, time.monotonic() - begun)

            failed = [*pool.map(endure, kinds)]
        self.assertEqual([[] for _ in kinds], failed)

    def _stores(
        self, kind: type[leases.Store], directory: pathlib.Path
    ) -> 'queue.SimpleQueue[leases.Store]':
        """Return one for each lane, started."""
        stores = queue.SimpleQueue[leases.Store]()
        for lane in range(min(_LANES, RUNS)):
            store = kind(directory / f'{kind.name}-{lane}')
            self.addCleanup(store.stop)
            store.start()
            stores.put(store)
        return stores

    def _report(
        self,
        kind: type[leases.Store],
        runs: list[leases.Run],
        seconds: float,
    ) -> list[str]:
        """Print what came of it, and return what failed."""
        failed = []
        for run in runs:
            if run.trouble:
                failed.append(
                    f'{run}: {"; ".join(run.trouble)}. Once more: '
                    f'STEAL_LEASE_SEED={run.seed} STEAL_LEASE_RUNS=1 '
                    f'STEAL_LEASE_STORES={kind.name} '
                    'tox -e integration -- test_leases.TestLeases'
                )
                for who, said in run.logs():
                    self.addDetail(
                        f'{kind.name} {run.seed} {who}',
                        content.text_content(said),
                    )
        recoveries = sorted(s for run in runs for s in run.recoveries)
        # Whether it fails or not; what a test prints is not shown.
        print(
            f'leases, {kind.name}: seeds {SEED} to {SEED + RUNS - 1}, '
            f'{sum(len(run.leaderships) for run in runs)} leaderships, '
            f'{sum(run.passes for run in runs)} checks passed; led again '
            f'after {recoveries[len(recoveries) // 2]:.1f} s, at most '
            f'{recoveries[-1]:.1f} s; {len(failed)} failed ({seconds:.0f} s)',
            file=sys.__stderr__,
        )
        return failed


class ContractTest(daemons.TestCase):
    """What we rely on in a store, of which tooz shows nothing."""

    def start(self, kind: type[leases.Server], *more: str) -> leases.Server:
        store = kind(self.directory() / kind.name, *more)
        self.keep(store.daemon.log)
        self.addCleanup(store.stop)
        store.start()
        return store

    def leader(self, url: str, lease: float = 90) -> Leader:
        """Return one whose lease ends after the test."""
        leader = leases.leader(url, lease)
        self.addCleanup(leader.release)
        return leader

    def assert_refused(self, said: str, url: str) -> None:
        """It says why, soon, and no password."""
        logged = self.useFixture(fixtures.FakeLogger())
        begun = time.monotonic()
        self.assertFalse(self.leader(url).acquire())
        # Once at most for an answer, and a while on a busy machine.
        self.assertLess(time.monotonic() - begun, 25)
        self.assertIn(said, logged.output)
        self.assertNotIn('hush', logged.output)
        self.assertNotIn('Traceback', logged.output)

    def assert_dies_quietly(self, server: leases.Server) -> None:
        """Each call says that there is no answer, and nothing else."""
        store = lock_store.connect(server.url(server.port), 90)
        self.assertTrue(store.acquire())
        server.stop()
        self.assertRaises(StoreError, store.renew)
        self.assertRaises(StoreError, store.next_number, time.time())
        self.assertRaises(StoreError, store.acquire)
        store.close()

    def certificate(self) -> tuple[pathlib.Path, pathlib.Path]:
        """Return one that vouches for itself, and its key."""
        directory = self.directory()
        cert, key = directory / 'cert.pem', directory / 'key.pem'
        subprocess.run(
            [
                *(daemons.program('openssl'), 'req', '-x509', '-nodes'),
                *('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'),
                *('-keyout', str(key), '-out', str(cert), '-days', '2'),
                *('-subj', '/CN=test'),
                *('-addext', 'subjectAltName=IP:127.0.0.1'),
            ],
            check=True,
            capture_output=True,
        )
        return cert, key


class TestRedis(ContractTest):
    LOCK = '_tooz_steal-migrator_lock'
    NUMBER = 'steal-migrator-leadership'

    def test_the_number_is_kept(self) -> None:
        store = self.start(leases.Redis)
        first = self.leader(store.url(store.port), 2)
        first.acquire()
        with store.client as client:
            self.assertEqual(first.number, int(client.get(self.NUMBER)))
            self.assertTrue(client.exists(self.LOCK))
            first.release()
            daemons.until('it is free', lambda: not client.exists(self.LOCK))
            # As one did whose clock is ahead.
            client.set(self.NUMBER, 2_000_000_000)
        second = self.leader(store.url(store.port))
        second.acquire()
        self.assertEqual(2_000_000_001, second.number)

    def test_it_waits_for_the_leader_before(self) -> None:
        """A redis that was restarted may have forgotten that one."""
        store = self.start(leases.Redis)
        begun = leases.now()
        leader = self.leader(store.url(store.port), 2)
        daemons.until('it leads', leader.acquire)
        self.assertGreaterEqual(leases.now() - begun, 2)

    def test_the_lock_of_another(self) -> None:
        store = self.start(leases.Redis)
        for change in (
            lambda client: client.set(self.LOCK, 'another'),
            lambda client: client.delete(self.LOCK),
            lambda client: client.flushall(),
        ):
            leader = self.leader(store.url(store.port))
            leader.acquire()
            leader.renew()
            with store.client as client:
                change(client)
                leader.renew()
                self.assertRaises(LockLost, leader.check_held)
                leader.release()
                client.flushall()

    def test_it_dies(self) -> None:
        self.assert_dies_quietly(self.start(leases.Redis))

    def test_it_is_down(self) -> None:
        port = daemons.free_port()
        self.assert_refused('Connection refused', f'redis://127.0.0.1:{port}')

    def test_it_stands_still(self) -> None:
        store = self.start(leases.Redis)
        store.daemon.send(signal.SIGSTOP)
        self.assert_refused('Timeout', store.url(store.port))

    def test_a_wrong_password(self) -> None:
        store = self.start(leases.Redis, '--requirepass', 'hush-1')
        where = f'127.0.0.1:{store.port}'
        self.assert_refused('invalid username', f'redis://:hush@{where}')
        self.assert_refused('authenticated', f'redis://{where}')
        leader = self.leader(f'redis://:hush-1@{where}', 2)
        daemons.until('it leads', leader.acquire)

    def test_tls(self) -> None:
        cert, key = self.certificate()
        port = daemons.free_port()
        self.start(
            leases.Redis,
            *('--tls-port', str(port), '--tls-auth-clients', 'no'),
            *('--tls-cert-file', str(cert), '--tls-key-file', str(key)),
        )
        url = f'redis://127.0.0.1:{port}?ssl=true'
        self.assert_refused('certificate verify failed', url)
        leader = self.leader(f'{url}&ssl_ca_certs={cert}', 2)
        daemons.until('it leads', leader.acquire)


class TestEtcd(ContractTest):
    LOCK = '/tooz/lockssteal-migrator'
    NUMBER = 'steal-migrator/leadership'

    def setUp(self) -> None:
        super().setUp()
        skip_if_left_out()

    def test_the_number_is_kept(self) -> None:
        store = self.start(leases.Etcd)
        first = self.leader(store.url(store.port))
        self.assertTrue(first.acquire())
        (kept,) = store.client.get(self.NUMBER)
        self.assertEqual(first.number, int(kept))
        first.release()
        store.client.put(self.NUMBER, '2000000000')
        second = self.leader(store.url(store.port))
        daemons.until('it leads', second.acquire)
        self.assertEqual(2_000_000_001, second.number)

    def test_it_is_renewed(self) -> None:
        """With etcd's own lease, which ends without."""
        store = self.start(leases.Etcd)
        leader = self.leader(store.url(store.port), 3)
        self.assertTrue(leader.acquire())
        since = leases.now()
        daemons.until(
            'two leases are over',
            lambda: not leader.acquire() or leases.now() > since + 6,
        )
        self.assertGreater(leader.left, 0)
        leader.release()
        daemons.until('it is free', lambda: not store.client.get(self.LOCK))

    def test_the_lock_of_another(self) -> None:
        store = self.start(leases.Etcd)
        client = store.client
        for change in (
            lambda key: client.delete(self.LOCK),
            # It is there again, and even looks the same.
            lambda key: client.delete(self.LOCK) and client.put(*key),
            lambda key: etcd3gw.lease.Lease(
                _lease(client, self.LOCK), client
            ).revoke(),
        ):
            leader = self.leader(store.url(store.port))
            self.assertTrue(leader.acquire())
            leader.renew()
            leader.check_held()
            change((self.LOCK, client.get(self.LOCK)[0]))
            leader.renew()
            self.assertRaises(LockLost, leader.check_held)
            leader.release()
            store.forget()

    def test_it_is_restarted(self) -> None:
        """It remembers."""
        store = self.start(leases.Etcd)
        leader = self.leader(store.url(store.port))
        self.assertTrue(leader.acquire())
        store.stop()
        leader.renew()
        leader.check_held()
        store.start()
        leader.renew()
        leader.check_held()
        self.assertFalse(self.leader(store.url(store.port)).acquire())

    def test_it_dies(self) -> None:
        self.assert_dies_quietly(self.start(leases.Etcd))

    def test_it_is_down(self) -> None:
        port = daemons.free_port()
        url = f'etcd3+http://127.0.0.1:{port}'
        self.assert_refused('Connection refused', url)

    def test_it_stands_still(self) -> None:
        store = self.start(leases.Etcd)
        store.daemon.send(signal.SIGSTOP)
        self.assert_refused('timed out', store.url(store.port))

    def test_tls(self) -> None:
        cert, key = self.certificate()
        store = self.start(leases.Etcd, str(cert), str(key))
        url = f'etcd3+https://127.0.0.1:{store.port}'
        self.assert_refused('certificate verify failed', url)
        leader = self.leader(f'{url}?ca_cert={cert}')
        daemons.until('it leads', leader.acquire)


def _lease(client: etcd3gw.Etcd3Client, key: str) -> int:
    """Return the number of the lease that a key has."""
    ((_, known),) = client.get(key, metadata=True)
    return int(known['lease'])
