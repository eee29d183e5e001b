import dataclasses

from oslotest import base

from steal_scheduler.decision import decide, network
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import HostSignal
from steal_scheduler.model.host_view import Tier
from steal_scheduler.moves import admission
from tests.unit.make import (
    fleet,
    host_signal,
    move,
    rules,
    server,
    signal,
    signals,
    snapshot,
)


def seen(**networks: float | None) -> Snapshot:
    """Two servers wait on host a; b and c are idle.

    :param networks: by host, the share that is used
    """
    hosts = {
        name: host_signal(name, network=networks.get(name)) for name in 'abc'
    }
    hot = [signal(s, used=8.0, waited=2.0) for s in 'xy'] + [
        signal(s, host=s[-1], used=1.0, waited=0.01) for s in ('on-b', 'on-c')
    ]
    known = snapshot(
        fleet(
            *(server(s, vcpus=12) for s in 'xy'),
            *(server(f'on-{host}', host=host) for host in 'bc'),
        ),
        measured=signals(*hot, hosts=hosts),
        rules=rules(
            polls_contended=1, polls_window=1, copy_rate=1e6, dry_run=False
        ),
        sent=True,
    )
    known = usable_signals(known)
    return dataclasses.replace(known, view=build_view(known))


def reasons(known: Snapshot) -> dict[str, str]:
    decided = decide.decide(known, {})
    found = {r.server_id or '': str(r.reason) for r in decided.refusals}
    return found | {m.server_id: 'moves' for m in decided.admitted}


class TestNetwork(base.BaseTestCase):
    def test_it_is_not_known(self) -> None:
        self.assertEqual({'x': 'moves', 'y': 'not_needed'}, reasons(seen()))
        self.assertEqual(set(), network.busy(seen(a=0.69)))

    def test_nobody_leaves_a_host_whose_network_is_busy(self) -> None:
        known = seen(a=0.7)
        self.assertEqual({'x': 'network', 'y': 'network'}, reasons(known))
        ((_, detail),) = network.of_server(known.fleet.servers['x'], known)
        self.assertEqual(
            'the network is busy (70% on a), and [hosts] network_threshold is '
            '70%: its turn comes',
            detail,
        )

    def test_nobody_comes_to_one(self) -> None:
        known = seen(b=0.9)
        self.assertEqual('moves', reasons(known)['x'])
        self.assertEqual(
            [Tier.UNKNOWN, Tier.COLD],
            [known.view.hosts[name].tier for name in 'bc'],
        )
        self.assertFalse(known.view.takes('b', 1.0))

    def test_where_all_are_busy_it_is_not_called_saturated(self) -> None:
        known = seen(b=0.9, c=0.8)
        decided = decide.decide(known, {})
        self.assertEqual(
            ({'network'}, ()),
            ({*reasons(known).values()}, decided.saturations),
        )
        self.assertIn('(90% on b, 80% on c)', decided.refusals[0].detail)

    def test_one_that_has_no_cores_either_is(self) -> None:
        known = seen(b=0.9, c=0.9)
        small = {
            name: dataclasses.replace(host, cores=4.0) if name != 'a' else host
            for name, host in known.signals.hosts.items()
        }
        known = dataclasses.replace(
            known, signals=dataclasses.replace(known.signals, hosts=small)
        )
        known = dataclasses.replace(known, view=build_view(known))
        self.assertEqual({'saturated'}, {*reasons(known).values()})

    def test_one_that_is_drained_waits_for_it(self) -> None:
        one = move('x', server=seen().fleet.servers['x'], demand=10.0)
        for networks, expected in (
            ({}, None),
            ({'a': 0.9}, 'network'),
            ({'b': 0.9}, None),
            ({'b': 0.9, 'c': 0.9}, 'network'),
        ):
            waits = admission.wait_for(one, seen(**networks))
            self.assertEqual(expected, waits and str(waits.reason))

    def test_the_threshold(self) -> None:
        hosts: dict[str, float | HostSignal] = {
            'a': host_signal('a', network=0.5)
        }
        known = snapshot(
            measured=signals(hosts=hosts), rules=rules(network_threshold=50.0)
        )
        self.assertEqual({'a'}, network.busy(known))
