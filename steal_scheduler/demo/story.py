"""``steal-manage demo``: the evening peak, and its cure.

Everything but the load is real: nova-api, conductor, scheduler and computes,
Placement, the migrator, the weigher and the filters. Only the hypervisors
run nothing, and the cores that servers ask for are made up.
"""

from __future__ import annotations

import dataclasses
import sys
import threading
import time

from steal_scheduler import parts
from steal_scheduler.conf import load as conf_load
from steal_scheduler.demo import goals, screen, shops
from steal_scheduler.demo.cloud import Cloud
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.load import Load
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.demo.settings import Settings
from steal_scheduler.journal import Journal
from steal_scheduler.move import Ended, Move
from steal_scheduler.refusal import Refusal
from steal_scheduler.service import Migrator

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

MIGRATOR_CONF = """
[DEFAULT]
transport_url = fake:/
[migrator]
dry_run = False
poll_interval = 1
step_interval = 0.2
lock_url = file://{workdir}/lock
metrics_port = 0
[signals]
source = static
max_age = 10
[static]
path = {workdir}/signals.json
[limits]
slots = 3
[stages]
settle_time = 1.5
"""

#: In seconds; a machine that is busy with other things is slow.
_PATIENCE = 180.0


def _say(text: str = '') -> None:
    print(text, flush=True)


class _Telling(Journal):
    """The migrator's journal, read aloud."""

    names: dict[str, str]

    def __init__(self, journal: Journal) -> None:
        self.__dict__.update(journal.__dict__)
        self.all_ended: list[Ended] = []

    def stage(self, move: Move) -> None:
        super().stage(move)
        _say(f'    {screen.progress(move, self.names)}')

    def ended(self, ended: Ended) -> None:
        super().ended(ended)
        self.all_ended.append(ended)


def main(*, keep: bool) -> int:
    """Tell the story; 0 only if the goals were met."""
    begun = time.monotonic()
    _say('Starting a real OpenStack Nova in this process: 3 zones, 12 hosts.')
    settings = Settings(
        host_cores=shops.CORES,
        filter_scheduler=FILTER_SCHEDULER,
        migration_seconds=1.0,
    )
    with Cloud(shops.ZONES, settings) as cloud:
        story = _Story(cloud)
        verdict = story.tell()
        _say(f'\n{time.monotonic() - begun:.0f} s in all.')
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
        self._refusals: list[Refusal] = []
        hosts = tuple(host for zone in shops.ZONES.values() for host in zone)
        self._load = Load(
            cloud.workdir / 'signals.json', self._where, hosts, shops.CORES
        )

    def tell(self) -> int:
        self._boot()
        self._demand(peak=False)
        self._load.start()
        _say('Evening: shops of one kind peak at the same hour.')
        self._demand(peak=True)
        before = screen.host_steal(self._load.write())
        for host, steal in before.items():
            if steal:
                _say(f'    {host}: its servers wait {steal:.0%} of the time')
        _say(
            'steal-migrator begins. It asks Nova to move servers, and names '
            'no host:'
        )
        journal = self._migrate()
        after = screen.host_steal(self._load.write())
        names = journal.names
        _say('\nWhat became of the hosts')
        self._list(screen.hosts_table(before, after))
        _say('\nWho moved, and who chose the host')
        self._list(screen.moves_table(journal.all_ended, names))
        _say('\nWho did not move, and why')
        moved = {e.move.server_id for e in journal.all_ended}
        stayed = [r for r in self._refusals if r.server_id not in moved]
        self._list(screen.refusals_table(stayed, names))
        _say()
        missed = goals.missed(
            self._cast, self._ids, self._where(), after, journal.all_ended
        )
        for line in missed or goals.MET:
            _say(line)
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
        _say(f'Booting {len(self._cast)} servers; no zone is requested.')
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

    def _demand(self, *, peak: bool) -> None:
        self._load.demands = {
            id_: m.peak if peak else m.calm
            for id_, m in zip(self._ids, self._cast, strict=True)
        }

    def _where(self) -> dict[str, str]:
        path = '/servers/detail?limit=1000'
        answer = self._cloud.servers.api.call('GET', path)
        return {s['id']: s['OS-EXT-SRV-ATTR:host'] for s in answer['servers']}

    def _migrate(self) -> _Telling:
        """Run the migrator until nothing suffers and nothing moves."""
        path = self._cloud.workdir / 'steal-migrator.conf'
        path.write_text(
            MIGRATOR_CONF.format(workdir=self._cloud.workdir)
            + self._cloud.nova_auth_conf()
        )
        built = parts.build(
            conf_load.load([f'--config-file={path}'], 'steal-migrator')
        )
        journal = _Telling(built.journal)
        journal.names = {
            id_: m.name for id_, m in zip(self._ids, self._cast, strict=True)
        }
        migrator = Migrator(dataclasses.replace(built, journal=journal))
        thread = threading.Thread(target=migrator.run, name='migrator')
        thread.start()
        try:
            wait_for(
                lambda: self._calm(migrator, journal),
                _PATIENCE,
                'the cure: see the log of Nova',
            )
        finally:
            migrator.stop()
            thread.join()
        return journal

    def _calm(self, migrator: Migrator, journal: _Telling) -> bool:
        self._refusals += [r for r in migrator.decided.refusals if r.server_id]
        return bool(
            journal.all_ended
            and not migrator.moves
            and migrator.decided.coverage
            and not migrator.decided.findings
        )

    @staticmethod
    def _list(lines: list[str]) -> None:
        for line in lines:
            _say(f'    {line}')


def _keep(cloud: Cloud) -> None:
    _say(
        '\nThe cloud runs on until Ctrl-C. In another terminal:\n'
        f'    export OS_CLIENT_CONFIG_FILE={cloud.clouds_yaml} '
        'OS_CLOUD=admin\n'
        '    openstack server list --long\n'
        '    openstack server migration list\n'
        f'    steal-manage --config-file {cloud.workdir}/steal-migrator.conf '
        'plan'
    )
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        sys.stdout.write('\n')
