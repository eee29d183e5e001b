import dataclasses
from typing import Any

import fixtures

from steal_scheduler.exception import NovaError, NovaRefused
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.moves.effects import SETTLES
from tests.unit.moves.test_state_machine import Ride


class TestInError(Ride):
    """A live migration that ended, and has left its server in ERROR."""

    def setUp(self) -> None:
        super().setUp()
        self.nova.raises = True
        self.log = self.useFixture(fixtures.FakeLogger('steal_scheduler'))

    def running(self) -> Move:
        self.orchestrator.out.add('s')
        made = self.at('request')
        self.nova.live_migrate('s')
        self.nova.proceed('running')
        return self.assert_at('migrate', self.step(made))

    def aborted(self) -> Move:
        """Its abort has left it in ERROR, as the step after it finds."""
        made = self.step(self.step(self.running(), 1801))
        self.assertEqual(
            (Stage.UNDO, 'ERROR', 'error'),
            (
                made.stage,
                self.nova.servers['s'].status,
                self.nova.records[1].status,
            ),
        )
        return made

    def assert_left(self, made: Move) -> None:
        """It is in service, and Nova is not told that it is well."""
        for _ in range(3):
            made = self.step(made, SETTLES + 1)
            self.assertEqual((Stage.UNDO, True), (made.stage, made.back))
            self.assertFalse(made.unavailable)
        self.assertEqual(set(), self.orchestrator.out)
        self.assertEqual('ERROR', self.nova.servers['s'].status)
        self.assertNotIn('reset to active', self.log.output)

    def test_our_abort(self) -> None:
        over = self.step(self.aborted())
        self.assertEqual('ACTIVE', self.nova.servers['s'].status)
        self.assertIn('reset to active: our abort', self.log.output)
        self.assert_ended(Outcome.FAILED, 'aborted: not done', over)

    def test_nova_does_not_answer(self) -> None:
        """It is asked again."""
        made = self.aborted()
        self.nova.trouble = ['lost']
        self.assertRaises(NovaError, self.step, made)
        self.step(made)
        self.assertEqual('ACTIVE', self.nova.servers['s'].status)

    def test_nova_refuses(self) -> None:
        made = self.aborted()
        self.nova.trouble = ['refused']
        self.step(made)
        self.assertEqual('ERROR', self.nova.servers['s'].status)
        self.assertIn('left in ERROR, not reset: 403', self.log.output)

    def test_nobody_aborted_it(self) -> None:
        made = self.running()
        self.nova.fail()
        self.assert_left(self.step(made))

    def test_something_happened_to_it_since(self) -> None:
        made = self.aborted()
        self.nova.cancelled.clear()
        self.assert_left(made)

    def test_it_was_aborted_before_that_migration(self) -> None:
        made = self.running()
        self.nova.fail()
        self.nova.cancelled['s'] = self.nova.records[1].created_at - 1
        self.assert_left(self.step(made))

    def test_its_guest_does_not_run(self) -> None:
        made = self.aborted()
        self.nova.crashed.add('s')
        self.assert_left(made)

    def test_its_guest_is_not_where_nova_says(self) -> None:
        """Libvirt has brought it to its target, and nova-compute was dead."""
        made = self.running()
        self.nova.proceed('error')
        made = self.step(made)
        self.nova.crashed.add('s')
        # Nova says so a moment later, as it does of an ERROR.
        made = self.step(made)
        self.assertEqual((True, False), (made.back, made.missing))
        for _ in range(3):
            made = self.step(made, SETTLES + 1)
            self.assertEqual(
                (Stage.UNDO, True, True, False),
                (made.stage, made.back, made.missing, made.unavailable),
            )
        self.assertEqual(set(), self.orchestrator.out)
        # A person has set right where Nova says it is.
        self.nova.change('s', host='b')
        self.nova.crashed.clear()
        self.assert_ended(Outcome.FAILED, 'ended as: error', self.step(made))

    def assert_not_missing(self, **of_server: object) -> None:
        """Whatever its guest does: nobody can say, or it is as it should."""
        made = self.running()
        self.nova.proceed('error')
        made = self.step(self.step(made))
        self.nova.crashed.add('s')
        self.nova.change('s', **of_server)
        over = self.step(made, SETTLES + 1)
        self.assert_ended(Outcome.FAILED, 'ended as: error', over)

    def test_its_guest_is_not_found_where_nova_compute_is_down(self) -> None:
        self.hosts = {'a': Host('a', 'az1', up=False)}
        self.assert_not_missing()

    def test_nova_does_not_say_whether_its_guest_runs(self) -> None:
        def refuse(server_id: str) -> bool:
            raise NovaRefused('403')

        self.useFixture(fixtures.MockPatchObject(self.nova, 'runs', refuse))
        self.assert_not_missing()

    def test_its_guest_was_stopped(self) -> None:
        self.assert_not_missing(status='SHUTOFF')

    def test_it_is_on_a_host_that_nova_does_not_list(self) -> None:
        self.assert_not_missing(host='z')

    def test_its_host_has_changed(self) -> None:
        """Its source was dead, and the guest is on the target."""
        made = self.aborted()
        self.nova.change('s', host='b')
        self.assert_left(made)

    def test_its_source_is_down(self) -> None:
        made = self.aborted()
        self.hosts = {'a': Host('a', 'az1', up=False)}
        self.assert_left(made)

    def test_it_is_a_person_who_resets(self) -> None:
        made = self.aborted()
        self.rules: dict[str, Any] = {'reset_state': False}
        self.assert_left(made)

    def test_the_error_comes_after_the_record(self) -> None:
        """It is waited for: without its move nobody would know."""
        self.nova.raises = False
        made = self.step(self.step(self.running(), 1801))
        made = self.step(made)
        self.assertEqual((Stage.UNDO, True), (made.stage, made.back))
        self.assertEqual(set(), self.orchestrator.out)
        self.nova.change('s', status='ERROR')
        self.nova.records[1] = dataclasses.replace(
            self.nova.records[1], status='error'
        )
        made = self.step(made)
        self.assertEqual('ACTIVE', self.nova.servers['s'].status)
