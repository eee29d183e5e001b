import dataclasses
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from oslotest import base

from steal_scheduler.decision.leavers import leavers, suspects
from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.host_view import NO_VIEW, HostView, Tier
from steal_scheduler.model.move import Outcome
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.clouds import Measured, measured
from tests.unit.make import (
    NOW,
    ended,
    finding,
    fleet,
    migration,
    move,
    server,
    signal,
    signals,
    snapshot,
)


class TestLeavers(base.BaseTestCase):
    """x and y wait on a, x more; z runs there, and e on another host."""

    def setUp(self) -> None:
        super().setUp()
        on_a = [server(s, host='a') for s in 'xyz']
        self.snapshot = snapshot(
            fleet(*on_a, server('e', host='b')),
            measured=signals(
                *(signal(s, host='a', used=2.0, waited=0.0) for s in 'xyz'),
                signal('e', host='b', used=1.0, waited=0.0),
            ),
        )
        self.findings = [
            finding('y', demand=1.0, steal=0.2),
            finding('x', demand=4.0, steal=0.2),
        ]

    def found(self, *ineligible: str) -> dict[str, str]:
        """Whom each would relieve, in their order."""
        may = [
            s
            for s in suspects(self.findings, self.snapshot)
            if s not in ineligible
        ]
        made = leavers(self.findings, may, self.snapshot)
        return {one.server_id: one.relieves.server_id for one in made}

    def test_those_that_wait_and_then_the_others_of_their_hosts(self) -> None:
        self.assertEqual(
            ['y', 'x', 'z'], suspects(self.findings, self.snapshot)
        )
        self.assertEqual(
            [('y', 'y'), ('x', 'x'), ('z', 'x')], [*self.found().items()]
        )

    def test_who_may_not_leave_is_relieved(self) -> None:
        self.assertEqual({'y': 'y', 'z': 'x'}, self.found('x'))
        self.assertEqual({'z': 'x'}, self.found('x', 'y'))
        self.assertEqual({}, self.found('x', 'y', 'z'))

    def test_what_is_known_of_one_that_does_not_wait(self) -> None:
        may = suspects(self.findings, self.snapshot)
        *_, last = leavers(self.findings, may, self.snapshot)
        self.assertEqual(
            ('a', 0.0, 2.0), (last.host, last.steal, last.demand.expected)
        )
        self.assertFalse(last.contended)

    def test_nobody_leaves_on_the_word_of_a_guest(self) -> None:
        told = dict(self.snapshot.signals.servers)
        told['x'] = dataclasses.replace(told['x'], by_guest=True)
        self.with_servers(told)
        self.assertEqual({'y': 'y', 'x': 'x', 'z': 'y'}, self.found())
        self.assertEqual({'z': 'y'}, self.found('x', 'y'))
        told['y'] = dataclasses.replace(told['y'], by_guest=True)
        self.with_servers(told)
        self.assertEqual({'y': 'y', 'x': 'x'}, self.found())
        self.assertEqual({}, self.found('x', 'y'))

    def with_servers(self, told: Mapping[str, ServerSignal]) -> None:
        now = dataclasses.replace(self.snapshot.signals, servers=told)
        self.snapshot = dataclasses.replace(self.snapshot, signals=now)

    def after(self, server_id: str, source: str, **other: Any) -> None:
        """Such a move has ended."""
        one = ended(
            server_id,
            move=move(server_id, source=source),
            **{'outcome': Outcome.NOT_HELPED, **other},
        )
        self.snapshot = dataclasses.replace(
            self.snapshot, ended={server_id: one}
        )

    def test_once_one_left_in_vain_those_stay_that_do_not_wait(self) -> None:
        self.after('v', 'a')
        self.assertEqual({'y': 'y', 'x': 'x'}, self.found())
        self.assertEqual({}, self.found('x', 'y'))

    def test_nobody_leaves_for_one_that_has_moved_in_vain(self) -> None:
        self.after('x', 'b')
        self.assertEqual({'y': 'y', 'x': 'x', 'z': 'y'}, self.found())

    def test_others_elsewhere_or_not_in_vain(self) -> None:
        for source, outcome in (
            ('b', Outcome.NOT_HELPED),
            ('a', Outcome.HELPED),
            ('a', Outcome.UNMEASURED),
        ):
            self.after('v', source, outcome=outcome)
            self.assertEqual('x', self.found()['z'], (source, outcome))

    def leaving_hours(self, outcome: Outcome) -> list[int]:
        """When one left, in a week of looking once an hour.

        For x, which is locked and waits on, and where what is asked for fits.
        """
        hours, records, over = [], [], {}
        for hour in range(7 * 24):
            now = NOW + hour * 3600
            known = dataclasses.replace(
                self.snapshot,
                now=now,
                fleet=dataclasses.replace(
                    self.snapshot.fleet, ours=tuple(records)
                ),
                ended=over,
            )
            may = ['z'] if 'z' in suspects(self.findings, known) else []
            if leavers(self.findings, may, known):
                left = f'left{hour}'
                hours.append(hour)
                records.append(migration(left, source='a', created_at=now))
                over[left] = ended(
                    left,
                    move=move(left, source='a'),
                    outcome=outcome,
                    at=now,
                )
        return hours

    def test_where_no_move_changes_it_they_leave_less_and_less(self) -> None:
        self.assertEqual(
            [0, 2, 10, 42], self.leaving_hours(Outcome.NOT_HELPED)
        )

    def test_so_do_they_if_each_seems_to_have_helped(self) -> None:
        self.assertEqual(
            [0, 1, 3, 7, 15, 31, 63, 127], self.leaving_hours(Outcome.HELPED)
        )

    def test_a_host_that_others_emptied_tells_nothing(self) -> None:
        records = [migration(f'o{n}', user_id='they') for n in range(9)]
        self.snapshot = dataclasses.replace(
            self.snapshot,
            fleet=fleet(
                *self.snapshot.fleet.servers.values(), migrations=(*records,)
            ),
        )
        self.assertEqual('x', self.found()['z'])

    def with_host(self, used: float, waited: float) -> None:
        """Host a, of 8 cores, as the view tells it."""
        host = HostView(
            Tier.HOT,
            cores=8.0,
            demand=used + waited,
            bounds=Demand(used, used + waited, used + waited),
        )
        self.snapshot = dataclasses.replace(
            self.snapshot,
            view=dataclasses.replace(NO_VIEW, hosts={'a': host}),
        )

    def test_where_too_much_is_asked_for_whoever_leaves_relieves(self) -> None:
        self.after('v', 'a')
        self.with_host(used=7.0, waited=2.0)
        self.assertEqual('x', self.found()['z'])

    def test_where_cores_are_idle_it_is_not_too_much(self) -> None:
        """One that something else slows down waits for nobody's core."""
        self.after('v', 'a')
        self.with_host(used=4.0, waited=5.0)
        self.assertNotIn('z', self.found())

    @given(measured())
    def test_only_of_contended_hosts(self, cloud: Measured) -> None:
        known = snapshot(cloud.fleet, measured=cloud.one)
        some: list[Finding] = [
            finding(s, host=x.host)
            for s, x in cloud.one.servers.items()
            if x.host == 'a'
        ]
        may = [s for s in suspects(some, known) if s != 's1']
        made = leavers(some, may, known)
        self.assertEqual({'a'} if made else set(), {x.host for x in made})
        ids = [x.server_id for x in made]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertNotIn('s1', ids)
