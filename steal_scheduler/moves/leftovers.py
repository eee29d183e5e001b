"""Leftovers: what crashes have left behind in Nova, and what repairs it.

Nova ends a record only where the services live that work on it. One that is
``running`` when its nova-compute is killed stays so, and its server MIGRATING,
until somebody sees to it.
"""

import dataclasses
import enum
from collections.abc import Iterable, Iterator, Mapping

from steal_scheduler.decision.eligibility import HISTORY
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.edge.text import one_line
from steal_scheduler.model.cloud import LEFT_OVER, Migration, Server
from steal_scheduler.moves import tags
from steal_scheduler.moves.tags import Tag

#: Seconds after which one that Nova has not changed stands still. Of one that
#: runs nova-compute writes down each few seconds how far it is; others may
#: wait for their turn.
STILL = dict.fromkeys(
    ('running', 'running (post-copy)', 'post-migrating'), 600.0
)
WAITS = 3600.0


class Kind(enum.StrEnum):
    """What is left over. The value is for programs."""

    STANDS_STILL = 'migration_stands_still'
    NEVER_ENDS = 'record_never_ends'
    NO_RECORD = 'migrating_without_record'
    NOT_MOVED = 'completed_on_source'
    ERROR = 'error_after_migration'
    TAG = 'tag_without_move'
    PORT_BINDING = 'two_port_bindings'


@dataclasses.dataclass(frozen=True, slots=True)
class Leftover:
    kind: Kind
    server_id: str
    host: str | None
    #: What is wrong, and what to look at before anything is done.
    detail: str
    #: Repairs it, where what was looked at allows it.
    command: str


def leftovers(
    snapshot: Snapshot,
    unended: Iterable[Migration],
    told: Mapping[str, Tag],
) -> list[Leftover]:
    """All there are, by server; nothing of those that Nova does not tell of.

    :param unended: every record that has not ended, however old
    :param told: what genuine tags say, of servers by id
    """
    fleet = snapshot.fleet
    going: dict[str, list[Migration]] = {}
    for record in unended:
        going.setdefault(record.server_id, []).append(record)
    found: list[Leftover] = []
    for server_id in sorted(fleet.servers.keys() | going.keys()):
        if not fleet.is_current(server_id):
            continue
        server = fleet.servers.get(server_id)
        records = going.get(server_id, [])
        found += _of_records(server, records, snapshot)
        if server is not None:
            found += _of_server(server, records, snapshot)
            found += _of_tags(server, records, told.get(server_id), snapshot)
    return found


def _of_records(
    server: Server | None, records: list[Migration], snapshot: Snapshot
) -> Iterator[Leftover]:
    migrating = server is not None and server.migrating
    for record in records:
        age = snapshot.now - record.updated_at
        which = f'its migration {record.migration_id} is {record.status}'
        if migrating and age > STILL.get(record.status, WAITS):
            yield Leftover(
                Kind.STANDS_STILL,
                record.server_id,
                record.source,
                f'{which}, and nothing was heard of it for {_time(age)}. If '
                f'nova-compute of {record.source} is down, start it: that '
                'alone ends it. If it is up, and its log tells of no such '
                'migration, let Nova forget it',
                f'openstack server set --state active {record.server_id}',
            )
        elif not migrating and age > LEFT_OVER:
            where = 'does not migrate' if server else 'was deleted'
            if server and record.running:
                where += (
                    '. libvirt may have gone on alone: see "virsh list '
                    f'--uuid" on {record.source} and {record.target} whether '
                    f'its guest runs where Nova says, on {server.host}'
                )
            yield Leftover(
                Kind.NEVER_ENDS,
                record.server_id,
                record.source,
                f'{which} for {_time(age)}, and the server {where}. It holds '
                'up nothing of ours; Nova has no command for it, only the '
                'database of its cell',
                # For a person, who knows where that database is.
                "UPDATE migrations SET status = 'error' WHERE id = "  # noqa: S608
                f"{record.migration_id} AND instance_uuid = '"
                f"{record.server_id}' AND status = '{record.status}'",
            )


def _of_server(
    server: Server, records: list[Migration], snapshot: Snapshot
) -> Iterator[Leftover]:
    server_id, host = server.server_id, server.host
    active = f'openstack server set --state active {server_id}'
    if server.migrating and not records:
        yield Leftover(
            Kind.NO_RECORD,
            server_id,
            host,
            'it is MIGRATING, and no record tells of that. If it is so in a '
            f'few minutes too, look at nova-conductor, and start nova-compute '
            f'of {host} if that is down; then let Nova forget it',
            active,
        )
    newest = next(iter(snapshot.fleet.migrations.get(server_id, ())), None)
    if newest is None or snapshot.now - newest.updated_at <= LEFT_OVER:
        return
    which = f'its migration {newest.migration_id}'
    if newest.failed and newest in snapshot.fleet.ours:
        if server.status == 'ERROR':
            yield Leftover(
                Kind.ERROR,
                server_id,
                host,
                f'{which}, which we asked for, ended as {newest.status}, and '
                'Nova calls the server ERROR, as it does after an abort. Its '
                f'guest should run on {host}: see "virsh list --uuid" there, '
                f'and that it does not run on {newest.target} as well',
                active,
            )
    elif newest.completed and host == newest.source != newest.target:
        yield Leftover(
            Kind.NOT_MOVED,
            server_id,
            host,
            f'{which} to {newest.target} completed, and Nova says that it is '
            f'on {host}. If its events tell of no later way back, see "virsh '
            f'list --uuid" on both: where it runs on {newest.target}, do not '
            'start, stop or rebuild it before the database says so too',
            f'openstack server event list {server_id}',
        )


def _of_tags(
    server: Server,
    records: list[Migration],
    tag: Tag | None,
    snapshot: Snapshot,
) -> Iterator[Leftover]:
    newer = snapshot.newer_tags.get(server.server_id, ())
    found = tags.ours(server.tags, newer)
    if not found or records:
        return
    detail = ''
    if tag is None:
        detail = 'no key of ours has signed it: forged, or of an old key'
    elif snapshot.now - tag.since > HISTORY:
        age = _time(snapshot.now - tag.since)
        detail = f'its stage began {age} ago: does a migrator lead?'
    if detail:
        yield Leftover(
            Kind.TAG,
            server.server_id,
            server.host,
            f'it has the tag {", ".join(map(one_line, found))}; {detail}',
            # Its server may be drained, which only this ends.
            'steal-manage recover --clear',
        )


def _time(seconds: float) -> str:
    """For example '50 min', '26 h', '9 days'."""
    for unit, size, most in (('min', 60, 120), ('h', 3600, 72)):
        if seconds < most * size:
            return f'{seconds / size:.0f} {unit}'
    return f'{seconds / 86400:.0f} days'
