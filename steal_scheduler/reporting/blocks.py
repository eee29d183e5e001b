"""The blocks of a document, and how a person reads their fields."""

from collections.abc import Mapping
from typing import NamedTuple


class Block(NamedTuple):
    title: str
    #: Of each of its objects, in this order.
    fields: tuple[str, ...]
    #: Shown to a person also where it is empty: that nothing moves is news.
    always: bool = False
    #: Of these fields each has a line of its own, below those of its object.
    below: tuple[str, ...] = ()
    #: For programs: no line has room for all.
    unsaid: tuple[str, ...] = ()


_SERVER = ('server_id', 'server_name')
_MOVE = (*_SERVER, 'stage', 'seconds', 'source', 'target', 'reason')
#: All there are, by name, in the order in which a person wants to read them.
BLOCKS: Mapping[str, Block] = {
    'notes': Block('', ('note',)),
    'reattach_blocked': Block(
        'Drained, and should be reattached; see the log of steal-migrator, '
        'and the orchestrator',
        _MOVE,
    ),
    'stalled': Block('Moves that need a person to look at Nova', _MOVE),
    'holds': Block('Nothing starts now, because', ('reason', 'detail')),
    'pauses': Block('Paused', ('scope', 'name', 'until', 'detail')),
    'emptied_hosts': Block(
        'Hosts that are emptied', ('host', 'until', 'servers', 'detail')
    ),
    'servers_left': Block(
        'Left on hosts that are emptied', (*_SERVER, 'host', 'detail')
    ),
    'ignored_policies': Block(
        'Policies that are ignored', ('aggregate', 'key', 'detail')
    ),
    'skips': Block('Skipped', (*_SERVER, 'until', 'detail')),
    'findings': Block(
        'Contended servers',
        (*_SERVER, 'host', 'steal', 'load', 'polls'),
        always=True,
    ),
    'moves_in_flight': Block('Moves in flight', _MOVE, always=True),
    'moves_to_begin': Block(
        'Moves that would start now',
        (*_SERVER, 'source', 'copy_mb', 'reason'),
        always=True,
    ),
    'dry_run_moves': Block(
        'Moves that would start, were it not for steal:dry_run',
        (*_SERVER, 'source', 'copy_mb', 'reason'),
    ),
    'drains': Block(
        'What their drains would do', (*_SERVER, 'orchestrator', 'detail')
    ),
    'refusals': Block('Refused', (*_SERVER, 'reason', 'detail')),
    'saturations': Block(
        'Saturated: moving cannot help', ('zone', 'cores_short', 'scarce')
    ),
    'aggressors': Block(
        'Who takes more of a contended host than its share',
        (*_SERVER, 'host', 'used', 'share', 'advice'),
        below=('advice',),
    ),
    'unreliable_hosts': Block(
        'Hosts with unreliable metrics', ('host', 'reason', 'detail')
    ),
    'coverage': Block('Coverage', ('percent',)),
    'history': Block(
        'Moves that are over',
        (
            *('ended_at', *_SERVER, 'zone', 'source', 'target', 'outcome'),
            *('steal_before', 'steal_after', 'seconds_out', 'copied_mb'),
            *('relief_core_seconds', 'reason', 'project_id', 'requested_at'),
            *('asked_by', 'source_of_truth'),
        ),
        always=True,
        unsaid=('project_id', 'requested_at', 'asked_by', 'source_of_truth'),
    ),
    'relief': Block(
        'What they have brought, by zone',
        (
            *('zone', 'moves', 'helped', 'not_helped', 'unmeasured'),
            *('relief_core_seconds', 'harm_core_seconds', 'copied_mb'),
            'relief_per_gib',
        ),
    ),
    'left_behind': Block('Left behind', (*_SERVER, 'host', 'tags', 'detail')),
    'leftovers': Block(
        'Left over in Nova; look as it says before you repair it',
        (*_SERVER, 'host', 'reason', 'detail', 'command'),
        below=('detail', 'command'),
    ),
    'unproven_marks': Block(
        'Marks of drains that prove nothing, and hold up nothing',
        ('orchestrator', 'server_id', 'where', 'detail', 'command'),
        below=('detail', 'command'),
    ),
}

#: What a person reads for a field and its value, where that differs.
SHOWN: Mapping[str, tuple[str, str]] = {
    'server_id': ('server', '{}'),
    'server_name': ('name', '{}'),
    'seconds': ('for', '{:.0f} s'),
    'source': ('from', '{}'),
    'target': ('to', '{}'),
    'steal': ('waits', '{:.1%}'),
    'load': ('load/vCPU', '{:.2f}'),
    'copy_mb': ('to copy', '{} MiB'),
    'used': ('uses', '{:.1f} cores'),
    'share': ('share', '{:.1f}'),
    'cores_short': ('cores short', '{:.1f}'),
    'ended_at': ('ended', '{}'),
    'steal_before': ('waited', '{:.1%}'),
    'steal_after': ('waits', '{:.1%}'),
    'seconds_out': ('out', '{:.0f} s'),
    'copied_mb': ('copied', '{:.0f} MiB'),
    'not_helped': ('not helped', '{}'),
    'relief_core_seconds': ('relief', '{:.0f} core-s'),
    'harm_core_seconds': ('harm', '{:.0f} core-s'),
    'relief_per_gib': ('relief/GiB', '{:.1f} core-s'),
    'percent': ('', '{:.0f}% of the running servers'),
}
