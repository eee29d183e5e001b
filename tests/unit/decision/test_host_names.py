from oslotest import base

from steal_scheduler.decision import host_names, limits
from steal_scheduler.decision.coverage import of_zones
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import Fleet, Host, Signals
from steal_scheduler.model.refusal import Reason
from tests.unit.make import (
    host_signal,
    server,
    signal,
    signals,
    snapshot,
)


def cloud(**aliases: str) -> Fleet:
    """Nova's hosts, each with what else it calls them."""
    return Fleet(
        {'s': server(host=next(iter(aliases)))},
        {
            name: Host(name, 'az1', aliases=frozenset(said.split()))
            for name, said in aliases.items()
        },
        {},
    )


class TestNames(base.BaseTestCase):
    def named(self, fleet: Fleet, *labels: str, **kernels: str) -> Signals:
        """What becomes of hosts that the source calls so.

        :param kernels: by label, what kernels there call themselves
        """
        told = signals(
            hosts=dict.fromkeys(labels, 16.0),
            nodenames={k: {*v.split()} for k, v in kernels.items()},
        )
        return host_names.with_novas_names(told, fleet)

    def test_each_name_that_nova_has(self) -> None:
        fleet = cloud(
            c1='c1.example.org 10.5.0.21',
            c2='c2.example.org 2001:db8::2',
        )
        for label, host in (
            ('c1', 'c1'),
            ('C1', 'c1'),
            ('c1.example.org', 'c1'),
            ('c1.other.org', 'c1'),
            ('10.5.0.21', 'c1'),
            ('2001:DB8:0::2', 'c2'),
        ):
            found = self.named(fleet, label)
            self.assertEqual({host}, found.hosts.keys(), label)
            self.assertEqual(host, found.hosts[host].host)
            self.assertEqual(((), {}), self.rest(found))

    def test_nova_calls_them_by_the_whole_name(self) -> None:
        fleet = Fleet(
            {}, {n: Host(n, 'z') for n in ('c1.a.org', 'c2.a.org')}, {}
        )
        self.assertEqual({'c1.a.org'}, {*self.named(fleet, 'c1').hosts})
        # Of another domain it is another host.
        found = self.named(fleet, 'c1.b.org')
        self.assertEqual(('c1.b.org',), found.strangers)

    def test_an_address_is_no_name(self) -> None:
        fleet = Fleet({}, {'10': Host('10', 'z')}, {})
        self.assertEqual(
            ('10.5.0.21',), self.named(fleet, '10.5.0.21').strangers
        )

    def test_what_the_kernel_calls_itself(self) -> None:
        fleet = cloud(c1='10.5.0.21', c2='10.5.0.22')
        for kernel in ('c1', 'c1.example.org', '10.5.0.21'):
            found = self.named(fleet, 'unit', unit=kernel)
            self.assertEqual({'c1'}, found.hosts.keys(), kernel)
        # Both say the same; and no host of Nova's is called so.
        told = {'10.5.0.21': 'c1', 'unit': 'web-1'}
        found = self.named(fleet, *told, **told)
        self.assertEqual({'c1', 'unit'}, found.hosts.keys())
        self.assertEqual(('unit',), found.strangers)

    def test_servers_too(self) -> None:
        fleet = cloud(c1='10.5.0.21')
        told = signals(
            signal(host='10.5.0.21'),
            signal('x', host='10.5.0.10'),
            signal('y', host=None),
        )
        found = host_names.with_novas_names(told, fleet)
        self.assertEqual(
            {'s': 'c1', 'x': '10.5.0.10', 'y': None},
            {name: one.host for name, one in found.servers.items()},
        )
        self.assertEqual(('10.5.0.10',), found.strangers)

    def test_several_may_be_meant(self) -> None:
        fleet = cloud(c1='10.5.0.1', c2='10.5.0.1', c3='10.5.0.3')
        for label, kernels in (
            ('10.5.0.1', {}),
            # Its address is of one, its kernel of another.
            ('10.5.0.3', {'10.5.0.3': 'c1'}),
            ('unit', {'unit': 'c1 c2'}),
        ):
            found = self.named(fleet, label, **kernels)
            self.assertEqual({}, {**found.hosts}, label)
            self.assertEqual((), found.strangers)
            for name, why in found.ambiguous_hosts.items():
                self.assertIn(f'label {label} may mean any of c1, c', why)
                self.assertIn(name, why)
            self.assertEqual(2, len(found.ambiguous_hosts))

    def test_its_very_name_counts_for_more(self) -> None:
        # A host has the name that is the other's address or domain.
        fleet = cloud(c1='c2 10.5.0.1', c2='10.5.0.1')
        found = self.named(fleet, 'c2', '10.5.0.1')
        self.assertEqual({'c2'}, found.hosts.keys())
        # It has a signal of its own; the other has none for certain.
        self.assertEqual({'c1'}, found.ambiguous_hosts.keys())

    def test_two_labels_of_one_host(self) -> None:
        fleet = cloud(c1='10.5.0.21')
        for other, same in (
            (host_signal(cores=16.0, used=4.1), True),
            (host_signal(cores=16.0), True),
            (host_signal(cores=64.0, used=4.1), False),
            (host_signal(cores=16.0, used=9.0), False),
            (host_signal(cores=16.0, used=4.0, runnable=3.0), False),
        ):
            told = signals(
                hosts={
                    '10.5.0.21': other,
                    'c1': host_signal(cores=16.0, used=4.0, runnable=1.0),
                }
            )
            found = host_names.with_novas_names(told, fleet)
            self.assertEqual(same, 'c1' in found.hosts, other)
            if same:
                self.assertEqual(4.0, found.hosts['c1'].used)
            else:
                self.assertIn(
                    'c1, 10.5.0.21 all mean it, and tell different things',
                    found.ambiguous_hosts['c1'],
                )

    def test_why_the_source_left_it_out_stays(self) -> None:
        told = signals(ambiguous_hosts={'10.5.0.21': 'two series'})
        found = host_names.with_novas_names(told, cloud(c1='10.5.0.21'))
        self.assertEqual({'c1': 'two series'}, found.ambiguous_hosts)

    def rest(self, found: Signals) -> tuple[tuple[str, ...], dict[str, str]]:
        return found.strangers, {**found.ambiguous_hosts}


class TestLookAt(base.BaseTestCase):
    """The plan and the upgrade check say it in the same words."""

    SAID = (
        '2 hosts have signals, none is a Nova host: labels u1, u2; '
        "Nova's hosts c1 (10.5.0.21), c2 (10.5.0.22)"
    )

    def setUp(self) -> None:
        super().setUp()
        self.fleet = cloud(c1='10.5.0.21', c2='10.5.0.22')

    def said(self, *labels: str) -> str:
        told = signals(signal(host=labels[0]), hosts=dict.fromkeys(labels, 8))
        known = usable_signals(snapshot(self.fleet, measured=told))
        self.unreliable = known.unreliable
        ((reason, said),) = limits.holds(known, of_zones(known))
        self.assertIs(Reason.COVERAGE, reason)
        return said

    def test_none(self) -> None:
        self.assertIn(f'wants 80%: {self.SAID}', self.said('u1', 'u2'))
        found = self.unreliable['c1']
        self.assertIs(HostCheck.STALE, found.reason)
        self.assertIn('What labels u1, u2 tell of is none of', found.detail)

    def test_all_are_novas(self) -> None:
        self.assertEqual(
            'look at the exporters',
            host_names.look_at(signals(), self.fleet),
        )

    def test_one(self) -> None:
        said = self.said('u1', '10.5.0.22')
        self.assertIn(
            'wants 80%: look at the exporters, and at labels u1, which are '
            "none of Nova's hosts",
            said,
        )
        self.assertIn('labels u1 tell', self.unreliable['c1'].detail)

    def test_nova_does_not_tell_their_addresses(self) -> None:
        self.fleet = Fleet(
            self.fleet.servers,
            {'c1': Host('c1', 'z')},
            {},
            no_aliases='Nova refused: 403',
        )
        self.assertIn(
            "labels 10.5.0.21; Nova's hosts c1. Nova does not tell their "
            'addresses: Nova refused: 403',
            self.said('10.5.0.21'),
        )
