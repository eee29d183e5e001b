"""What a tick decided, as a document of named blocks; and that as text.

A program reads the document, a person reads ``as_text`` and a spreadsheet
``as_rows``. Every block is a list of objects, for example::

    {
        'notes': [{'detail': 'Judged on this one poll.'}],
        'refusals': [
            {
                'server_id': '269c',
                'server_name': 'shop5',
                'reason': 'locked',
                'detail': 'it is locked',
            }
        ],
    }
"""

import collections
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.decision import pauses, policies
from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.pause import Pause
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.blocks import BLOCKS, SHOWN
from steal_scheduler.reporting.emptied import emptied_blocks
from steal_scheduler.reporting.skipped import skipped

Items = Sequence[Mapping[str, Any]]
Document = Mapping[str, Items]


#: Hosts named for one reason: the outage of a rack must not fill the screen.
_MOST_HOSTS = 10


def moves_in_flight(moves: Iterable[Move], now: float) -> Items:
    return [
        {
            'server_id': move.server_id,
            'server_name': move.server.name,
            'stage': move.stage.value,
            'seconds': now - move.since,
            'source': move.source,
            'target': move.target,
            'reason': move.trouble or move.failure or move.reason,
        }
        for move in moves
    ]


def decided(decision: Decision, snapshot: Snapshot) -> Document:
    """What a tick found, would begin, and why not more."""
    live, dry = policies.parted(decision.admitted, snapshot)
    if snapshot.rules.dry_run:
        # A note says so, and then there is no other.
        live, dry = dry, []
    found: dict[str, Iterable[Any]] = {
        'holds': [r for r in decision.refusals if r.server_id is None],
        'findings': decision.findings,
        'moves_to_begin': live,
        'dry_run_moves': dry,
        'refusals': [r for r in decision.refusals if r.server_id is not None],
        'saturations': decision.saturations,
        'aggressors': decision.aggressors,
        'ignored_policies': snapshot.fleet.policies.ignored,
        'unreliable_hosts': snapshot.unreliable.values(),
    }
    servers = snapshot.fleet.servers
    document = {
        name: [_item(BLOCKS[name].fields, value, servers) for value in values]
        for name, values in found.items()
    }
    told = {p: pauses.told(p, snapshot) for p in snapshot.fleet.pauses}
    return {
        'holds': document.pop('holds'),
        'pauses': paused(told),
        **emptied_blocks(decision.refusals, snapshot),
        'skips': skipped(snapshot),
        **document,
        'coverage': [{'percent': decision.coverage}],
    }


def paused(found: Mapping[Pause, str]) -> Items:
    """Pauses, and what there is to say of each."""
    return [
        {
            'scope': pause.scope.value,
            'name': pause.name or None,
            'until': iso(pause.until) if pause.has_end else None,
            'detail': detail,
        }
        for pause, detail in found.items()
    ]


def _item(
    fields: Iterable[str], value: Any, servers: Mapping[str, Server]
) -> dict[str, Any]:
    """A value of the decision as an object: what it is called there."""
    item = {}
    for field in fields:
        if field == 'server_name':
            server = servers.get(value.server_id)
            item[field] = server.name if server else value.server_id
        else:
            content = getattr(value, field)
            # Of an enum too: YAML has no words for one.
            item[field] = str(content) if isinstance(content, str) else content
    return item


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Columns as wide as they need to be."""
    text = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [
        max(len(cell) for cell in column) for column in zip(*text, strict=True)
    ]
    return [
        '  '.join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in text
    ]


def block_text(name: str, items: Items) -> list[str]:
    """One block, for a person: a table, with a head where that helps."""
    if not items:
        return ['none']
    below, unsaid = BLOCKS[name].below, BLOCKS[name].unsaid
    fields = [f for f in BLOCKS[name].fields if f not in (*below, *unsaid)]
    rows = [[_shown(field, item[field]) for field in fields] for item in items]
    head = [SHOWN.get(field, (field,))[0] for field in fields]
    first, *lines = table(head, rows)
    shown = [first] if len(fields) > 1 else []
    for line, item in zip(lines, items, strict=True):
        shown += [
            line,
            *(f'    {_shown(f, item[f])}' for f in below if item[f]),
        ]
    return shown


def _shown(field: str, value: Any) -> str:
    if value is None or value == []:
        return '-'
    return SHOWN.get(field, ('', '{}'))[1].format(_cell(value))


def as_text(document: Document) -> str:
    """All of it that a person has to know, on one screen."""
    lines: list[str] = []
    for name, block in BLOCKS.items():
        items = document.get(name, ())
        if not items and not (block.always and name in document):
            continue
        if not block.title:
            lines += block_text(name, items)
            continue
        count = f' ({len(items)})' if len(block.fields) > 1 else ''
        lines += ['', f'{block.title}{count}']
        if name == 'unreliable_hosts':
            items = _first_of_each_reason(items)
        lines += [f'  {line}' for line in block_text(name, items)]
    return '\n'.join(lines).strip() + '\n'


def _first_of_each_reason(items: Items) -> Items:
    """Ten hosts for each reason, and how many more there are.

    For example twelve stale ones are ten, and one line: ``and 2 more``.
    """
    found: dict[str, list[Mapping[str, Any]]] = collections.defaultdict(list)
    for item in items:
        found[item['reason']].append(item)
    for reason, hosts in found.items():
        more = len(hosts) - _MOST_HOSTS
        if more > 0:
            last = {'host': f'and {more} more', 'reason': reason, 'detail': ''}
            hosts[_MOST_HOSTS:] = [last]
    return [item for hosts in found.values() for item in hosts]


def as_rows(document: Document) -> tuple[list[str], list[list[Any]]]:
    """Every object as one row, for a table or CSV: columns, and the rows.

    The columns hang on the blocks alone, not on what is in them.
    """
    fields = {f: None for name in document for f in BLOCKS[name].fields}
    rows = [
        [name, *(_cell(item.get(field)) for field in fields)]
        for name, items in document.items()
        for item in items
    ]
    return ['block', *fields], rows


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ', '.join(value)
    return '' if value is None else value
