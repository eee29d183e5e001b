"""What the demo shows on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from steal_scheduler.demo.balancer import Outage
from steal_scheduler.model.move import Ended, Move, Stage
from steal_scheduler.model.refusal import Reason, Refusal
from steal_scheduler.reporting.text import table

_BAR = 20
#: Share of steal above which a host counts as hot.
HOT = 0.05
#: Reasons that still hold when the hosts are cold.
_LASTING = frozenset(
    {
        Reason.LOCKED,
        Reason.INVALID_ORCHESTRATOR,
        Reason.NOT_ACTIVE,
        Reason.OPTED_OUT,
        Reason.SATURATED,
    }
)


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
        (host, _with_bar(steal), _with_bar(after[host]))
        for host, steal in before.items()
    ]
    return table(('host', 'steal before', 'steal after'), rows)


def moves_table(
    ended: Sequence[Ended],
    outages: Sequence[Outage],
    names: Mapping[str, str],
) -> list[str]:
    """Who went where, and for how long each was drained."""
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
    head = (
        'server',
        'Nova chose',
        'its steal',
        'drained for',
        'served meanwhile',
    )
    return table(head, rows)


def _served(outage: Outage) -> tuple[str, str]:
    seconds = (outage.back or outage.left) - outage.left
    return f'{seconds:.1f} s', f'{outage.fewest} of {outage.size} of its kind'


def refusals_table(
    refusals: Sequence[Refusal],
    names: Mapping[str, str],
    where: Mapping[str, str],
) -> list[str]:
    """One line a server, once all hosts are cold: the last word on it.

    :param where: the host of each server, which is the one it was on
    """
    rows = {}
    for refusal in refusals:
        id_ = refusal.server_id or ''
        if refusal.reason in _LASTING:
            rows[names[id_]] = (refusal.reason, refusal.detail)
        else:
            # Whatever it waited for, its turn need not come any more.
            relieved = f'the moves of other servers relieved {where[id_]}'
            rows[names[id_]] = (Reason.NOT_NEEDED, relieved)
    return table(
        ('server', 'reason', 'because'),
        [(name, *rows[name]) for name in sorted(rows)],
    )


def progress(move: Move, names: Mapping[str, str]) -> str:
    """One line for each step that a person would want to see."""
    name = names.get(move.server_id, move.server_id)
    return {
        Stage.DRAIN: f'{name} {move.reason}: is drained',
        Stage.REQUEST: f'{name}: Nova is asked to move it, to any host',
        Stage.MIGRATE: f'{name}: Nova moves it to {move.target}',
        Stage.REATTACH: f'{name}: has arrived on {move.target}',
        Stage.UNDO: f'{name}: stays, and is reattached: {move.failure}',
        Stage.VERIFY: f'{name}: its steal is measured',
    }[move.stage]


def end(ended: Ended, names: Mapping[str, str]) -> str:
    """One line for the end of a move."""
    move = ended.move
    name = names.get(move.server_id, move.server_id)
    return f'{name}: {ended.outcome}, {ended.detail}'


class HotHosts:
    """Says which hosts get hot, and which are hot no more."""

    def __init__(self) -> None:
        self._hot: set[str] = set()

    def __call__(self, measured: Mapping[str, Any]) -> None:
        """:param measured: the content of the signals' file"""
        for host, steal in host_steal(measured).items():
            if steal > HOT and host not in self._hot:
                self._hot.add(host)
                say(f'{host} is hot: steal {steal:.0%}')
            elif steal <= HOT and host in self._hot:
                self._hot.remove(host)
                say(f'{host} is cold again: steal {steal:.0%}')


def _with_bar(share: float) -> str:
    return f'{share:4.0%} {"#" * round(share * _BAR)}'
