"""The one Nova of a process: all modules of a package here share it.

It is large enough for all of them, and has our classes in its scheduler.
"""

from tests.functional.scene import Scene  # isort: skip (before Nova's)

import itertools

from tests.shared import Shared

#: c1 is the host that dies: Nova has no way back for it but a restart.
ZONES = {'az1': ['a1', 'a2', 'a3'], 'az2': ['b1', 'b2'], 'az3': ['c1', 'c2']}
HOSTS = list(itertools.chain.from_iterable(ZONES.values()))
#: In the whole cloud; a further migration queues.
CONCURRENT = 2
#: Of each host, besides vCPUs, memory and disk.
INVENTORY = {'PCPU': 2, 'CUSTOM_CARD': 1}

scene = Scene(
    ZONES,
    concurrent_migrations=CONCURRENT,
    host_inventory=INVENTORY,
    nova_conf="""
[DEFAULT]
allow_resize_to_same_host = True
shelved_offload_time = 0
[steal_scheduler]
view_max_age = 600
role_name_pattern = ^(\\w+)-\\d+$
""",
)
set_up = Shared(scene.running).set_up
