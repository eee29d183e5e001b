"""nova-compute with a hypervisor that a test steers, as a program.

Each migration that begins is told in the file that ``STEAL_EVENTS`` names.
"""

# Before anything of Nova: it chooses how threads run.
from steal_scheduler.demo import driver  # isort: skip

import sys
from typing import Any

from nova.cmd import compute
from nova.compute import power_state
from nova.virt import fake, node

from steal_scheduler.demo.settings import Settings
from tests.integration.cloud import events

#: Seconds that a migration copies.
COPY_SECONDS = 3.0


class Driver(driver.DemoDriver):
    """As the demo's; and its guests outlive nova-compute, as real ones do."""

    def init_host(self, host: str) -> None:
        """Write down who it is: Nova refuses to start again without that."""
        super().init_host(host)
        if not node.read_local_node_uuid():
            (id_,) = self.get_nodenames_by_uuid()
            node.write_local_node_uuid(id_)

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        """What was here before this process is here now."""
        if instance.host == self._host:
            self.instances.setdefault(
                instance.uuid,
                fake.FakeInstance(
                    instance.name, power_state.RUNNING, instance.uuid
                ),
            )
        return super().get_info(instance, use_cache)

    def live_migration(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> None:
        events.tell('migrate', instance.uuid)
        super().live_migration(context, instance, *args, **kwargs)


def main() -> None:
    driver.install(Settings(migration_seconds=COPY_SECONDS))
    fake.DemoDriver = Driver
    sys.argv[0] = 'nova-compute'
    compute.main()


if __name__ == '__main__':
    main()
