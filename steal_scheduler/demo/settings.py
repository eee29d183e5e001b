"""What may be chosen about the demo cloud."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Settings:
    """Each default is a small, quick cloud with stock scheduling.

    Hosts are all alike. Intervals are in seconds; what a nova-compute tells
    the scheduler of itself is as old as they are (Nova's own defaults, 60 and
    120, would show in every demo).
    """

    host_cores: int = 16
    host_ram_mb: int = 65536
    host_disk_gb: int = 1000
    # What else Placement is told that a host has, by resource class.
    host_inventory: Mapping[str, int] = dataclasses.field(default_factory=dict)
    # How long a live migration runs, and how many may run in the whole
    # cloud: Nova limits them per host, by a pool of threads per process.
    migration_seconds: float = 0.0
    concurrent_migrations: int = 4
    update_resources_interval: int = 20
    scheduler_instance_sync_interval: int = 10
    # Raw text: the [filter_scheduler] section, anything to follow it in
    # nova.conf (with section headers), and policy.yaml.
    filter_scheduler: str = ''
    nova_conf: str = ''
    policy: str = ''
