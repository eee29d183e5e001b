import threading

import oslo_messaging
from oslotest import base

from steal_scheduler.messaging import wake
from steal_scheduler.messaging.wake import Waker
from tests.unit import bus

END = 'instance.live_migration_post_dest.end'


class TestWaker(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.event = threading.Event()
        self.waker = Waker(self.event)
        self.waker.expect('req-1')

    def woken(
        self,
        event_type: str = END,
        context: str | None = None,
        payload: str | None = None,
    ) -> bool:
        """:param context, payload: the request id, in the one and other"""
        self.event.clear()
        self.waker.info(
            {'request_id': context},
            'nova-compute:a',
            event_type,
            {'nova_object.data': {'request_id': payload}},
            {},
        )
        return self.event.is_set()

    def test_the_end_of_what_we_asked_for(self) -> None:
        for event in (
            END,
            'instance.live_migration_rollback.end',
            'instance.live_migration_abort.end',
            'compute_task.migrate_server.error',
        ):
            self.assertTrue(self.woken(event, context='req-1'))
            self.assertTrue(self.woken(event, payload='req-1'))

    def test_what_is_no_end_or_not_ours(self) -> None:
        for event in ('instance.update', 'instance.live_migration_pre.end'):
            self.assertFalse(self.woken(event, context='req-1'))
        self.assertFalse(self.woken(context='req-2'))
        self.assertFalse(self.woken())

    def test_the_oldest_are_forgotten(self) -> None:
        for n in range(2, 1001):
            self.waker.expect(f'req-{n}')
        self.assertTrue(self.woken(context='req-1'))
        self.waker.expect('req-1001')
        self.assertFalse(self.woken(context='req-1'))
        self.assertTrue(self.woken(context='req-1001'))

    def test_stop_without_listening(self) -> None:
        self.waker.stop()


class TestListen(base.BaseTestCase):
    def test_over_the_bus(self) -> None:
        conf = bus.configuration()
        conf.set_override(
            'driver', ['messagingv2'], group='oslo_messaging_notifications'
        )
        conf.set_override('control_exchange', wake.EXCHANGE)
        event = threading.Event()
        waker = Waker(event)
        waker.expect('req-1')
        waker.listen(conf)
        self.addCleanup(waker.stop)
        nova = oslo_messaging.Notifier(
            oslo_messaging.get_notification_transport(conf),
            publisher_id='nova-compute:a',
            topics=[wake.TOPIC],
        )
        payload = {'nova_object.data': {'request_id': 'req-1'}}
        nova.error({}, 'instance.live_migration_rollback.end', payload)
        self.assertTrue(event.wait(30))
