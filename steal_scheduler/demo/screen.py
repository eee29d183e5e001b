"""What the demo shows on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steal_scheduler.demo.balancer import Outage
from steal_scheduler.model.move import Ended, Move, Stage
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.reporting.text import table

_BAR = 20


def say(text: str = '') -> None:
    print(text, flush=True)


def host_steal(measured: Mapping[str, Any]) -> dict[str, float]:
    """Steal share of each host, from the content of the signals' file."""
    used = dict.fromkeys(measured['hosts'], 0.0)
    waited = dict.fromkeys(measured['hosts'], 0.0)
    for server in measured['servers'].values():
        used[server['host']] += server['used']
        waited[server['host']] += server['waited']
    return {
        host: waited[host] / (used[host] + waited[host])
        if used[host] + waited[host]
        else 0.0
        for host in used
    }


def hosts_table(
    before: Mapping[str, float], after: Mapping[str, float]
) -> list[str]:
    """Steal share of each host, before and after."""
    rows = [
        (
            host,
            f'{steal:4.0%}',
            _bar(steal),
            f'{after[host]:4.0%}',
            _bar(after[host]),
        )
        for host, steal in before.items()
    ]
    head = ('host', 'steal before', '', 'steal after', '')
    return table(head, rows)


def moves_table(
    ended: Sequence[Ended],
    outages: Sequence[Outage],
    names: Mapping[str, str],
) -> list[str]:
    """Who went where, and how long each was out of the balancer."""
    served = {o.server_id: _served(o) for o in outages if o.back}
    rows = [
        (
            names[e.move.server_id],
            f'{e.move.source} -> {e.move.target}',
            f'{e.move.steal_before or 0:.0%} -> {e.steal_after or 0:.0%}',
            *served.get(e.move.server_id, ('-', '-')),
        )
        for e in ended
    ]
    head = ('server', 'Nova chose', 'waits', 'was out', 'served meanwhile')
    return table(head, rows)


def _served(outage: Outage) -> tuple[str, str]:
    seconds = (outage.back or outage.left) - outage.left
    return f'{seconds:.1f} s', f'{outage.fewest} of {outage.size} of its kind'


def refusals_table(
    refusals: Sequence[Refusal], names: Mapping[str, str]
) -> list[str]:
    """One line a server: the last word on it."""
    rows = {
        names[r.server_id or '']: (r.why.value, r.detail) for r in refusals
    }
    return table(
        ('server', 'no', 'because'),
        [(name, *rows[name]) for name in sorted(rows)],
    )


def progress(move: Move, names: Mapping[str, str]) -> str:
    """One line for each step that a person would want to see."""
    name = names[move.server_id]
    return {
        Stage.DRAIN: f'{name} {move.reason}: is drained',
        Stage.REQUEST: f'{name}: asked Nova to move it, to any host',
        Stage.MIGRATE: f'{name}: Nova moves it to {move.target}',
        Stage.REATTACH: f'{name}: arrived on {move.target}',
        Stage.UNDO: f'{name}: put back, {move.failure}',
        Stage.VERIFY: f'{name}: its steal is measured',
    }[move.stage]


def _bar(share: float) -> str:
    return '#' * round(share * _BAR)
