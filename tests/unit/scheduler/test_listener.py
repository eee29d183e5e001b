import os
import threading
import time
from collections.abc import Callable
from typing import Any

import oslo_messaging
from nova import rpc
from oslo_config import cfg

from steal_scheduler.messaging import acknowledgement, view_format
from steal_scheduler.messaging.view import target
from steal_scheduler.model.host_view import View
from steal_scheduler.model.scheduler import Scheduler
from steal_scheduler.scheduler import listener, weighers
from tests.unit import bus
from tests.unit.scheduler import base

SECONDS = 60.0
RANKINGS = {'version': 1, 'at': 1234.5, 'servers': {}}
POLLS = cfg.FloatOpt('poll_interval', default=60.0)


class TestListener(base.SchedulerTestCase):
    """Over Nova's transport, as the migrator sends."""

    def cast(self, method: str = 'view', **arguments: Any) -> None:
        client = oslo_messaging.get_rpc_client(rpc.TRANSPORT, target())
        client.cast({}, method, **arguments)

    def view(self, **hosts: Any) -> dict[str, Any]:
        return view_format.encode(View(time.time(), hosts, {}, {}))

    def until(self, reached: Callable[[], object], act: Any) -> None:
        """Act until something is reached; fanout keeps nothing for later."""
        end = time.monotonic() + SECONDS
        while not reached():
            self.assertLess(time.monotonic(), end)
            act()
            threading.Event().wait(0.05)

    def test_a_view_arrives(self) -> None:
        self.assertIsNone(listener.latest())
        self.until(
            listener.latest, lambda: self.cast(view=self.view(a=base.cold()))
        )
        latest = listener.latest()
        assert latest is not None
        self.assertEqual({'a': base.cold()}, latest.view.hosts)

    def test_the_migrator_is_told(self) -> None:
        filters = ['ComputeFilter', 'SameAvailabilityZoneFilter']
        self.conf.set_override('enabled_filters', filters, 'filter_scheduler')
        self.conf.set_override('host', 'controller-1')
        migrator = acknowledgement.Receiver(
            bus.configuration(opts=[('migrator', [POLLS])])
        )
        migrator.start()
        self.addCleanup(migrator.stop)
        self.assertIsNone(listener.latest())
        self.until(
            lambda: migrator.heard(time.time()),
            lambda: self.cast(view=self.view() | {'rankings': RANKINGS}),
        )
        (heard,) = migrator.heard(time.time()).values()
        latest = listener.latest()
        assert latest is not None
        self.assertLessEqual(heard.taken_at, latest.view.taken_at)
        self.assertEqual(
            Scheduler(
                'controller-1',
                heard.taken_at,
                ('SameAvailabilityZoneFilter',),
                1000,
                heard.heard_at,
                ranked_at=1234.5,
            ),
            heard,
        )

    def test_who_asks_is_told(self) -> None:
        """Also without a view; and a migrator takes no notice of that."""
        heard = []
        accept = acknowledgement.Endpoint(heard.append)
        server = oslo_messaging.get_rpc_server(
            rpc.TRANSPORT,
            acknowledgement.target('a'),
            [accept],
            executor='threading',
        )
        server.start()
        self.addCleanup(server.wait)
        self.addCleanup(server.stop)
        self.conf.set_override('host', 'controller-1')
        self.assertIsNone(listener.latest())
        self.until(lambda: heard, lambda: self.cast(view=view_format.QUESTION))
        found = acknowledgement.decode(heard[0], time.time())
        assert found is not None
        self.assertEqual(('controller-1', 0.0), (found.host, found.taken_at))
        self.assertEqual((os.getpid(), None), (found.worker, found.ranked_at))
        self.assertNotIn('View ignored', self.log.output)

    def test_the_migrator_cannot_be_told(self) -> None:
        told = []

        def refuse(*args: object, **kwargs: object) -> None:
            told.append(args)
            raise OSError('no broker')

        self.patch(acknowledgement, 'encode', refuse)
        cache = listener.cache()
        for n in range(3):
            self.until(
                lambda n=n: len(told) > n,  # type: ignore[misc]
                lambda: listener._listeners[os.getpid()]._accept(self.view()),
            )
        self.assertIsNotNone(cache.latest())
        self.assertEqual(
            1, self.log.output.count('Acknowledging a view failed: no broker')
        )

    def test_views_arrive_in_the_order_in_which_they_were_sent(self) -> None:
        self.until(listener.latest, lambda: self.cast(view=self.view()))
        for n in range(20):
            self.cast(view=self.view(**{f'host{n}': base.cold()}))
        self.until(
            lambda: 'host19' in listener.latest().view.hosts,  # type: ignore
            lambda: None,
        )

    def test_nonsense_does_not_stop_it(self) -> None:
        self.until(listener.latest, lambda: self.cast(view=self.view()))
        self.cast(view='nonsense')
        self.cast(view=self.view(a=base.cold()))
        self.until(
            lambda: 'a' in listener.latest().view.hosts,  # type: ignore
            lambda: None,
        )
        self.assertEqual(1, self.log.output.count('View ignored'))

    def test_nothing_starts_where_nova_builds_its_classes(self) -> None:
        before = threading.active_count()
        weighers.StealWeigher()
        self.assertEqual({}, listener._listeners)
        self.assertEqual(before, threading.active_count())

    def test_one_for_each_process(self) -> None:
        for _ in range(3):
            listener.latest()
        self.assertEqual(1, len(listener._listeners))

    def test_the_broker_is_down_at_first(self) -> None:
        self.patch(listener, 'RETRY_FIRST', 0.01)
        self.patch(rpc, 'get_server', self.refuse)
        self.assertIsNone(listener.latest())
        self.until(lambda: self.refused > 2, lambda: None)
        self.assertEqual(
            1, self.log.output.count('Listening for views failed')
        )
        self.assertIsNone(listener.latest())

    refused = 0

    def refuse(self, *_: object) -> None:
        self.refused += 1
        raise ConnectionError('no broker')
