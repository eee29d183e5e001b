"""Objects of Nova, as its database and its conductor would give them."""

import datetime
from typing import Any

from nova import context, objects
from oslo_utils import uuidutils

from tests.bench import clouds


def compute_node(number: int, name: str) -> Any:
    arch = {'arch': 'x86_64', 'hv_type': 'kvm', 'vm_mode': 'hvm'}
    return objects.ComputeNode(
        context.get_admin_context(),
        id=number,
        uuid=uuidutils.generate_uuid(),
        host=name,
        hypervisor_hostname=name,
        local_gb=1000,
        local_gb_used=100,
        free_disk_gb=900,
        disk_available_least=None,
        memory_mb=512_000,
        memory_mb_used=100 * number % 400_000,
        free_ram_mb=512_000 - 100 * number % 400_000,
        vcpus=clouds.CORES,
        vcpus_used=number % 64,
        numa_topology=None,
        pci_device_pools=None,
        host_ip='127.0.0.1',
        hypervisor_type='QEMU',
        hypervisor_version=8_000_000,
        cpu_info='{}',
        supported_hv_specs=[objects.HVSpec(**arch)],
        stats={'num_instances': '12', 'io_workload': '0'},
        metrics=None,
        cpu_allocation_ratio=4.0,
        ram_allocation_ratio=1.0,
        disk_allocation_ratio=1.0,
        updated_at=datetime.datetime.now(datetime.UTC),
    )


def service(name: str) -> Any:
    now = datetime.datetime.now(datetime.UTC)
    return objects.Service(
        context.get_admin_context(),
        id=1,
        host=name,
        binary='nova-compute',
        topic='compute',
        disabled=False,
        report_count=1,
        last_seen_up=now,
        updated_at=now,
        created_at=now,
        forced_down=False,
        disabled_reason=None,
    )


def request(**fields: Any) -> Any:
    defaults = {
        'instance_uuid': uuidutils.generate_uuid(),
        'flavor': objects.Flavor(
            vcpus=2,
            memory_mb=512,
            root_gb=1,
            ephemeral_gb=0,
            swap=0,
            extra_specs={},
        ),
        'image': objects.ImageMeta(properties=objects.ImageMetaProps()),
        'scheduler_hints': {'role': ['role1']},
    }
    empty = dict.fromkeys(
        (
            'ignore_hosts',
            'force_hosts',
            'force_nodes',
            'instance_group',
            'requested_destination',
            'numa_topology',
            'pci_requests',
            'availability_zone',
        )
    )
    return objects.RequestSpec(
        context.get_admin_context(), **{**empty, **defaults, **fields}
    )
