import dataclasses

from hypothesis import given
from oslotest import base

from steal_scheduler.decision import aggressors
from steal_scheduler.decision.aggressors import Aggressor
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.host_view import NO_VIEW, HostView, Tier
from steal_scheduler.model.refusal import Reason, Refusal
from tests.unit import strategies  # noqa: F401 (hypothesis' settings)
from tests.unit.clouds import Measured, measured
from tests.unit.make import (
    finding,
    fleet,
    move,
    server,
    signal,
    signals,
    snapshot,
)


def cloud(demand: float, **used: float) -> Snapshot:
    """Servers of 8 vCPUs on a, which has 16 cores."""
    known = snapshot(
        fleet(*(server(s, vcpus=8) for s in used), server('e', host='b')),
        measured=signals(
            *(signal(s, used=u, waited=0.5) for s, u in used.items()),
            signal('e', host='b', used=4.0, waited=0.0),
        ),
    )
    host = HostView(Tier.HOT, cores=16.0, demand=demand)
    view = dataclasses.replace(NO_VIEW, hosts={'a': host, 'b': host})
    return dataclasses.replace(known, view=view)


def named(known: Snapshot, *stuck: str) -> list[Aggressor]:
    return [*aggressors.aggressors([finding('x')], stuck, known)]


class TestAggressors(base.BaseTestCase):
    def test_who_uses_more_than_its_share(self) -> None:
        """40 vCPUs on 16 cores: 3.2 cores each."""
        found = named(cloud(19.0, v=7.5, w=3.4, x=2.0, y=1.0, z=2.0))
        self.assertEqual(
            [('v', 'a', 7.5, 3.2), ('w', 'a', 3.4, 3.2)],
            [(a.server_id, a.host, a.used, round(a.share, 9)) for a in found],
        )
        self.assertEqual({''}, {a.advice for a in found})

    def test_three_at_most(self) -> None:
        found = named(
            cloud(19.0, s=4, t=4.1, u=4.3, v=4.2, w=0, x=0, y=0, z=0)
        )
        self.assertEqual(['u', 'v', 't'], [a.server_id for a in found])

    def test_the_fewest_quotas_that_relieve_it(self) -> None:
        """v takes 4.3 beyond its share, and w 1.8: three are too many."""
        used = {'v': 7.5, 'w': 5.0, 'x': 1.0, 'y': 1.0, 'z': 1.5}
        first, second = named(cloud(19.0, **used), 'a')
        self.assertEqual(
            'no move relieves its host; a quota of 3.2 cores (quota:cpu_quota '
            'of its flavor) would',
            first.advice,
        )
        self.assertEqual('', second.advice)

    def test_two_quotas_together(self) -> None:
        used = {'v': 7.5, 'w': 5.0, 'x': 1.0, 'y': 1.0, 'z': 1.5}
        first, second = named(cloud(22.0, **used), 'a')
        self.assertIn('together', first.advice)
        self.assertIn('together', second.advice)

    def test_where_quotas_are_not_enough_none_is_advised(self) -> None:
        used = {'v': 7.5, 'w': 5.0, 'x': 1.0, 'y': 1.0, 'z': 1.5}
        self.assertEqual(
            ['', ''], [a.advice for a in named(cloud(23.0, **used), 'a')]
        )

    def test_of_an_unknown_host_nobody(self) -> None:
        known = dataclasses.replace(cloud(19.0, x=8.0), view=NO_VIEW)
        self.assertEqual([], named(known))

    def test_a_pinned_server_shares_nothing(self) -> None:
        known = cloud(19.0, v=7.5, x=1.0)
        pinned = server('v', vcpus=8, dedicated=8)
        known = dataclasses.replace(
            known, fleet=fleet(pinned, server('x', vcpus=8))
        )
        self.assertEqual([], named(known))

    def test_the_reason_of_a_move_says_so(self) -> None:
        found = named(cloud(19.0, v=7.5, w=0, x=0, y=0, z=0))
        moves = [move(server_id, reason='waits') for server_id in 'vw']
        mover, other = aggressors.told(moves, found)
        self.assertEqual(
            'waits; it takes 4.3 cores more than its share of 3.2',
            mover.reason,
        )
        self.assertIs(moves[1], other)

    @given(measured())
    def test_shares_add_up_to_the_host(self, cloud: Measured) -> None:
        host = HostView(Tier.HOT, cores=16.0, demand=99.0)
        hosts = dict.fromkeys(cloud.fleet.hosts, host)
        known = dataclasses.replace(
            snapshot(cloud.fleet, measured=cloud.one),
            view=dataclasses.replace(NO_VIEW, hosts=hosts),
        )
        found = aggressors.aggressors(
            [finding(s, host=x.host) for s, x in cloud.one.servers.items()],
            {'a'},
            known,
        )
        for name in hosts:
            here = [a for a in found if a.host == name]
            self.assertLessEqual(len(here), aggressors.MOST)
            self.assertLessEqual(sum(a.share for a in here), 16.0 + 1e-9)
        for each in found:
            self.assertGreater(each.used, each.share)


class TestStuckHosts(base.BaseTestCase):
    def stuck(self, reason: Reason, *moves: str) -> set[str]:
        return aggressors.stuck_hosts(
            [finding('x'), finding('y', host='b')],
            [Refusal(reason, '', 'x')],
            [move(s, source=s) for s in moves],
        )

    def test_where_who_waits_may_not_leave(self) -> None:
        for reason in (Reason.LOCKED, Reason.RAM, Reason.SATURATED):
            self.assertEqual({'a'}, self.stuck(reason))

    def test_what_passes_does_not_count(self) -> None:
        for reason in (Reason.COOLDOWN, Reason.SLOT_CLOUD, Reason.PAUSED):
            self.assertEqual(set(), self.stuck(reason))

    def test_nor_where_another_one_leaves(self) -> None:
        self.assertEqual(set(), self.stuck(Reason.LOCKED, 'a'))
