"""Nova's own classes, without a Nova around them."""

import itertools
import logging
import time
from collections.abc import Sequence
from typing import Any

import fixtures
import nova.conf
from nova import context, objects, rpc
from nova.scheduler import filters, host_manager, weights
from oslo_config import fixture as config_fixture
from oslo_messaging import conffixture as messaging_fixture
from oslo_utils import uuidutils
from oslotest import base

from steal_scheduler.messaging import view_format
from steal_scheduler.model.host_view import HostView, Mover, Tier, View
from steal_scheduler.scheduler import (
    guard,
    listener,
    request_info,
    settings,
)
from steal_scheduler.scheduler.view_cache import ViewCache

COLD, UNKNOWN, HOT = Tier.COLD, Tier.UNKNOWN, Tier.HOT
CELL = uuidutils.generate_uuid()

objects.register_all()


def cold(
    steal: float = 0.0, demand: float = 8.0, cores: float = 64.0
) -> HostView:
    return HostView(COLD, steal, demand, cores)


def hot(steal: float = 0.2, demand: float = 80.0) -> HostView:
    return HostView(HOT, steal, demand, 64.0)


def host_state(
    host: str,
    zone: str | None = None,
    node: str = '',
    beside: Sequence[str] = (),
    servers: Sequence[str] = (),
    **metadata: str,
) -> host_manager.HostState:
    """A candidate, as Nova has it in memory.

    :param beside: other hosts of its aggregate
    :param servers: ids of those that it holds
    :param metadata: of an aggregate that it is in
    """
    state = host_manager.HostState(host, node or host, CELL)
    state.instances = {id_: objects.Instance(uuid=id_) for id_ in servers}
    if zone:
        metadata['availability_zone'] = zone
    if metadata:
        state.aggregates = [
            objects.Aggregate(metadata=metadata, hosts=[host, *beside])
        ]
    return state


def boot(**fields: Any) -> objects.RequestSpec:
    """A request to place a new server."""
    return objects.RequestSpec(
        context.get_admin_context(),
        **{
            'instance_uuid': uuidutils.generate_uuid(),
            'project_id': 'p',
            'flavor': objects.Flavor(vcpus=2, memory_mb=512, root_gb=1),
            'ignore_hosts': None,
            'requested_destination': None,
            'scheduler_hints': {},
            **fields,
        },
    )


def move(source: str | None = 'source', **fields: Any) -> objects.RequestSpec:
    """A request to move a server away from a host, as the conductor does.

    :param source: None for a resize that may stay where it is
    """
    cell = objects.CellMapping(
        context.get_admin_context(),
        uuid=CELL,
        name='cell1',
        transport_url='none:///',
        database_connection=nova.conf.CONF.database.connection or '',
    )
    return boot(
        **{
            'ignore_hosts': [source] if source else [],
            'requested_destination': objects.Destination(cell=cell),
            **fields,
        }
    )


def unshelve(**fields: Any) -> objects.RequestSpec:
    """A request for a host for a server that is on none."""
    return move(None, **{'ignore_hosts': None, **fields})


def rebuild(host: str) -> objects.RequestSpec:
    """A request to say whether a server may be rebuilt where it is."""
    return move(None, scheduler_hints={'_nova_check_type': ['rebuild']})


class SchedulerTestCase(base.BaseTestCase):
    """Each test is a new nova-scheduler worker, with stock options."""

    def setUp(self) -> None:
        super().setUp()
        self.conf = self.useFixture(config_fixture.Config(nova.conf.CONF)).conf
        self.conf(
            [],
            project='nova',
            default_config_files=[],
            default_config_dirs=[],
        )
        self.useFixture(messaging_fixture.ConfFixture(self.conf, 'fake:/'))
        rpc.init(self.conf)
        self.addCleanup(rpc.cleanup)
        self.log = self.useFixture(
            fixtures.FakeLogger('steal_scheduler', level=logging.INFO)
        )
        for holder, value in (
            (guard, '_failing'),
            (listener, '_listeners'),
        ):
            fresh = type(getattr(holder, value))()
            self.useFixture(
                fixtures.MonkeyPatch(f'{holder.__name__}.{value}', fresh)
            )
        settings.log_once.cache_clear()
        request_info._known_zone.cache_clear()
        self.addCleanup(listener.stop)

    def option(self, name: str, value: Any) -> None:
        self.conf.set_override(name, value, group='steal_scheduler')

    def deliver(
        self,
        hosts: dict[str, HostView],
        *,
        roles: dict[str, dict[str, int]] | None = None,
        movers: dict[str, Mover] | None = None,
        **fields: Any,
    ) -> None:
        """A view arrives, fresh unless ``taken_at`` is among the fields."""
        fields = {'taken_at': time.time(), **fields}
        view = View(
            hosts=hosts, roles=roles or {}, movers=movers or {}, **fields
        )
        listener.cache().accept(view_format.encode(view))

    def expire(self) -> None:
        """The view that was delivered becomes too old."""
        cache: ViewCache = listener.cache()
        later = time.monotonic() + 1e6
        self.patch(cache, '_monotonic', lambda: later)
        self.assertIsNone(listener.latest())

    def passed(
        self,
        filter_: filters.BaseHostFilter,
        hosts: Sequence[host_manager.HostState],
        spec: objects.RequestSpec,
    ) -> list[str]:
        """Names of the hosts that Nova's handler lets through."""
        found = filters.HostFilterHandler().get_filtered_objects(
            [filter_], hosts, spec
        )
        return [state.host for state in found]

    def weighed(
        self,
        weigher: weights.BaseHostWeigher,
        hosts: Sequence[host_manager.HostState],
        spec: objects.RequestSpec,
    ) -> dict[str, float]:
        """What Nova's handler adds up, the best first."""
        found = weights.HostWeightHandler().get_weighed_objects(
            [weigher], hosts, spec
        )
        return {each.obj.host: each.weight for each in found}

    def order(self, *args: Any) -> list[list[str]]:
        """Hosts, the best first, those of equal weight together."""
        return [
            sorted(name for name, _ in equal)
            for _, equal in itertools.groupby(
                self.weighed(*args).items(), key=lambda item: item[1]
            )
        ]
