"""Text for a person: the moves in flight, and what a tick decided."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.decision.decide import Decision
from steal_scheduler.decision.host_checks import HostCheck
from steal_scheduler.decision.unreliable_hosts import UnreliableHost
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move

#: Hosts named for one reason.
_MOST_HOSTS = 10


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


def moves_table(moves: Iterable[Move], now: float) -> list[str]:
    rows = [
        (
            move.server_id,
            move.server_name,
            move.stage,
            f'{now - move.since:.0f} s',
            move.source,
            move.target or '-',
            move.failure or move.reason,
        )
        for move in moves
    ]
    head = ('server', 'name', 'stage', 'for', 'from', 'to', 'reason')
    return table(head, rows) if rows else ['none']


def _unreliable(hosts: Collection[UnreliableHost]) -> list[str]:
    lines = []
    for reason in HostCheck:
        found = [host for host in hosts if host.reason is reason]
        lines += [
            f'{h.host}  {reason}: {h.detail}' for h in found[:_MOST_HOSTS]
        ]
        if len(found) > _MOST_HOSTS:
            lines.append(f'and {len(found) - _MOST_HOSTS} more  {reason}')
    return lines


def _blocked(moves: Iterable[Move], now: float, alarm: float) -> list[str]:
    return [
        f'{move.server_id}  {move.server_name}  {move.stage} for '
        f'{now - move.since:.0f} s: see '
        'the log of steal-migrator, and its orchestrator'
        for move in moves
        if move.reattach_blocked(now, alarm)
    ]


def plan_text(
    decided: Decision,
    moves: Mapping[str, Move],
    servers: Mapping[str, Server],
    now: float,
    alarm: float,
    notes: Sequence[str] = (),
) -> str:
    """What a tick decided, on one screen.

    :param alarm: seconds after which a server should be reattached
    :param notes: said first: what the reader must know of how it was decided
    """
    findings = {f.server_id: f for f in decided.findings}
    whole = [r for r in decided.refusals if r.server_id is None]
    single = [r for r in decided.refusals if r.server_id is not None]

    def name(server_id: str | None) -> str:
        server = servers.get(server_id or '')
        return server.name if server else str(server_id)

    blocks = [
        ('', list(notes)),
        (
            'Drained, and should be reattached',
            _blocked(moves.values(), now, alarm),
        ),
        (
            'Nothing starts now, because',
            [f'{r.reason}: {r.detail}' for r in whole],
        ),
        (
            f'Contended servers ({len(findings)})',
            table(
                ('server', 'name', 'host', 'waits', 'load/vCPU', 'polls'),
                [
                    (
                        f.server_id,
                        name(f.server_id),
                        f.host,
                        f'{f.steal:.1%}',
                        f'{f.load:.2f}',
                        f.polls,
                    )
                    for f in findings.values()
                ],
            )
            if findings
            else ['none'],
        ),
        ('Moves in flight', moves_table(moves.values(), now)),
        (
            'Moves that would start now',
            [
                f'{m.server_id}  {name(m.server_id)}  away from {m.source}: '
                f'{m.reason}; {m.copy_mb / 1024:.1f} GiB to copy'
                for m in decided.admitted
            ]
            or ['none'],
        ),
        (
            'Refused',
            [
                f'{r.server_id}  {name(r.server_id)}  {r.reason}: {r.detail}'
                for r in single
            ],
        ),
        (
            'Saturated',
            [
                f'zone {s.zone}: moving cannot help, {s.cores_short:.1f} '
                'cores are short'
                for s in decided.saturations
            ],
        ),
        (
            f'Hosts with unreliable metrics ({len(decided.unreliable)})',
            _unreliable(decided.unreliable.values()),
        ),
        (f'Coverage: {decided.coverage:.0f}% of the running servers', []),
    ]
    lines: list[str] = []
    for title, body in blocks:
        if title and (body or title.startswith('Coverage')):
            lines += ['', title]
        lines += [f'  {line}' if title else line for line in body]
    return '\n'.join(lines).strip() + '\n'
