import dataclasses
import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

import fixtures
import oslo_messaging
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_messaging.rpc import server
from oslotest import base

from steal_scheduler.messaging import acknowledgement
from steal_scheduler.messaging.acknowledgement import (
    FORGET,
    GONE,
    MOST_WORKERS,
    RECENT,
    Receiver,
    decode,
    encode,
)
from steal_scheduler.model.scheduler import Scheduler
from tests.shared import PATIENCE
from tests.unit import bus
from tests.unit.make import NOW

CLASSES = ('StealFilter', 'StealWeigher')
SCHEDULER = Scheduler(
    'controller-1', NOW - 2, CLASSES, 1000, NOW, worker=42, ranked_at=NOW - 1
)
MESSAGE = encode(SCHEDULER)
#: What one of before there were rankings does not say.
SINCE = {'worker', 'ranked_at'}


def configuration(poll_interval: float = 60.0) -> cfg.ConfigOpts:
    option = cfg.FloatOpt('poll_interval', default=poll_interval)
    return bus.configuration(opts=[('migrator', [option])])


class TestMessage(base.BaseTestCase):
    def test_what_is_written_is_read(self) -> None:
        self.assertEqual(SCHEDULER, decode(MESSAGE, NOW))
        self.assertEqual(('SameAvailabilityZoneFilter',), SCHEDULER.missing)

    def test_what_the_first_version_wrote_is_read(self) -> None:
        sample = Path(__file__).parents[2] / 'data/formats'
        message = json.loads((sample / 'acknowledgement-1.json').read_text())
        at = message['taken_at']
        self.assertEqual(
            Scheduler(
                'controller1',
                at,
                ('SameAvailabilityZoneFilter', *CLASSES),
                1000,
                at + 1,
            ),
            decode(message, at + 1),
        )

    def test_what_it_writes_of_rankings(self) -> None:
        sample = Path(__file__).parents[2] / 'data/formats'
        message = json.loads(
            (sample / 'acknowledgement-1-rankings.json').read_text()
        )
        self.assertEqual(MESSAGE.keys(), message.keys())
        found = decode(message, message['taken_at'] + 5)
        assert found is not None
        self.assertEqual(1795339291.2, found.ranked_at)
        self.assertEqual(1234, found.worker)

    def test_what_cannot_be(self) -> None:
        for change in (
            {'version': 2},
            {'host': ''},
            {'host': ['controller-1']},
            {'taken_at': NOW + 6},
            {'taken_at': NOW - FORGET - 1},
            {'taken_at': 'nan'},
            {'taken_at': 'soon'},
            {'taken_at': 10**400},
            {'classes': None},
            {'classes': [[]]},
            {'max_placement_results': -1},
            {'max_placement_results': 2**31},
            {'max_placement_results': float('inf')},
            {'worker': -1},
            {'worker': 2**31},
            {'worker': None},
            {'ranked_at': NOW + 6},
            {'ranked_at': 'nan'},
            {'ranked_at': 'soon'},
            {'ranked_at': []},
        ):
            self.assertIsNone(decode({**MESSAGE, **change}, NOW), change)
        for key in MESSAGE.keys() - SINCE:
            less = {k: v for k, v in MESSAGE.items() if k != key}
            self.assertIsNone(decode(less, NOW), key)

    def test_what_others_could_write(self) -> None:
        found = decode(
            {
                **MESSAGE,
                'host': 'a\x1b[2J\nERROR all is lost' + 'x' * 1000,
                'classes': ['StealFilter', 'Evil\n', 7, 'StealFilter'],
            },
            NOW,
        )
        assert found is not None
        self.assertTrue(found.host.startswith('a?[2J ERROR all is lostx'))
        self.assertEqual(255, len(found.host))
        self.assertEqual(('StealFilter',), found.classes)

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(sorted(MESSAGE)) | st.text(), inner
                )
            ),
        )
    )
    def test_nothing_is_raised(self, message: Any) -> None:
        decode(message, NOW)
        if isinstance(message, dict):
            decode({**MESSAGE, **message}, NOW)


class TestReceiver(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.now = NOW
        self.receiver = Receiver(configuration(), lambda: self.now)

    def test_the_last_word_of_each_host(self) -> None:
        other = encode(Scheduler('controller-2', NOW, (), 10))
        for message in MESSAGE, other, {**MESSAGE, 'classes': []}, 'nonsense':
            self.receiver.accept(message)
        self.assertEqual(
            {
                'controller-1': dataclasses.replace(
                    SCHEDULER, classes=(), worker=0
                ),
                'controller-2': Scheduler('controller-2', NOW, (), 10, NOW),
            },
            self.receiver.heard(NOW),
        )

    def ranked_at(self, *workers: tuple[int, float, float | None]) -> Any:
        """Of one host, of whose workers each was heard once.

        :param workers: process id, when it was heard, and what it has
        """
        for worker, heard_at, at in workers:
            self.now = heard_at
            said = {'worker': worker, 'ranked_at': at}
            self.receiver.accept(MESSAGE | said)
        (found,) = self.receiver.heard(self.now).values()
        return found.ranked_at

    def test_the_worker_that_is_furthest_behind(self) -> None:
        found = self.ranked_at(
            (1, NOW, NOW), (2, NOW, NOW - 3), (3, NOW + 1, NOW)
        )
        self.assertEqual(NOW - 3, found)
        # Until it has taken the next one, too.
        self.assertEqual(NOW, self.ranked_at((2, NOW + 2, NOW)))

    def test_a_worker_that_has_ended(self) -> None:
        found = self.ranked_at((1, NOW, NOW), (2, NOW + GONE, NOW + 29))
        self.assertEqual(NOW, found)
        self.assertEqual(
            NOW + 29, self.ranked_at((2, NOW + GONE + 0.5, NOW + 29))
        )

    def test_one_that_reads_no_rankings(self) -> None:
        """As while the workers of a host are replaced."""
        self.assertIsNone(self.ranked_at((0, NOW, None)))
        self.assertEqual(NOW - 3, self.ranked_at((7, NOW, NOW - 3)))

    def test_one_of_a_newer_version(self) -> None:
        """It is said once, whatever comes."""
        log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))
        for version in (2, 3, '4', None):
            for host in ('controller-1', 'x\x1b[31m'):
                newer = {'version': version, 'host': host, 'more': 'words'}
                self.receiver.accept(newer)
        self.assertEqual({}, self.receiver.heard(NOW))
        self.assertEqual(
            1,
            log.output.count(
                'The nova-scheduler of host controller-1 acknowledges views '
                'as a newer steal-scheduler does'
            ),
        )

    def test_it_grows_old_and_is_forgotten(self) -> None:
        self.receiver.accept(MESSAGE)
        for age, recent in ((RECENT, True), (RECENT + 1, False)):
            (found,) = self.receiver.heard(NOW + age).values()
            self.assertEqual(recent, found.recent)
        self.assertEqual({}, self.receiver.heard(NOW + FORGET))
        # With slow polls a view is rare.
        self.receiver = Receiver(configuration(3600.0), lambda: NOW)
        self.receiver.accept(MESSAGE)
        (found,) = self.receiver.heard(NOW + 10000).values()
        self.assertTrue(found.recent)
        self.assertEqual({}, self.receiver.heard(NOW + 10800))

    def test_inventions_do_not_fill_the_memory(self) -> None:
        for n in range(MOST_WORKERS + 5):
            self.receiver.accept({**MESSAGE, 'host': f'host-{n}'})
        self.assertEqual(MOST_WORKERS, len(self.receiver.heard(NOW)))
        self.receiver.accept({**MESSAGE, 'worker': 43})
        self.assertEqual(MOST_WORKERS, len(self.receiver.heard(NOW)))
        # Who is known already is heard; others are, when those are forgotten.
        self.now += 60
        self.receiver.accept({**MESSAGE, 'host': 'host-0'})
        heard = self.receiver.heard(self.now)
        self.assertEqual(self.now, heard['host-0'].heard_at)
        self.now += FORGET
        self.receiver.accept({**MESSAGE, 'taken_at': self.now})
        self.assertEqual(['controller-1'], [*self.receiver.heard(self.now)])

    def test_over_the_bus(self) -> None:
        conf = configuration()
        receivers = [Receiver(conf) for _ in range(2)]
        for receiver in receivers:
            receiver.start()
            self.addCleanup(receiver.stop)
        client = oslo_messaging.get_rpc_client(
            oslo_messaging.get_rpc_transport(conf), acknowledgement.target()
        )
        end = time.monotonic() + PATIENCE
        while not all(each.heard(time.time()) for each in receivers):
            self.assertLess(time.monotonic(), end)
            message = {**MESSAGE, 'taken_at': time.time()}
            client.cast({}, 'acknowledge', acknowledgement=message)
            threading.Event().wait(0.05)

    def test_a_broker_that_is_down_at_first(self) -> None:
        log = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        self.patch(acknowledgement, '_RETRY_SECONDS', 0.01)
        refused = threading.Semaphore(0)

        def refuse(*args: object, **kwargs: object) -> None:
            refused.release()
            raise oslo_messaging.MessageDeliveryFailure('no broker')

        self.patch(server.RPCServer, 'start', refuse)
        self.receiver.start()
        for _ in range(3):
            self.assertTrue(refused.acquire(timeout=PATIENCE))
        self.receiver.stop()
        self.assertEqual(1, log.output.count('not heard yet: no broker'))
