"""A stand-in for Nova's API: answers that the test sets.

It is written by hand, and says nothing about what a real Nova answers, that
is what the tests in ``tests/functional`` are for, which have one; only about
what becomes of an answer here.
"""

from typing import Any

from tests.standins.app import Answer, Request, StandIn


class NovaApi(StandIn):
    """Each answer is one of ``instead``."""

    def no_route(self, request: Request) -> Answer:
        return 599, f'not expected: {request}'


def fault(status: int, message: str = 'so it is') -> Answer:
    """How Nova says no."""
    return status, {'fault': {'code': status, 'message': message}}


def server(server_id: str = 's', **other: Any) -> dict[str, Any]:
    """As ``GET /servers/detail`` of microversion 2.80 gives it."""
    return {
        'id': server_id,
        'name': 'web-1',
        'status': 'ACTIVE',
        'OS-EXT-SRV-ATTR:host': 'a',
        'OS-EXT-AZ:availability_zone': 'az1',
        'flavor': {
            'vcpus': 4,
            'ram': 4096,
            'disk': 20,
            'ephemeral': 5,
            'swap': 2048,
            'extra_specs': {},
        },
        'image': {'id': 'i'},
        'metadata': {'role': 'web'},
        'locked': False,
        'tags': ['blue'],
        'addresses': {
            'private': [{'addr': '10.0.0.5', 'version': 4}],
            'public': [{'addr': '203.0.113.5', 'version': 4}],
        },
    } | other


def service(host: str = 'a', **other: Any) -> dict[str, Any]:
    """A nova-compute as ``GET /os-services`` gives it."""
    return {
        'id': f'id of {host}',
        'binary': 'nova-compute',
        'host': host,
        'zone': 'az1',
        'status': 'enabled',
        'state': 'up',
        'forced_down': False,
        'disabled_reason': None,
        'updated_at': '2026-01-01T00:00:00.000000',
    } | other


def hypervisor(host: str = 'a', **other: Any) -> dict[str, Any]:
    """As ``GET /os-hypervisors/detail`` of microversion 2.80 gives it."""
    return {
        'id': f'id of {host}',
        'hypervisor_hostname': f'{host}.example.org',
        'hypervisor_type': 'QEMU',
        'host_ip': '192.0.2.1',
        'service': {'id': 's', 'host': host, 'disabled_reason': None},
        'state': 'up',
        'status': 'enabled',
    } | other


def group(name: str, *members: str, **other: Any) -> dict[str, Any]:
    """As ``GET /os-server-groups`` of microversion 2.64 gives it."""
    return {
        'id': f'id of {name}',
        'name': name,
        'policy': 'anti-affinity',
        'rules': {},
        'members': [*members],
        'project_id': 'p',
        'user_id': 'u',
    } | other


def provider(**left: int) -> dict[str, Any]:
    """A host in what Placement tells of allocation candidates."""
    plenty = {'VCPU': 64, 'MEMORY_MB': 2**18, 'DISK_GB': 1000}
    return {
        'resources': {
            kind: {'capacity': amount, 'used': 0}
            for kind, amount in (plenty | left).items()
        },
        'traits': [],
        'parent_provider_uuid': None,
        'root_provider_uuid': None,
    }


def migration(**other: Any) -> dict[str, Any]:
    """As ``GET /os-migrations`` of microversion 2.80 gives it."""
    return {
        'id': 7,
        'uuid': 'm7',
        'instance_uuid': 's',
        'status': 'running',
        'source_compute': 'a',
        'dest_compute': 'b',
        'created_at': '2026-01-01T00:00:00.000000',
        'updated_at': '2026-01-01T00:00:05.500000',
        'user_id': 'us',
        'project_id': 'p',
        'migration_type': 'live-migration',
    } | other


def under_way(**other: Any) -> dict[str, Any]:
    """As ``GET /servers/ID/migrations`` of microversion 2.80 gives it."""
    record = migration() | {
        'server_uuid': 's',
        'memory_total_bytes': 4096 * 1024**2,
        'memory_processed_bytes': 1024 * 1024**2,
        'memory_remaining_bytes': 3072 * 1024**2,
        'disk_total_bytes': 0,
        'disk_processed_bytes': 0,
        'disk_remaining_bytes': 0,
    }
    del record['instance_uuid'], record['migration_type']
    return record | other
