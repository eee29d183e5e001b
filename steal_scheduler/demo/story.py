"""``steal-manage demo``: the evening peak, and its cure.

Everything but the load is real: nova-api, conductor, scheduler and computes,
Placement, the migrator, the weigher and the filters, the webhook that drains.
Only the hypervisors run nothing, the balancer balances nothing, and the cores
that servers ask for are made up.
"""

from __future__ import annotations

import sys
import threading
import time

from steal_scheduler.demo import driver, goals, migrator, screen, shops
from steal_scheduler.demo.balancer import Balancer
from steal_scheduler.demo.cloud import Cloud
from steal_scheduler.demo.load import Load
from steal_scheduler.demo.screen import say
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.demo.settings import Settings

FILTER_SCHEDULER = """
available_filters = nova.scheduler.filters.all_filters
available_filters = steal_scheduler.scheduler.filters.StealFilter
available_filters = \
steal_scheduler.scheduler.filters.SameAvailabilityZoneFilter
enabled_filters = ComputeFilter, ImagePropertiesFilter, \
SameAvailabilityZoneFilter, StealFilter
weight_classes = nova.scheduler.weights.all_weighers, \
steal_scheduler.scheduler.weighers.StealWeigher
"""

#: In seconds; a machine that is busy with other things is slow.
_PATIENCE = 180.0


def main(*, keep: bool) -> int:
    """Tell the story; 0 only if the goals were met."""
    begun = time.monotonic()
    say('Starting a real OpenStack Nova in this process: 3 zones, 12 hosts.')
    settings = Settings(
        host_cores=shops.CORES,
        filter_scheduler=FILTER_SCHEDULER,
        migration_seconds=1.0,
    )
    with Cloud(shops.ZONES, settings) as cloud:
        story = _Story(cloud)
        verdict = story.tell()
        say(f'\n{time.monotonic() - begun:.0f} s in all.')
        if keep:
            _keep(cloud)
        story.end()
    return verdict


class _Story:
    """The acts, in their order."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._cast = shops.cast()
        self._ids: list[str] = []
        self._balancer = Balancer(
            cloud.workdir / 'balancer.key',
            lambda text: say(f'        balancer: {text}'),
        )
        hosts = tuple(host for zone in shops.ZONES.values() for host in zone)
        self._load = Load(
            cloud.workdir / 'signals.json', self._where, hosts, shops.CORES
        )

    def tell(self) -> int:
        self._boot()
        self._demand(peak=False)
        self._load.start()
        say('Evening: shops of one kind peak at the same hour.')
        self._demand(peak=True)
        before = screen.host_steal(self._load.write())
        for host, steal in before.items():
            if steal >= 0.01:
                say(f'    {host}: its servers wait {steal:.0%} of the time')
        say(
            'steal-migrator begins. It asks Nova to move servers, and names '
            'no host:'
        )
        names = {
            id_: m.name for id_, m in zip(self._ids, self._cast, strict=True)
        }
        journal = migrator.cure(
            self._cloud,
            self._balancer.migrator_conf(self._cloud.url),
            names,
            _PATIENCE,
        )
        ended, outages = journal.all_ended, self._balancer.outages
        after = screen.host_steal(self._load.write())
        say('\nWhat became of the hosts')
        self._list(screen.hosts_table(before, after))
        say('\nWho moved, who chose the host, and who served meanwhile')
        self._list(screen.moves_table(ended, outages, names))
        say('\nWho did not move, and why')
        moved = {e.move.server_id for e in ended}
        stayed = [r for r in journal.refusals if r.server_id not in moved]
        self._list(screen.refusals_table(stayed, names))
        say()
        missed = [
            *goals.missed(self._cast, self._ids, self._where(), after, ended),
            *goals.noticed(
                self._balancer.members,
                outages,
                driver.DemoDriver.copied,
                moved,
                names,
            ),
        ]
        for line in missed or goals.MET:
            say(line)
        return 1 if missed else 0

    def end(self) -> None:
        """Measure no more."""
        self._load.stop()

    def _boot(self) -> None:
        servers = self._cloud.servers
        flavors = {
            name: servers.flavor(name, *size)
            for name, size in shops.FLAVORS.items()
        }
        say(f'Booting {len(self._cast)} servers; no zone is requested.')
        self._ids = servers.boot_many(
            [
                NewServer(
                    m.name,
                    flavors[m.flavor],
                    host=m.host,
                    metadata={'role': m.role, **m.metadata},
                )
                for m in self._cast
            ],
            _PATIENCE,
        )
        for id_, member in zip(self._ids, self._cast, strict=True):
            if member.locked:
                path = f'/servers/{id_}/action'
                servers.api.call('POST', path, {'lock': None})
            if member.role in shops.KINDS.values():
                self._balancer.add(id_, member.name, member.role)
        self._cloud.http.apps['balancer'] = self._balancer.app

    def _demand(self, *, peak: bool) -> None:
        self._load.demands = {
            id_: m.peak if peak else m.calm
            for id_, m in zip(self._ids, self._cast, strict=True)
        }

    def _where(self) -> dict[str, str]:
        path = '/servers/detail?limit=1000'
        answer = self._cloud.servers.api.call('GET', path)
        return {s['id']: s['OS-EXT-SRV-ATTR:host'] for s in answer['servers']}

    @staticmethod
    def _list(lines: list[str]) -> None:
        for line in lines:
            say(f'    {line}')


def _keep(cloud: Cloud) -> None:
    say(
        '\nThe cloud runs on until Ctrl-C. In another terminal:\n'
        f'    export OS_CLIENT_CONFIG_FILE={cloud.clouds_yaml} '
        'OS_CLOUD=admin\n'
        '    openstack server list --long\n'
        '    openstack server migration list\n'
        f'    steal-manage --config-file {cloud.workdir}/steal-migrator.conf '
        'plan\n'
        f'    curl {cloud.url}/balancer'
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.stdout.write('\n')
