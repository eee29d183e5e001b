"""What our filters and our weigher add to a request of nova-scheduler."""

import os

# Before Nova: it would patch the standard library.
os.environ['OS_NOVA_DISABLE_EVENTLET_PATCHING'] = '1'

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import nova.conf
from nova import context, objects, rpc
from nova.scheduler import host_manager
from oslo_messaging import conffixture
from oslo_utils import uuidutils

from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import Mover, View
from steal_scheduler.model.rankings import MOST_RANKED, Ranking, Rankings
from steal_scheduler.scheduler import listener
from tests.bench import clouds, made
from tests.unit.make import rules

SIZES = ((80, 1_000), (500, 6_000), (8_000, 100_000))
REPEATS = 7
PATH = 'steal_scheduler.scheduler'
ZONE = 'zone0'
#: Of the server that is about to be moved, and from where.
MOVER, SOURCE = uuidutils.generate_uuid(), 'compute00000'

CONF = nova.conf.CONF


class Scheduler:
    """Nova's host manager with stock filters and weighers, and with ours."""

    def __init__(self, names: list[str]) -> None:
        with (
            mock.patch.object(
                host_manager.HostManager, 'refresh_cells_caches'
            ),
            mock.patch.object(host_manager.HostManager, '_init_aggregates'),
            mock.patch.object(host_manager.HostManager, '_init_instance_info'),
        ):
            self.manager = host_manager.HostManager()
        self.manager.cells = {}
        self.manager._instance_info = {
            name: {'instances': {}, 'updated': True} for name in names
        }
        zone = objects.Aggregate(
            id=1, hosts=[*names], metadata={'availability_zone': ZONE}
        )
        self.manager.aggs_by_id = {1: zone}
        for name in names:
            self.manager.host_aggregates_map[name].add(1)
        self.computes = [
            made.compute_node(n, name) for n, name in enumerate(names)
        ]
        self.services = {name: made.service(name) for name in names}
        handlers = (self.manager.filter_handler, self.manager.weight_handler)
        self.filters, self.weighers = (
            [cls() for cls in handler.get_matching_classes(paths)]
            for handler, paths in zip(
                handlers,
                (
                    [
                        f'{PATH}.filters.SameAvailabilityZoneFilter',
                        f'{PATH}.filters.StealFilter',
                    ],
                    [f'{PATH}.weighers.StealWeigher'],
                ),
                strict=True,
            )
        )

    def host_states(self) -> list[Any]:
        found = list(
            self.manager._get_host_states(
                context.get_admin_context(),
                {'cell': self.computes},
                self.services,
            )
        )
        for state in found:
            state.allocation_candidates = [{}]
        return found

    def ours(self, states: list[Any], spec: Any) -> tuple[float, float]:
        """Seconds in our filters and in our weigher."""
        begun = time.perf_counter()
        passed = list(
            self.manager.filter_handler.get_filtered_objects(
                self.filters, states, spec
            )
        )
        filtered = time.perf_counter()
        self.manager.weight_handler.get_weighed_objects(
            self.weighers, passed, spec
        )
        return filtered - begun, time.perf_counter() - filtered


def made_up_view(hosts: int, servers: int) -> View:
    now = time.time()
    fleet, signals = clouds.cloud(hosts, servers, now)
    seen = build_view(Snapshot(now, rules(), fleet, signals))
    mover = Mover('role1', SOURCE, 2.0)
    feasible = [name for name in seen.hosts if seen.takes(name, 2.0)]
    best = [[name] for name in feasible[:MOST_RANKED]]
    own = Ranking(best, frozenset(feasible))
    return dataclasses.replace(
        seen,
        movers={MOVER: mover},
        rankings=Rankings(now, dict.fromkeys((MOVER, *others()), own)),
    )


def others() -> Iterator[str]:
    """Servers that are about to move as well."""
    return (str(n) for n in range(29))


def best(seconds: Callable[[], float]) -> float:
    """Milliseconds, of the quickest run."""
    return 1e3 * min(seconds() for _ in range(REPEATS))


def spent(act: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def row(hosts: int, servers: int) -> Iterator[float]:
    """Milliseconds: Nova's states, filters, weighers; ours per kind."""
    seen = made_up_view(hosts, servers)
    scheduler = Scheduler(list(seen.hosts))
    boot = made.request()
    move = made.request(instance_uuid=MOVER, ignore_hosts=[SOURCE])
    manager, states = scheduler.manager, scheduler.host_states()
    yield best(lambda: spent(scheduler.host_states))
    yield best(
        lambda: spent(lambda: list(manager.get_filtered_hosts(states, boot)))
    )
    yield best(lambda: spent(lambda: manager.get_weighed_hosts(states, boot)))
    listener.cache().accept(view_format.encode(seen))
    assert listener.latest() is not None
    for spec in (boot, move):
        yield best(lambda spec=spec: sum(scheduler.ours(states, spec)))
    # The first request of its kind after a view, and one that comes after
    # others, each of which is taken into account.
    yield best(lambda: _after_a_view(scheduler, states, seen))
    yield best(lambda: sum(scheduler.ours(states, made.request())))


def _after_a_view(
    scheduler: Scheduler, states: list[Any], seen: View
) -> float:
    again = dataclasses.replace(seen, taken_at=time.time())
    listener.cache().accept(view_format.encode(again))
    return sum(scheduler.ours(states, made.request()))


def main() -> None:
    CONF([], project='nova', default_config_files=[], default_config_dirs=[])
    conffixture.ConfFixture(CONF, 'fake:/').setUp()
    rpc.init(CONF)
    objects.register_all()
    print(
        'nova-scheduler without database, RPC and Placement: what Nova needs'
    )
    print(f'for one request, and what ours adds; best of {REPEATS} (ms)')
    print(
        f'{"hosts":>6} | {"states":>7} {"filters":>7} {"weigh":>7} '
        f'{"Nova":>7} '
        f'| {"boot":>6} {"move":>6} {"1st boot":>8} {"burst":>6} '
        f'| worst of ours / Nova'
    )
    for hosts, servers in SIZES:
        states, filters, weigh, *ours = row(hosts, servers)
        total = states + filters + weigh
        print(
            f'{hosts:>6} | {states:>7.1f} {filters:>7.1f} {weigh:>7.1f} '
            f'{total:>7.1f} | {ours[0]:>6.2f} {ours[1]:>6.2f} '
            f'{ours[2]:>8.2f} {ours[3]:>6.2f} | {max(ours) / total:.3f}'
        )
        listener.stop()


if __name__ == '__main__':
    main()
