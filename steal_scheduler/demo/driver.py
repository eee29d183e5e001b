"""A hypervisor that runs nothing, and whose live migrations are steered.

Server metadata says how each of the server's migrations goes:

- ``demo:seconds``: how long it runs, in seconds; or ``never``, until aborted;
- ``demo:fail``: where it fails: ``precheck`` (no target will have it), ``pre``
  (the target cannot prepare), ``run`` (rolled back on the way) or ``post``
  (the guest has moved, but the target cannot finish).
"""

from __future__ import annotations

import dataclasses
import enum
import threading
import time
import uuid
from typing import Any, ClassVar

from nova import exception
from nova.virt import fake

from steal_scheduler.demo.settings import Settings

# Nova looks a driver up below ``nova.virt``, and nowhere else.
COMPUTE_DRIVER = 'fake.DemoDriver'
#: Seconds until a migration tells again how far it is; libvirt's has 5.
TELLS = 1.0


class _End(enum.Enum):
    COMPLETED = enum.auto()
    ABORTED = enum.auto()
    FAILED = enum.auto()
    ABANDONED = enum.auto()


class _Moving:
    """A live migration that runs: it completes in time, or ends when told."""

    def __init__(self) -> None:
        self.how = _End.COMPLETED
        self._told = threading.Event()

    def end(self, how: _End) -> None:
        self.how = how
        self._told.set()

    @property
    def ended(self) -> bool:
        """Somebody told it to end."""
        return self._told.is_set()

    def wait(self, seconds: float) -> None:
        self._told.wait(seconds)


@dataclasses.dataclass(frozen=True)
class Copied:
    """A server's memory was copied; times are of the monotonic clock."""

    server_id: str
    begun: float
    ended: float


class DemoDriver(fake.FakeDriver):
    """Nova's fake driver, made to behave over a server's whole life."""

    settings = Settings()
    #: Of all hosts, in the order in which they ended.
    copied: ClassVar[list[Copied]] = []

    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        self.vcpus = self.settings.host_cores
        self.memory_mb = self.settings.host_ram_mb
        self.local_gb = self.settings.host_disk_gb
        super().__init__(virtapi, read_only)
        self._moving: dict[str, _Moving] = {}

    def get_available_resource(self, nodename: str) -> dict[str, Any]:
        """As the fake driver's, with a node id that outlives the process."""
        resources: dict[str, Any] = super().get_available_resource(nodename)
        if resources:
            resources['uuid'] = _node_id(nodename)
        return resources

    def update_provider_tree(
        self, provider_tree: Any, nodename: str, allocations: Any = None
    ) -> None:
        """What Placement is told of the host."""
        super().update_provider_tree(provider_tree, nodename, allocations)
        inventory = provider_tree.data(nodename).inventory
        for kind, total in self.settings.host_inventory.items():
            own = {'total': total, 'max_unit': total, 'allocation_ratio': 1.0}
            inventory[kind] = inventory['VCPU'] | own
        provider_tree.update_inventory(nodename, inventory)

    def get_nodenames_by_uuid(self, refresh: bool = False) -> dict[str, str]:
        """The host's one node, by the id told in its resources."""
        return {_node_id(name): name for name in self.get_available_nodes()}

    def get_host_uptime(self) -> str:
        """What ``openstack hypervisor show`` prints; the base class raises."""
        return ' 10:00:00 up 1 day,  1 user,  load average: 0.00, 0.00, 0.00'

    def check_can_live_migrate_destination(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """On the target, before anything happens: Nova tries another one."""
        if _fails(instance, 'precheck'):
            raise exception.MigrationPreCheckError(reason='as demo:fail says')
        return super().check_can_live_migrate_destination(
            context, instance, *args, **kwargs
        )

    def pre_live_migration(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """On the target, once the migration has begun."""
        if _fails(instance, 'pre'):
            raise exception.NovaException('pre, as demo:fail says')
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def live_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Any,
        recover_method: Any,
        block_migration: bool = False,
        migrate_data: Any = None,
    ) -> None:
        """On the source; Nova gives each migration a thread to wait in."""
        moving = self._moving[instance.uuid] = _Moving()
        begun = time.monotonic()
        how = self._copy(instance, moving, migrate_data.migration)
        self.copied.append(Copied(instance.uuid, begun, time.monotonic()))
        del self._moving[instance.uuid]
        if how is _End.ABANDONED:
            return
        if how is _End.ABORTED:
            recover_method(
                context,
                instance,
                dest,
                migrate_data,
                migration_status='cancelled',
            )
        elif how is _End.FAILED or _fails(instance, 'run'):
            recover_method(context, instance, dest, migrate_data)
        else:
            post_method(context, instance, dest, block_migration, migrate_data)
            return
        # As libvirt's driver since Nova 33: see doc/source/contributor/
        # nova-abort-error.rst. It leaves the server in ERROR.
        why = 'canceled by client' if how is _End.ABORTED else 'failed'
        raise exception.NovaException(f'operation aborted: {why}')

    def live_migration_abort(self, instance: Any) -> None:
        """Stop a running migration; the server stays where it is."""
        self._running(instance).end(_End.ABORTED)

    def live_migration_force_complete(self, instance: Any) -> None:
        """End a running migration now, successfully."""
        self._running(instance).end(_End.COMPLETED)

    def post_live_migration(
        self,
        context: Any,
        instance: Any,
        block_device_info: Any,
        migrate_data: Any = None,
    ) -> None:
        """Forget the guest on the source: the fake driver would keep it."""
        self.destroy(context, instance, None, block_device_info)

    def post_live_migration_at_destination(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        """On the target, when the guest has arrived."""
        super().post_live_migration_at_destination(
            context, instance, *args, **kwargs
        )
        if _fails(instance, 'post'):
            # Whatever fails now, the guest is here.
            raise exception.NovaException('post, as demo:fail says')

    def destroy(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        """What migrates fails with its guest, and holds its thread no more."""
        if moving := self._moving.get(instance.uuid):
            moving.end(_End.FAILED)
        super().destroy(context, instance, *args, **kwargs)

    def cleanup_host(self, host: str) -> None:
        """When Nova stops: drop what migrates, or its thread would stay."""
        for moving in list(self._moving.values()):
            moving.end(_End.ABANDONED)

    def _copy(self, instance: Any, moving: _Moving, migration: Any) -> _End:
        """Wait for its end, and tell meanwhile how far the copy is.

        Of one that never ends the guest writes its whole memory anew each
        second.
        """
        seconds, total = self._seconds(instance), instance.memory_mb * 1024**2
        begun, passed = time.monotonic(), 0.0
        while not moving.ended and (seconds is None or passed < seconds):
            done = int(total * passed / (seconds or 1.0))
            migration.memory_total = total
            migration.memory_processed = done
            migration.memory_remaining = total - done % total
            migration.save()
            left = TELLS if seconds is None else min(TELLS, seconds - passed)
            moving.wait(left)
            passed = time.monotonic() - begun
        return moving.how

    def _running(self, instance: Any) -> _Moving:
        """Raises InstanceNotRunning if the server does not migrate now."""
        try:
            return self._moving[instance.uuid]
        except KeyError:
            raise exception.InstanceNotRunning(
                instance_id=instance.uuid
            ) from None

    def _seconds(self, instance: Any) -> float | None:
        said = instance.metadata.get('demo:seconds')
        if said == 'never':
            return None
        return self.settings.migration_seconds if said is None else float(said)


def install(settings: Settings) -> None:
    """Let Nova find the driver, with hosts as settings say."""
    DemoDriver.settings = settings
    fake.DemoDriver = DemoDriver


def _fails(instance: Any, where: str) -> bool:
    return bool(instance.metadata.get('demo:fail') == where)


def _node_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}.node.demo'))
