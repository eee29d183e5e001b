"""Nova's JSON turned into our values.

Of a row that makes no sense ``bad_server``, ``bad_migration`` and
``bad_aggregate`` make what keeps from beginning all that it is about.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from steal_scheduler.edge.sense import typed
from steal_scheduler.edge.text import one_line
from steal_scheduler.model import pause
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Host, Migration, Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.model.listing import UNREAD
from steal_scheduler.model.progress import Copied
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.room import Group
from steal_scheduler.nova_client import pinning
from steal_scheduler.nova_client.errors import sensible

#: What Nova calls a server whose cell does not answer; it tells no more then.
UNKNOWN = 'UNKNOWN'
OPT_OUT = 'steal:migrate'
#: What a live migration is called until it ends, in this order.
UNENDED = (
    'accepted',
    'queued',
    'preparing',
    'running',
    'running (post-copy)',
    'post-migrating',
)


def server(raw: Mapping[str, Any], role_rule: RoleRule) -> Server:
    """A server as ``GET /servers/detail`` gives it.

    Of one in a cell that is down Nova tells little more than its status, and
    of a deleted one nothing else counts.
    """
    if raw['status'] in (UNKNOWN, 'DELETED', 'SOFT_DELETED'):
        return Server(raw['id'], '', None, None, raw['status'], 0, 0, 0)
    flavor = raw['flavor']
    name = one_line(raw['name'])
    metadata = {k: one_line(v) for k, v in (raw.get('metadata') or {}).items()}
    disk_gb = flavor['ephemeral'] + flavor['swap'] // 1024
    # One without an image boots from a volume, which is not copied.
    if raw.get('image'):
        disk_gb += flavor['disk']
    opted_out = None
    if says_never(metadata):
        opted_out = 'metadata'
    elif says_never(flavor.get('extra_specs') or {}):
        opted_out = 'flavor'
    return Server(
        server_id=raw['id'],
        name=name,
        host=raw.get('OS-EXT-SRV-ATTR:host'),
        zone=raw.get('OS-EXT-AZ:availability_zone'),
        status=raw['status'],
        task_state=raw.get('OS-EXT-STS:task_state'),
        vcpus=flavor['vcpus'],
        dedicated=pinning.dedicated(
            flavor['vcpus'],
            flavor.get('extra_specs') or {},
            # '' where it was booted from a volume.
            (raw.get('image') or {}).get('properties') or {},
        ),
        traits=_traits(flavor.get('extra_specs') or {}),
        ram_mb=flavor['ram'],
        disk_gb=disk_gb,
        role=role_rule.role_of(metadata, name),
        locked=raw['locked'],
        opted_out=opted_out,
        metadata=metadata,
        tags=tuple(raw.get('tags') or ()),
        project_id=raw.get('tenant_id') or '',
        addresses=tuple(
            address['addr']
            for network in (raw.get('addresses') or {}).values()
            for address in network
        ),
    )


def bad_server(raw: Mapping[str, Any]) -> Server:
    """As if its cell were down: what is known of it is of before."""
    return Server(raw['id'], '', None, None, UNKNOWN, 0, 0, 0)


def _traits(specs: Mapping[str, Any]) -> Mapping[str, str]:
    """Of ``trait:HW_CPU_X86_AVX2=required``: HW_CPU_X86_AVX2 and required.

    Those of numbered groups are of a provider that Placement picks for them.
    """
    return {
        name.removeprefix('trait:'): str(word)
        for name, word in specs.items()
        if name.startswith('trait:')
    }


def host(raw: Mapping[str, Any]) -> Host:
    """The host of a nova-compute as ``GET /os-services`` gives it."""
    return Host(
        raw['host'],
        raw['zone'],
        up=raw['state'] == 'up',
        enabled=raw['status'] == 'enabled',
    )


def hypervisor(raw: Mapping[str, Any]) -> Hypervisor:
    """One as ``GET /os-hypervisors/detail`` gives it."""
    return Hypervisor(
        host=raw['service']['host'],
        name=raw['hypervisor_hostname'],
        address=raw['host_ip'],
        kind=raw['hypervisor_type'],
        vcpus=raw.get('vcpus'),
        uuid=str(raw.get('id') or ''),
        version=raw.get('hypervisor_version'),
    )


def group(raw: Mapping[str, Any]) -> Group:
    """One as ``GET /os-server-groups`` of microversion 2.64 gives it."""
    return Group(
        name=one_line(raw['name']),
        policy=raw['policy'],
        members=frozenset(raw['members']),
        most=(raw.get('rules') or {}).get('max_server_per_host', 1),
    )


def says_never(metadata: Any) -> bool:
    """A missing key means allowed; any word but 'allow' means never.

    Who writes the key at all ('no', 'false') wants to be left alone.
    """
    return str(metadata.get(OPT_OUT, 'allow')).strip().lower() != 'allow'


def aggregate(raw: Mapping[str, Any]) -> Aggregate:
    """A host aggregate as ``GET /os-aggregates`` gives it."""
    return Aggregate(
        aggregate_id=raw['id'],
        name=raw['name'],
        hosts=tuple(raw['hosts']),
        metadata={k: one_line(v) for k, v in raw['metadata'].items()},
        zone=raw['availability_zone'],
    )


def bad_aggregate(raw: Mapping[str, Any]) -> Aggregate:
    """One that pauses its hosts; the whole cloud where it is ours."""
    said = {pause.KEY: 'true: its row makes no sense'}
    return Aggregate(0, str(raw.get('name')), tuple(raw['hosts']), said)


def migration(raw: Mapping[str, Any]) -> Migration:
    """A record as ``GET /os-migrations`` gives it."""
    return Migration(
        migration_id=raw['id'],
        server_id=raw['instance_uuid'],
        status=raw['status'],
        # Null for who may not see hosts: see ``Listing.MIGRATION_HOSTS``.
        source=raw['source_compute'] or '',
        target=raw['dest_compute'],
        created_at=_epoch(raw['created_at']),
        updated_at=_epoch(raw['updated_at'] or raw['created_at']),
        user_id=raw.get('user_id'),
    )


def bad_migration(raw: Mapping[str, Any]) -> Migration:
    """One of which only the server is known; the newest it has, perhaps."""
    known = raw.get('id')
    migration_id = known if isinstance(known, int) else 2**62
    server_id = raw['instance_uuid']
    return Migration(migration_id, server_id, UNREAD, '', None, 0.0, 0.0)


@sensible()
def copied(raw: Mapping[str, Any]) -> Copied | None:
    """A record as ``GET /servers/ID/migrations`` gives it.

    None where its driver does not tell how far it is, or has not begun.
    """
    if not raw['memory_total_bytes']:
        return None

    def mb(what: str) -> float:
        disk, memory = raw[f'disk_{what}_bytes'], raw[f'memory_{what}_bytes']
        return float((disk or 0) + (memory or 0)) / 1024**2

    return typed(Copied(mb('processed'), mb('remaining')))


@sensible()
def is_abort(
    raw: Mapping[str, Any], user_id: str | None, since: float
) -> bool:
    """Whether an action on a server is this user's abort of its migration."""
    return (
        raw['action'] == 'live_migration_cancel'
        and user_id in (None, raw['user_id'])
        and _epoch(raw['start_time']) >= since
    )


@sensible()
def runs(raw: Mapping[str, Any]) -> bool:
    """Whether ``GET /servers/ID/diagnostics`` finds the guest running."""
    return bool(raw['state'] == 'running')


def _epoch(text: str) -> float:
    """Nova writes UTC, and mostly does not say so."""
    at = datetime.datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or datetime.UTC).timestamp()


def iso(epoch: float) -> str:
    at = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return at.strftime('%Y-%m-%dT%H:%M:%SZ')
