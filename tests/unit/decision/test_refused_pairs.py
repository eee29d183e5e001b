import dataclasses
from typing import Any

from oslotest import base

from steal_scheduler.decision.planner import plan
from steal_scheduler.decision.refused_pairs import (
    refused_pairs,
    with_offered,
)
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Ended, Outcome, Stage
from steal_scheduler.model.refusal import Reason
from steal_scheduler.model.room import Free, HostRoom, Room
from tests.unit import make
from tests.unit.make import (
    NOW,
    ended,
    finding,
    fleet,
    migration,
    move,
    server,
    snapshot,
)

HOUR = 3600.0
COLD = HostView(Tier.COLD, cores=16.0)
VIEW = View(
    NOW,
    {
        'a': HostView(Tier.HOT, steal=0.2, demand=18.0, cores=16.0),
        'b': COLD,
        'c': HostView(Tier.COLD, demand=15.9, cores=16.0),
        'z': COLD,
    },
    {},
    {},
)
ZONES = {'a': 'az1', 'b': 'az1', 'c': 'az1', 'z': 'az2'}


def in_vain(server_id: str, at: float = NOW, **values: object) -> Ended:
    """A move from host a for which Nova found none, with b there."""
    fields: dict[str, Any] = {'offered': frozenset({'b'})}
    return ended(
        server_id,
        move=move(server_id, source='a'),
        outcome=Outcome.FAILED,
        at=at,
        **(fields | values),
    )


class TestRefusedPairs(base.BaseTestCase):
    def refused(
        self,
        *over: Ended,
        records: tuple[Migration, ...] = (),
        later: float = 1.0,
        **of_server: object,
    ) -> frozenset[str]:
        one = move('x', source='a', server=server('x', **of_server))
        known = snapshot(
            fleet(migrations=records),
            ended={e.move.server_id: e for e in over},
            rules=make.rules(cooldown=HOUR),
            now=NOW + later,
        )
        return refused_pairs(known).of(one)

    def test_two_had_to_stay(self) -> None:
        self.assertEqual(frozenset(), self.refused(in_vain('s1')))
        two = in_vain('s1'), in_vain('s2')
        self.assertEqual({'b'}, self.refused(*two))
        self.assertEqual({'b'}, self.refused(*two, later=HOUR - 1))
        self.assertEqual(frozenset(), self.refused(*two, later=HOUR))

    def test_what_needs_less_is_tried(self) -> None:
        """Memory may have been missing, of which no view tells."""
        two = in_vain('s1'), in_vain('s2')
        self.assertEqual({'b'}, self.refused(*two, ram_mb=8192))
        self.assertEqual(frozenset(), self.refused(*two, ram_mb=1024))

    def test_each_further_one_doubles_it(self) -> None:
        none = {'status': 'error', 'target': None, 'created_at': NOW - 9}
        records = tuple(
            migration('s1', migration_id=n, **none) for n in (1, 2, 3)
        )
        two = in_vain('s1'), in_vain('s2')
        for later, expected in ((4 * HOUR - 1, {'b'}), (4 * HOUR, set())):
            found = self.refused(*two, records=records, later=later)
            self.assertEqual(expected, found)

    def test_nova_has_chosen_it_since(self) -> None:
        two = in_vain('s1'), in_vain('s2')
        for at, expected in ((NOW - 1, {'b'}), (NOW + 1, set())):
            one = migration('s3', source='a', target='b', created_at=at)
            found = self.refused(*two, records=(one,), later=2)
            self.assertEqual(expected, found)

    def test_a_tenant_makes_servers_that_fit_nowhere(self) -> None:
        """He costs his own servers, and not those of others."""

        def of(project: str, *names: str) -> list[Ended]:
            servers = [server(name, project_id=project) for name in names]
            return [
                dataclasses.replace(
                    in_vain(one.server_id),
                    move=move(one.server_id, source='a', server=one),
                )
                for one in servers
            ]

        his = of('p', 's1', 's2', 's3')
        self.assertEqual(frozenset(), self.refused(*his, project_id='q'))
        self.assertEqual({'b'}, self.refused(*his, project_id='p'))
        # With one of one's own that had to stay there are two.
        found = self.refused(*his, *of('q', 's4'), project_id='q')
        self.assertEqual({'b'}, found)
        # A few other projects may be his as well.
        his += [*of('t', 's4'), *of('u', 's5')]
        self.assertEqual(frozenset(), self.refused(*his, project_id='q'))
        his += of('v', 's6')
        self.assertEqual({'b'}, self.refused(*his, project_id='q'))

    def test_a_host_that_is_new(self) -> None:
        """It was not there to be refused."""
        some = in_vain('s1', offered=frozenset({'b', 'd'})), in_vain('s2')
        self.assertEqual({'b'}, self.refused(*some))


class TestKind(base.BaseTestCase):
    """Two of a kind on host a had to stay, though b was there."""

    def refused(
        self, *records: Migration, source: str = 'd', **of_server: object
    ) -> frozenset[str]:
        over = in_vain('s1'), in_vain('s2')
        servers = [server('o', ram_mb=1024), server('k', host='b')]
        known = snapshot(
            fleet(*servers, migrations=records),
            ended={e.move.server_id: e for e in over},
            rules=make.rules(cooldown=HOUR),
            now=NOW + 10,
        )
        one = server('x', host=source, **of_server)
        return refused_pairs(known).of(move('x', source=source, server=one))

    def test_nova_has_chosen_that_host_for_others_from_there(self) -> None:
        before = migration('o', source='a', target='b', created_at=NOW - 99)
        self.assertEqual({'b'}, self.refused(before))
        self.assertEqual(frozenset(), self.refused(before, vcpus=2))
        self.assertEqual(frozenset(), self.refused(before, ram_mb=8192))

    def test_it_may_be_in_another_cell(self) -> None:
        """Then what is true of servers of a is not of those of d."""
        self.assertEqual(frozenset(), self.refused())
        other = migration('o', source='a', target='c', created_at=NOW - 99)
        self.assertEqual(frozenset(), self.refused(other))

    def test_nova_has_chosen_it_for_one_of_the_kind_since(self) -> None:
        before = migration('o', source='a', target='b', created_at=NOW - 99)
        for at, expected in ((NOW - 9, {'b'}), (NOW + 9, set())):
            since = migration(
                'k', migration_id=2, source='e', target='b', created_at=at
            )
            self.assertEqual(expected, self.refused(before, since))


class TestWithOffered(base.BaseTestCase):
    def offered(self, over: Ended, **of_record: object) -> frozenset[str]:
        fields: dict[str, Any] = {'status': 'error', 'target': None}
        record = migration('s', source='a', **(fields | of_record))
        known = snapshot(
            fleet(server(), hosts=ZONES, migrations=(record,)), view=VIEW
        )
        return with_offered(over, known).offered

    def test_what_could_take_it(self) -> None:
        over = in_vain('s', offered=frozenset())
        self.assertEqual({'b'}, self.offered(over))

    def test_what_could_take_nobody_else(self) -> None:
        over = in_vain('s', offered=frozenset())
        swap = dataclasses.replace(over.move, only_to='a')
        over = dataclasses.replace(over, move=swap)
        self.assertEqual({'a'}, self.offered(over))

    def test_a_host_without_memory_was_no_offer(self) -> None:
        record = migration('s', source='a', status='error', target=None)
        room = Room({'b': HostRoom(Free({}))})
        known = snapshot(
            fleet(server(), hosts=ZONES, migrations=(record,)),
            view=VIEW,
            room=room,
        )
        over = in_vain('s', offered=frozenset())
        self.assertEqual(frozenset(), with_offered(over, known).offered)

    def test_a_failure_that_was_seen_late(self) -> None:
        """The record is of before the server was led back."""
        back = move('s', stage=Stage.UNDO, since=NOW + 60, drained_at=NOW - 30)
        over = ended(move=back, outcome=Outcome.FAILED)
        self.assertEqual({'b'}, self.offered(over))
        back = dataclasses.replace(back, drained_at=NOW + 30)
        over = dataclasses.replace(over, move=back)
        self.assertEqual(frozenset(), self.offered(over))

    def test_what_says_nothing(self) -> None:
        over = in_vain('s', offered=frozenset())
        for of_record in (
            {'target': 'b'},
            {'status': 'cancelled'},
            {'aborted': True},
        ):
            self.assertEqual(frozenset(), self.offered(over, **of_record))
        helped = ended(move=move(source='a'))
        self.assertEqual(frozenset(), self.offered(helped))


class TestPlan(base.BaseTestCase):
    def test_nobody_is_drained_for_it(self) -> None:
        found = finding('x', host='a', demand=4.0)
        for over, moves in (((), 1), ((in_vain('s1'), in_vain('s2')), 0)):
            known = snapshot(
                fleet(server('x', host='a'), hosts=ZONES),
                view=VIEW,
                ended={e.move.server_id: e for e in over},
                now=NOW + 1,
            )
            planned = plan([Leaver.of(found)], known)
            self.assertEqual(moves, len(planned.moves))
        (no,) = planned.refusals
        self.assertIs(Reason.NO_HOST, no.reason)
        self.assertIn('b could take it, and Nova found no host', no.detail)
        self.assertEqual((), planned.saturations)
