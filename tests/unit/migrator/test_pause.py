import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

from oslotest import base

from steal_scheduler.exception import NovaRefused
from steal_scheduler.migrator import pause
from steal_scheduler.model.pause import Pause, Scope, read_all
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.text import as_text
from tests.unit import fakes
from tests.unit.make import NOW

FOREVER = math.inf


class BusyNova(fakes.FakeNova):
    """While one operator writes, another one does."""

    #: What the other one does after the next write.
    then: Callable[[], Any] | None = None
    #: Or where the aggregate was not there a moment ago.
    first: Callable[[], Any] | None = None

    def create_aggregate(self, name: str, *hosts: str) -> None:
        if self.first is not None:
            do, self.first = self.first, None
            do()
        super().create_aggregate(name, *hosts)

    def set_aggregate_metadata(
        self, aggregate_id: int, metadata: Mapping[str, str | None]
    ) -> None:
        super().set_aggregate_metadata(aggregate_id, metadata)
        if self.then is not None:
            do, self.then = self.then, None
            do()


class PauseTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.nova = BusyNova(hosts='ab')

    def pause(
        self,
        scope: Scope = Scope.CLOUD,
        name: str = '',
        until: float = FOREVER,
        reason: str = '',
    ) -> str:
        nova: Any = self.nova
        wanted = Pause(scope, name, until, reason)
        return as_text(pause.pause(nova, wanted, NOW))

    def resume(self, scope: Scope = Scope.CLOUD, name: str = '') -> str:
        nova: Any = self.nova
        document, self.still = pause.resume(nova, scope, name, NOW)
        return as_text(document)

    def refused(self, *args: Any, **more: Any) -> str:
        before = self.metadata()
        error = self.assertRaises(pause.PauseError, self.pause, *args, **more)
        self.assertEqual(before, self.metadata())
        return str(error)

    def metadata(self) -> dict[str, str]:
        return {
            key: value
            for each in self.nova.aggregates()
            for key, value in each.metadata.items()
        }

    def where(self) -> list[str]:
        """What is paused now."""
        found = read_all(self.nova.aggregates())
        return [each.where for each in found if each.in_force(NOW)]


class TestPause(PauseTest):
    def test_the_first_one(self) -> None:
        """The aggregate is made, and holds no host."""
        said = self.pause(until=NOW + 7200, reason='alice: a kernel')
        (found,) = self.nova.aggregates()
        self.assertEqual(('steal-scheduler', ()), (found.name, found.hosts))
        self.assertEqual(
            {'steal:pause': f'{iso(NOW + 7200)} alice: a kernel'},
            found.metadata,
        )
        for part in (
            'Paused: the cloud, until 1970-01-12 15:46 UTC.',
            'By the clock of this machine it is 1970-01-12 13:46 UTC',
            'Paused (1)',
            'cloud  -     1970-01-12T15:46:40Z',
            '(alice: a kernel)',
        ):
            self.assertIn(part, said)

    def test_a_zone_and_hosts(self) -> None:
        self.assertIn('until somebody resumes', self.pause(Scope.HOST, 'a'))
        self.pause(Scope.HOST, 'B')
        self.pause(Scope.ZONE, 'az1')
        self.assertEqual(
            {
                'steal:pause:host:a': 'forever',
                'steal:pause:host:B': 'forever',
                'steal:pause:zone:az1': 'forever',
            },
            self.metadata(),
        )
        self.assertEqual(1, len(self.nova.aggregates()))

    def test_a_zone_whose_hosts_are_gone(self) -> None:
        self.nova.create_aggregate('az9')
        (found,) = self.nova.aggregates()
        self.nova._aggregates[1] = dataclasses.replace(found, zone='az9')
        self.pause(Scope.ZONE, 'az9')
        self.assertEqual(['zone az9'], self.where())

    def test_a_name_that_nova_does_not_know(self) -> None:
        for scope, name in (
            (Scope.HOST, 'c'),
            (Scope.HOST, 'az1'),
            (Scope.HOST, ''),
            (Scope.ZONE, 'a'),
            (Scope.ZONE, ''),
        ):
            said = self.refused(scope, name)
            self.assertIn('nothing was paused', said)
            self.assertEqual([], self.nova.aggregates())

    def test_what_nova_cannot_keep(self) -> None:
        self.assertIn('Pause the hosts', self.refused(Scope.ZONE, 'züri'))
        self.assertIn(
            'The reason has 248 characters, and Nova has room for 247',
            self.refused(reason=248 * 'x'),
        )
        self.pause(reason=247 * 'x')

    def test_it_shortens_none(self) -> None:
        self.pause(until=NOW + 7200, reason='alice')
        for until in (NOW + 60, NOW + 7200):
            said = self.pause(until=until, reason='bob')
            self.assertIn('Paused already, and for as long or longer', said)
            self.assertIn('alice', said)
        self.pause(until=NOW + 7201, reason='bob')
        self.assertIn('bob', self.metadata()['steal:pause'])
        # One that is only about a host is about something else.
        self.pause(Scope.HOST, 'a', until=NOW + 60)
        self.assertEqual(['the cloud', 'host a'], self.where())

    def test_one_that_is_over_is_replaced(self) -> None:
        for value in (iso(NOW - 1), 'false'):
            self.nova.pause('steal:pause', value)
            self.pause(until=NOW + 60)
            self.assertEqual(['the cloud'], self.where())

    def test_one_of_another_aggregate(self) -> None:
        """Its operator may end that one, whatever we want."""
        self.nova.create_aggregate('fast', 'a')
        self.nova.set_aggregate_metadata(1, {'steal:pause': 'true'})
        said = self.pause(Scope.HOST, 'a', until=NOW + 60)
        self.assertIn('Paused: host a', said)
        self.assertEqual(['host a', 'host a'], self.where())

    def test_two_at_once(self) -> None:
        """The aggregate is made once, and each key stands for itself."""
        self.nova.first = lambda: self.nova.pause('steal:pause:host:a')
        self.pause()
        self.assertEqual(1, len(self.nova.aggregates()))
        self.assertEqual(['the cloud', 'host a'], self.where())

    def test_the_other_one_says_less(self) -> None:
        """The last word counts, so the first one is told."""
        for value in (None, iso(NOW + 60), 'false'):
            self.nova.pause('steal:pause', None)
            self.nova.then = lambda v=value: self.nova.pause('steal:pause', v)
            error = self.assertRaises(pause.PauseError, self.pause)
            self.assertIn('Somebody else has changed', str(error))

    def test_the_other_one_says_more(self) -> None:
        self.nova.then = lambda: self.nova.pause('steal:pause', 'true bob')
        said = self.pause(until=NOW + 60)
        self.assertIn('(bob)', said)

    def test_without_the_right(self) -> None:
        def refuse(name: str) -> None:
            raise NovaRefused("Policy doesn't allow")

        self.nova.create_aggregate = refuse  # type: ignore[assignment]
        error = self.assertRaises(NovaRefused, self.pause)
        self.assertIn('Policy', str(error))


class TestResume(PauseTest):
    def test_what_was_not_paused(self) -> None:
        said = self.resume()
        self.assertIn('Not paused: the cloud.', said)
        self.assertFalse(self.still)
        self.assertEqual([], self.nova.aggregates())

    def test_only_what_is_asked_for(self) -> None:
        self.pause()
        self.pause(Scope.HOST, 'a')
        said = self.resume()
        self.assertIn('Resumed: the cloud.', said)
        self.assertIn('The pauses below hold', said)
        self.assertIn('steal:pause:host:a', said)
        self.assertFalse(self.still)
        self.assertEqual(['host a'], self.where())
        said = self.resume(Scope.HOST, 'A')
        self.assertEqual('Resumed: host A.\n', said)
        self.assertEqual({}, self.metadata())

    def test_what_is_over_goes_too(self) -> None:
        for key, value in (
            ('steal:pause:host:a', iso(NOW - 1)),
            ('steal:pause:host:b', iso(NOW + 1)),
            ('steal:pause:zone:az1', 'false'),
            ('steal:migrate', 'allow'),
        ):
            self.nova.pause(key, value)
        self.resume()
        self.assertEqual(
            {'steal:pause:host:b': iso(NOW + 1), 'steal:migrate': 'allow'},
            self.metadata(),
        )

    def test_what_nobody_can_read(self) -> None:
        """It pauses the cloud, so it is ended with it."""
        for key in ('steal:paused', 'Steal:Pause', 'steal:pause:hosts:a'):
            self.nova.pause(key, '2h')
        self.assertEqual(3, len(self.where()))
        self.assertIn('Resumed: the cloud.', self.resume())
        self.assertEqual({}, self.metadata())

    def test_one_of_another_aggregate(self) -> None:
        """It is not ours to remove."""
        self.nova.create_aggregate('fast', 'a')
        self.nova.set_aggregate_metadata(1, {'steal:pause': 'true'})
        said = self.resume(Scope.HOST, 'a')
        self.assertIn(
            '"openstack aggregate unset --property steal:pause fast"', said
        )
        self.assertTrue(self.still)
        self.assertEqual({'steal:pause': 'true'}, self.metadata())

    def test_somebody_pauses_again(self) -> None:
        self.nova.pause()
        self.nova.then = lambda: self.nova.pause('steal:pause', 'true bob')
        said = self.resume()
        self.assertIn('Still paused: the cloud', said)
        self.assertTrue(self.still)
