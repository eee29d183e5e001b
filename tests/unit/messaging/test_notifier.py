import fixtures
import oslo_messaging
from oslo_messaging.notify import _impl_test
from oslotest import base

from steal_scheduler.conf import migrator
from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.messaging.notifier import SILENCE, SLOW, Notifier
from steal_scheduler.model.move import Outcome, Stage
from steal_scheduler.reporting.journal import Journal
from steal_scheduler.reporting.metrics import Metrics
from tests.unit import bus
from tests.unit.make import ended, move, snapshot


class TestNotifier(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        _impl_test.reset()
        self.addCleanup(_impl_test.reset)
        self.conf = bus.configuration(opts=[('migrator', migrator.OPTS)])
        self.conf.set_override(
            'driver', ['test'], group='oslo_messaging_notifications'
        )

    def journal(self) -> Journal:
        """What tells it, and of what."""
        return Journal(Metrics(), Notifier(self.conf))

    def sent(self) -> tuple[str, str, dict]:
        """The event type, the priority and the payload of the only one.

        What goes to the audit as well is not looked at.
        """
        (found,) = (
            told
            for told in _impl_test.NOTIFICATIONS
            if told[1]['event_type'] != 'steal_scheduler.audit'
        )
        _, message, priority, _ = found
        self.assertTrue(message['publisher_id'].startswith('steal-migrator.'))
        return message['event_type'], priority, message['payload']

    def test_a_stage(self) -> None:
        self.journal().stage(
            move(stage=Stage.MIGRATE, target='b', reason='it waits')
        )
        event, priority, payload = self.sent()
        self.assertEqual(
            ('steal_scheduler.move.migrate', 'INFO'), (event, priority)
        )
        self.assertEqual(
            ('s', 'migrate', 'a', 'b', 'az1', 'it waits', True),
            tuple(
                payload[key]
                for key in (
                    'server_id',
                    'stage',
                    'source',
                    'target',
                    'zone',
                    'reason',
                    'dry_run',
                )
            ),
        )

    def test_it_moves_for_real(self) -> None:
        self.conf.set_override('dry_run', False, group='migrator')
        self.journal().stage(move())
        event, _, payload = self.sent()
        self.assertEqual('steal_scheduler.move.drain', event)
        self.assertFalse(payload['dry_run'])

    def test_a_dry_run_of_some_hosts(self) -> None:
        self.conf.set_override('dry_run', False, group='migrator')
        self.journal().would_begin((move(),))
        event, _, payload = self.sent()
        self.assertEqual('steal_scheduler.move.planned', event)
        self.assertTrue(payload['dry_run'])

    def test_the_end(self) -> None:
        self.journal().ended(ended(steal_after=0.01))
        event, priority, payload = self.sent()
        self.assertEqual(
            ('steal_scheduler.move.end', 'INFO'), (event, priority)
        )
        self.assertEqual(
            ('helped', 'it waits 1% of its time now', 0.01),
            tuple(payload[k] for k in ('outcome', 'detail', 'steal_after')),
        )

    def test_reattach_blocked(self) -> None:
        blocked = move(stage=Stage.UNDO, trouble='no')
        self.journal().show(snapshot(None, blocked), NOTHING)
        event, priority, payload = self.sent()
        self.assertEqual(
            ('steal_scheduler.move.reattach_blocked', 'ERROR', 'no'),
            (event, priority, payload['detail']),
        )

    def test_a_bad_end(self) -> None:
        self.journal().ended(ended(outcome=Outcome.FAILED))
        self.assertEqual('ERROR', self.sent()[1])

    def test_a_broker_that_is_down(self) -> None:
        trouble = oslo_messaging.MessageDeliveryFailure('no broker')

        def fails(*args: object) -> None:
            raise trouble

        self.useFixture(
            fixtures.MockPatchObject(_impl_test.TestDriver, 'notify', fails)
        )
        # It must not hold the tick.
        Notifier(self.conf).send(Stage.DRAIN, move())
        self.assertEqual([], _impl_test.NOTIFICATIONS)

    def test_the_audit(self) -> None:
        Notifier(self.conf).audit({'action': 'start/move'})
        ((_, message, priority, _),) = _impl_test.NOTIFICATIONS
        self.assertEqual(
            ('steal_scheduler.audit', 'INFO', {'action': 'start/move'}),
            (message['event_type'], priority, message['payload']),
        )

    def test_the_audit_asks_a_slow_broker_once(self) -> None:
        """There may be hundreds of events in a tick."""
        now, tried = [1000.0], []

        def fails(*args: object) -> None:
            tried.append(args)
            now[0] += SLOW + 1
            raise oslo_messaging.MessageDeliveryFailure('no broker')

        self.useFixture(
            fixtures.MockPatchObject(_impl_test.TestDriver, 'notify', fails)
        )
        notifier = Notifier(self.conf)
        self.useFixture(fixtures.MonkeyPatch('time.monotonic', lambda: now[0]))
        for _ in range(3):
            notifier.audit({})
        self.assertEqual(1, len(tried))
        now[0] += SILENCE
        notifier.audit({})
        self.assertEqual(2, len(tried))

    def test_no_driver_is_silence(self) -> None:
        self.conf.clear_override(
            'driver', group='oslo_messaging_notifications'
        )
        Notifier(self.conf).send(Stage.DRAIN, move())
        self.assertEqual([], _impl_test.NOTIFICATIONS)
