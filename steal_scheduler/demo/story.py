"""``steal-manage demo``: the evening peak, and its cure.

Everything but the load is real: nova-api, conductor, scheduler and computes,
Placement, the migrator, the weigher and the filters, the webhook that drains.
Only the hypervisors run nothing, the balancer balances nothing, and the cores
that servers ask for are made up.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping

from steal_scheduler.demo import (
    driver,
    ending,
    goals,
    migrator,
    screen,
    shops,
    users,
)
from steal_scheduler.demo.balancer import Balancer
from steal_scheduler.demo.cloud import Cloud
from steal_scheduler.demo.guests import LOAD, Guests
from steal_scheduler.demo.load import Load
from steal_scheduler.demo.migrator import Running
from steal_scheduler.demo.screen import say
from steal_scheduler.demo.servers import NewServer
from steal_scheduler.demo.settings import Settings

FILTER_SCHEDULER = """
available_filters = nova.scheduler.filters.all_filters
available_filters = steal_scheduler.scheduler.filters.StealFilter
available_filters = \
steal_scheduler.scheduler.filters.SameAvailabilityZoneFilter
enabled_filters = ComputeFilter, ImagePropertiesFilter, \
ServerGroupAntiAffinityFilter, ServerGroupAffinityFilter, \
SameAvailabilityZoneFilter, StealFilter
weight_classes = nova.scheduler.weights.all_weighers, \
steal_scheduler.scheduler.weighers.StealWeigher
"""

#: The server with which whoever watches can make a host hot.
_BUILD = next(m for m in shops.cast() if m.flavor == 'build')

#: In seconds; a machine that is busy with other things is slow.
_PATIENCE = 180.0


def main(*, keep: bool) -> int:
    """Tell the story; 0 only if the goals were met.

    Ended by a signal it is 128 and the signal's number, as a shell has it;
    but what is kept is kept until a signal comes.
    """
    begun = time.monotonic()
    say('Starting a real OpenStack Nova in this process: 3 zones, 12 hosts.')
    settings = Settings(
        host_cores=shops.CORES,
        filter_scheduler=FILTER_SCHEDULER,
        migration_seconds=1.0,
    )
    ending.raise_at_signals()
    cloud = Cloud(shops.ZONES, settings)
    story = _Story(cloud)
    verdict = None
    try:
        cloud.start()
        verdict = story.tell()
        say(f'\n{time.monotonic() - begun:.0f} s in all.')
        if keep:
            story.keep()
    except ending.Signalled as signalled:
        ending.ignore_signals()
        ending.say_no_more()
        cloud.remove_files()
        # NOTE: threads of Nova may wait half an hour for others' answers.
        ending.exit_now(signalled.code if verdict is None else verdict)
    finally:
        ending.ignore_signals()
        story.end()
        cloud.stop()
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
        self._guests = Guests(cloud.servers.api, say)
        hosts = tuple(host for zone in shops.ZONES.values() for host in zone)
        self._load = Load(
            cloud.workdir / 'signals.json',
            self._guests.where,
            hosts,
            shops.CORES,
        )
        self._load.demands = self._guests.demands
        self._migrator: Running | None = None

    def tell(self) -> int:
        """All until the cure; 1 if a goal was missed."""
        self._boot()
        self._demand(peak=False)
        self._load.start()
        say('Evening: shops of one kind peak at the same hour.')
        self._demand(peak=True)
        before = screen.host_steal(self._load.write())
        for host, steal in before.items():
            if steal >= 0.01:
                say(f'    {host}: steal {steal:.0%}')
        say(
            'steal-migrator begins. It asks Nova to move servers, and names '
            'no host:'
        )
        self._migrator = Running(
            self._cloud,
            self._balancer.migrator_conf(self._cloud.url),
            self._guests.names,
        )
        self._migrator.start()
        self._migrator.wait_cured(_PATIENCE)
        return self._report(before, self._migrator.journal)

    def keep(self) -> None:
        """Say what can be done, and let it run on until a signal comes."""
        project = f'openstack --os-project-name {_BUILD.project} server'
        say(
            '\nThe cloud and the migrator run on until Ctrl-C. In another '
            'terminal:\n'
            f'    export OS_CLIENT_CONFIG_FILE={self._cloud.clouds_yaml} '
            'OS_CLOUD=admin\n'
            '    openstack server list --all-projects --long\n'
            '    openstack server migration list\n'
            '    steal-manage --config-file '
            f'{self._cloud.workdir}/steal-migrator.conf plan\n'
            f'    curl {self._cloud.url}/balancer\n'
            f'Make {_BUILD.host} hot, and watch here how that is cured:\n'
            f'    {project} set --property {LOAD}={shops.BUILD_PEAK:g} '
            f'{_BUILD.name}\n'
            f'    {project} unset --property {LOAD} {_BUILD.name}'
        )
        if shutil.which('openstack') is None:
            say(
                'The openstack command is not installed here: '
                'pip install python-openstackclient'
            )
        self._load.watch = screen.HotHosts()
        ending.wait_for_signal()

    def end(self) -> None:
        """Move and measure no more."""
        if self._migrator:
            self._migrator.stop()
        self._load.stop()

    def _report(
        self, before: Mapping[str, float], journal: migrator.Telling
    ) -> int:
        ended, outages = journal.all_ended, self._balancer.outages
        names, where = self._guests.names, self._guests.where()
        after = screen.host_steal(self._load.write())
        say('\nWhat became of the hosts')
        self._list(screen.hosts_table(before, after))
        say('\nWho moved, who chose the host, and who served meanwhile')
        self._list(screen.moves_table(ended, outages, names))
        say('\nWho did not move, and why')
        moved = {e.move.server_id for e in ended}
        stayed = [r for r in journal.refusals if r.server_id not in moved]
        self._list(screen.refusals_table(stayed, names, where))
        say()
        missed = [
            *goals.missed(self._cast, self._ids, where, after, ended),
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
        return 2 if missed else 0

    def _boot(self) -> None:
        servers = self._cloud.servers
        flavors = {
            name: servers.flavor(name, *size)
            for name, size in shops.FLAVORS.items()
        }
        say(f'Booting {len(self._cast)} servers; no zone is requested.')
        projects = {
            project: self._cloud.servers_of(
                dataclasses.replace(users.ADMIN, project=project)
            )
            for project in {m.project for m in self._cast}
        }
        self._ids = [
            projects[m.project].boot(
                NewServer(
                    m.name,
                    flavors[m.flavor],
                    host=m.host,
                    metadata={'role': m.role, **m.metadata},
                )
            )
            for m in self._cast
        ]
        for project in projects.values():
            project.wait_active(self._ids, _PATIENCE)
        for id_, member in zip(self._ids, self._cast, strict=True):
            if member.locked:
                path = f'/servers/{id_}/action'
                servers.api.call('POST', path, {'lock': None})
            if member.role in shops.KINDS.values():
                self._balancer.add(id_, member.name, member.role)
        self._cloud.http.apps['balancer'] = self._balancer.app

    def _demand(self, *, peak: bool) -> None:
        self._guests.usual = {
            id_: m.peak if peak else m.calm
            for id_, m in zip(self._ids, self._cast, strict=True)
        }

    @staticmethod
    def _list(lines: list[str]) -> None:
        for line in lines:
            say(f'    {line}')
