import dataclasses

from oslotest import base

from steal_scheduler.decision import decide as decision
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.shared_cpus import only_shared
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.host_view import Tier
from tests.unit import make
from tests.unit.make import fleet, host_signal, server, signal, signals


def known(*servers, cpus=None):
    return dataclasses.replace(
        fleet(*servers), hosts={'a': Host('a', 'az1', kind='QEMU', cpus=cpus)}
    )


class TestOnlyShared(base.BaseTestCase):
    def shared(self, *servers, cpus=None, told=(), **host):
        measured = signals(*told, hosts={'a': host_signal(**host)})
        return only_shared(measured, known(*servers, cpus=cpus))

    def test_one_that_is_pinned_is_taken_out(self):
        found = self.shared(
            server('pinned', dedicated=4),
            server('floats'),
            told=(
                signal('pinned', used=4.0, waited=0.1),
                signal('floats', used=2.0),
            ),
            cores=16.0,
            used=7.0,
            runnable=0.5,
            cpus=8,
        )
        self.assertEqual({'floats'}, {*found.servers})
        host = found.hosts['a']
        self.assertEqual(
            (8.0, 3.0, 0.5), (host.cores, host.used, host.runnable)
        )

    def test_of_a_mixed_one_its_shared_vcpus_count(self):
        for used, left, of_host in ((1.5, 1.5, 5.0), (3.5, 2.0, 3.5)):
            found = self.shared(
                server('mixed', dedicated=2),
                told=(signal('mixed', used=used, waited=0.5),),
                cores=16.0,
                used=5.0,
                cpus=8,
            )
            mixed = found.servers['mixed']
            self.assertEqual((left, 0.5), (mixed.used, mixed.waited))
            self.assertEqual(of_host, found.hosts['a'].used)

    def test_the_cores_that_servers_share(self):
        pinned = server('pinned', dedicated=4)
        for cores, cpus, shared in (
            # The exporter counts all of them, or those that are shared.
            (16.0, 8, 8.0),
            (8.0, 8, 8.0),
            (6.0, 8, 6.0),
            (16.0, 0, 0.0),
            # Nova does not tell: no more than what is not pinned.
            (16.0, None, 12.0),
            (2.0, None, 0.0),
        ):
            found = self.shared(pinned, cores=cores, cpus=cpus)
            self.assertEqual(shared, found.hosts['a'].cores, (cores, cpus))

    def test_nobody_is_pinned(self):
        measured = signals(signal(), hosts={'a': host_signal(used=3.0)})
        self.assertEqual(measured, only_shared(measured, known(server())))


class TestMixedHosts(base.BaseTestCase):
    """Of 64 pCPUs of a, b and c 32 are kept for those that are pinned."""

    def decide(self, cores, calm, disabled=()):
        servers, told = [], []
        for name in 'abc':
            for n in range(15):
                one = f'{name}-pinned{n}'
                servers.append(server(one, host=name, vcpus=2, dedicated=2))
                told.append(signal(one, host=name, used=2.0, waited=0.0001))
            used, waited = (1.6, 0.4) if name == 'a' else (calm / 20, 0.0005)
            for n in range(20):
                one = f'{name}-{n:02}'
                servers.append(server(one, host=name, vcpus=2))
                told.append(signal(one, host=name, used=used, waited=waited))
        hosts = {
            name: host_signal(
                name, cores=cores, used=30.0 + (32.0 if name == 'a' else calm)
            )
            for name in 'abc'
        }
        cloud = dataclasses.replace(
            fleet(*servers),
            hosts={n: Host(n, 'az1', kind='QEMU', cpus=32) for n in 'abc'},
        )
        rules = make.rules(
            polls_contended=1, polls_window=1, disabled_checks={*disabled}
        )
        found = usable_signals(
            make.snapshot(
                cloud, measured=signals(*told, hosts=hosts), rules=rules
            )
        )
        found = dataclasses.replace(found, view=build_view(found))
        return found, decision.decide(found, {})

    def test_the_calm_hosts_take_them(self):
        for cores in (32.0, 64.0):
            found, made = self.decide(cores, calm=8.0)
            self.assertEqual({}, found.unreliable)
            self.assertEqual(100.0, made.coverage)
            tiers = {n: h.tier for n, h in found.view.hosts.items()}
            self.assertEqual(
                {'a': Tier.HOT, 'b': Tier.COLD, 'c': Tier.COLD}, tiers
            )
            self.assertEqual((32.0, 8.0), self._of(found, 'b'))
            self.assertEqual(1, len(made.admitted))
            self.assertNotIn('pinned', made.admitted[0].server_id)
            self.assertEqual((), made.saturations)

    def test_a_host_whose_shared_half_is_full_takes_none(self):
        for cores in (32.0, 64.0):
            _, made = self.decide(cores, calm=30.4, disabled=['zero_wait'])
            self.assertEqual((), made.admitted)

    def _of(self, found, name):
        host = found.view.hosts[name]
        return host.cores, round(host.demand, 3)
