import dataclasses
from typing import Any

from oslotest import base

from steal_scheduler.decision import (
    decide,
    eligibility,
    limits,
    planner,
    policies,
)
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.relief import verdict
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import policy
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.finding import Leaver
from steal_scheduler.model.move import Outcome
from steal_scheduler.moves import admission
from tests.unit.make import (
    NOW,
    finding,
    fleet,
    host_signal,
    move,
    rules,
    server,
    signal,
    signals,
    snapshot,
)

#: NOW is Mon 1970-01-12 13:46:40 UTC.
LATER = 'Mon 14:00-15:00'


def said(*aggregates: tuple[str, str, dict[str, str]]) -> policy.Policies:
    """:param aggregates: name, letters of its hosts, keys without steal:"""
    return policy.read_all(
        Aggregate(
            n, name, tuple(hosts), {f'steal:{k}': v for k, v in keys.items()}
        )
        for n, (name, hosts, keys) in enumerate(aggregates)
    )


def cloud(
    *aggregates: tuple[str, str, dict[str, str]],
    hosts: dict[str, str] | None = None,
    **options: Any,
) -> Snapshot:
    """A server of 4 vCPUs waits on each of a, b and c; others are empty.

    It is called like its host, in capitals.
    """
    zones = hosts or dict.fromkeys('abcdef', 'az1')
    known = fleet(
        *(
            server(host.upper(), host=host, zone=zones[host], project_id=host)
            for host in 'abc'
        ),
        hosts=zones,
    )
    known = dataclasses.replace(known, policies=said(*aggregates))
    measured = signals(
        *(signal(host.upper(), host=host, used=3.0) for host in 'abc'),
        hosts={name: host_signal(name, cores=4.0) for name in 'abc'}
        | {name: host_signal(name, cores=6.0) for name in zones if name > 'c'},
    )
    wanted = {'polls_contended': 1, 'polls_window': 1, 'dry_run': False}
    found = snapshot(
        known, measured=measured, rules=rules(**(wanted | options))
    )
    return dataclasses.replace(found, view=build_view(found), sent=True)


def admitted(found: Snapshot) -> list[str]:
    return [m.server_id for m in decide.decide(found, {}).admitted]


def refused(found: Snapshot) -> dict[str | None, str]:
    decided = decide.decide(found, {})
    return {r.server_id: str(r.reason) for r in decided.refusals}


class TestThresholds(base.BaseTestCase):
    def found(self, *aggregates: tuple[str, str, dict[str, str]]) -> set[str]:
        """Who is contended; each has a steal of 25 %, and a load of 1."""
        decided = decide.decide(cloud(*aggregates), {})
        return {f.server_id for f in decided.findings}

    def test_of_a_host(self) -> None:
        self.assertEqual({'A', 'B', 'C'}, self.found())
        high = {'steal_threshold': '26'}
        self.assertEqual({'B', 'C'}, self.found(('x', 'a', high)))
        self.assertEqual({'C'}, self.found(('x', 'ab', high)))
        load = {'load_threshold': '1.1'}
        self.assertEqual({'A', 'B'}, self.found(('x', 'c', load)))

    def test_over_the_option(self) -> None:
        """It may be lower than that, too."""
        found = cloud(('x', 'a', {'steal_threshold': '20'}))
        strict = dataclasses.replace(
            found.rules.detection, steal_threshold=90.0
        )
        found = dataclasses.replace(
            found, rules=dataclasses.replace(found.rules, detection=strict)
        )
        decided = decide.decide(found, {})
        self.assertEqual({'A'}, {f.server_id for f in decided.findings})

    def test_what_has_helped(self) -> None:
        """By the thresholds of the host where it is now."""
        found = cloud(('x', 'd', {'steal_threshold': '30'}))
        arrived = signal('A', host='d', used=3.0)
        measured = dataclasses.replace(
            found.signals, servers={**found.signals.servers, 'A': arrived}
        )
        found = dataclasses.replace(found, signals=measured)
        moved = move('A', source='a', target='d', steal_before=0.1)
        moved = dataclasses.replace(
            moved, server=dataclasses.replace(moved.server, host='d')
        )
        ended = verdict(moved, arrived, found)
        self.assertIn('it waits 25% of its time now', ended.detail)
        before = dataclasses.replace(found.fleet, policies=policy.NO_POLICIES)
        stock = verdict(
            moved, arrived, dataclasses.replace(found, fleet=before)
        )
        self.assertIs(Outcome.NOT_HELPED, stock.outcome)
        self.assertIsNot(Outcome.NOT_HELPED, ended.outcome)


class TestDryRun(base.BaseTestCase):
    DRY = ('az1', 'ab', {'dry_run': 'true'})

    def test_of_a_host(self) -> None:
        found = cloud(self.DRY)
        for host, dry in (
            ('a', True),
            ('b', True),
            ('c', False),
            (None, False),
        ):
            self.assertIs(dry, policies.is_dry(host, found), host)
        # The option is about all of them.
        off = ('az1', 'abc', {'dry_run': 'false'})
        found = cloud(off, dry_run=True)
        self.assertTrue(policies.is_dry('a', found))

    def test_it_takes_no_slot(self) -> None:
        """c is the least urgent, and the only one that is live."""
        found = cloud(self.DRY, slots=1)
        self.assertEqual(['C'], admitted(found))
        self.assertEqual(['slot_cloud'] * 2, [*refused(found).values()])
        found = cloud(self.DRY, slots=4)
        self.assertEqual('C', admitted(found)[0])
        live, dry = policies.parted(decide.decide(found, {}).admitted, found)
        self.assertEqual(['C'], [m.server_id for m in live])
        self.assertLessEqual({m.server_id for m in dry}, {'A', 'B'})

    def test_it_takes_no_place(self) -> None:
        """There is one, and whoever leaves a dry host would be the first."""
        hosts = dict.fromkeys('abcd', 'az1')
        found = cloud(('az1', 'ab', {'dry_run': 'true'}), hosts=hosts)
        self.assertEqual(['C'], admitted(found))

    def test_what_is_drained_is_reattached(self) -> None:
        found = cloud(self.DRY)
        refusal = admission.wait_for(move('A'), found)
        assert refusal is not None
        self.assertEqual('dry_run', refusal.reason)
        self.assertIn(refusal.reason, admission.FINAL)


class TestPriority(base.BaseTestCase):
    def test_whom_first(self) -> None:
        for keys, first in (
            ([], 'A'),
            ([('x', 'c', {'priority': '1'})], 'C'),
            ([('x', 'ac', {'priority': '-1'})], 'B'),
            (
                [
                    ('x', 'c', {'priority': '9'}),
                    # The stricter one counts.
                    ('y', 'c', {'priority': '1'}),
                    ('z', 'b', {'priority': '2'}),
                ],
                'B',
            ),
        ):
            found = cloud(*keys)
            leavers = [
                Leaver.of(finding(host.upper(), host=host)) for host in 'abc'
            ]
            moves = planner.plan(leavers, found).moves
            self.assertEqual(first, moves[0].server_id, keys)
            self.assertEqual(first, admitted(cloud(*keys, slots=1))[0], keys)

    def test_whom_never(self) -> None:
        found = cloud(('gold', 'a', {'priority': 'never'}))
        self.assertEqual('priority', refused(found)['A'])
        refusal = eligibility.refusal('A', found)
        assert refusal is not None
        self.assertEqual(
            'its host keeps its servers: steal:priority = never of aggregate '
            'gold',
            refusal.detail,
        )
        self.assertIsNone(eligibility.refusal('B', found))
        waits = admission.wait_for(move('A'), found)
        self.assertIn(waits and waits.reason, admission.FINAL)


class TestWindow(base.BaseTestCase):
    def test_outside_of_it(self) -> None:
        found = cloud(('az1', 'a', {'window': LATER}))
        refusal = eligibility.refusal('A', found)
        assert refusal is not None
        self.assertEqual(
            'window: now is outside of the windows of its host (steal:window '
            '= Mon 14:00-15:00 of aggregate az1): the next one opens at '
            '1970-01-12 14:00 UTC',
            f'{refusal.reason}: {refusal.detail}',
        )
        self.assertIsNone(eligibility.refusal('B', found))
        for seconds, is_open in ((799, False), (800, True), (4400, False)):
            later = dataclasses.replace(found, now=NOW + seconds)
            refusal = eligibility.refusal('A', later)
            self.assertIs(is_open, refusal is None, seconds)

    def test_of_several_aggregates_each_counts(self) -> None:
        found = cloud(
            ('az1', 'a', {'window': 'Mon 13:00-14:00'}),
            ('rack7', 'a', {'window': LATER}),
        )
        refusal = eligibility.refusal('A', found)
        assert refusal is not None
        self.assertIn('of aggregate rack7', refusal.detail)

    def test_it_closes_while_a_server_is_drained(self) -> None:
        refusal = admission.wait_for(
            move('A'), cloud(('az1', 'a', {'window': LATER}))
        )
        assert refusal is not None
        self.assertEqual('window', refusal.reason)
        self.assertIn(refusal.reason, admission.FINAL)

    def test_none_opens(self) -> None:
        self.assertEqual('none opens within two weeks', policies.opening(None))


class TestSlots(base.BaseTestCase):
    def test_of_an_aggregate(self) -> None:
        for keys, moves in (
            ([], 3),
            ([('az1', 'abc', {'slots': '2'})], 2),
            ([('az1', 'abc', {'slots': '1'})], 1),
            (
                [
                    ('az1', 'abc', {'slots': '2'}),
                    ('rack7', 'ab', {'slots': '1'}),
                ],
                2,
            ),
        ):
            found = cloud(*keys, slots=10, slots_per_target=9)
            planned = [
                move(h.upper(), source=h, project_id=h, copy_mb=1)
                for h in 'abc'
            ]
            begin, no = limits.admit(planned, found)
            self.assertEqual(moves, len(begin), keys)
            self.assertEqual(
                ['slot_aggregate'] * (3 - moves), [r.reason for r in no]
            )

    def test_what_is_on_its_way_counts(self) -> None:
        found = cloud(('az1', 'abc', {'slots': '1'}), slots=10)
        going = move('C', source='c', project_id='c', copy_mb=1)
        found = dataclasses.replace(found, moves={'C': going})
        planned = [move('A', source='a', project_id='a', copy_mb=1)]
        begin, (no,) = limits.admit(planned, found)
        self.assertEqual([], begin)
        self.assertIn('steal:slots = 1 of aggregate az1', no.detail)


class TestOwnWindow(base.BaseTestCase):
    """What the owner of a server says of it."""

    def refused(self, **metadata: str) -> str:
        found = cloud()
        said = {f'steal:{k}': v for k, v in metadata.items()}
        one = dataclasses.replace(found.fleet.servers['A'], metadata=said)
        servers = {**found.fleet.servers, 'A': one}
        known = dataclasses.replace(found.fleet, servers=servers)
        no = eligibility.refusal('A', dataclasses.replace(found, fleet=known))
        return f'{no.reason}: {no.detail}' if no else ''

    def test_outside_of_it(self) -> None:
        self.assertEqual('', self.refused(window='Mon 13:00-14:00'))
        self.assertEqual(
            'window: now is outside of the windows that its owner allows (Mon '
            '14:00-15:00): the next one opens at 1970-01-12 14:00 UTC',
            self.refused(window=LATER),
        )

    def test_what_makes_no_sense_keeps_it(self) -> None:
        said = self.refused(window='at night')
        self.assertIn('window: steal:window in its metadata cannot', said)
        self.assertIn('write it like', said)
