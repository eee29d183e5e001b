"""What people are told who look at the migrator that leads, as JSON.

From the picture of its last tick alone. Every object of a kind has the same
keys, null where nothing is known. Times are ISO 8601 in UTC, shares 0 to 1,
amounts of cores in cores.
"""

import collections
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from steal_scheduler.decision import emptied, pauses, policies
from steal_scheduler.model.cloud import Host
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.move import Move
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.refusal import Refusal
from steal_scheduler.model.until import Until, iso
from steal_scheduler.reporting import policy_documents
from steal_scheduler.reporting.picture import Picture

Document = dict[str, Any]
#: One of them, from the picture and what it was asked with.
Look = Callable[[Picture, Mapping[str, Any]], Document]

#: Seconds.
_DAY = 86400.0


def rounded(number: float | None, digits: int = 4) -> float | None:
    """As JSON can tell it, which knows no infinity."""
    if number is None or not math.isfinite(number):
        return None
    return round(number, digits)


def end(of: Until) -> str | None:
    """None where somebody has to end it."""
    return iso(of.until) if of.has_end else None


def pause(found: Pause) -> Document:
    return {
        'scope': str(found.scope),
        'name': found.name or None,
        'until': end(found),
        'reason': found.reason or found.unclear or None,
    }


def refusal(no: Refusal, picture: Picture) -> Document:
    """One of a server."""
    server = picture.snapshot.fleet.servers.get(no.server_id or '')
    return {
        'server_id': no.server_id,
        'host': server.host if server else None,
        'reason': str(no.reason),
        'detail': no.detail,
    }


def planned(move: Move, picture: Picture) -> Document:
    """A move that begins next, or would, were it not for a dry run."""
    dry = policies.dry_by(move.source, picture.snapshot)
    return {
        'server_id': move.server_id,
        'name': move.server.name,
        'source': move.source,
        'zone': move.server.zone,
        'reason': move.reason,
        'detail': f'dry run: {dry}' if dry else None,
        'copy_mb': move.copy_mb,
    }


def summary(picture: Picture, args: Mapping[str, Any]) -> Document:
    """In short: who leads, what it judged, and what holds it up."""
    snapshot, decision = picture.snapshot, picture.decision
    tiers = collections.Counter(h.tier for h in snapshot.view.hosts.values())
    return {
        'leader': picture.leader,
        'judged_at': iso(snapshot.now),
        'leadership': str(picture.leadership),
        'dry_run': snapshot.rules.dry_run,
        'servers': len(snapshot.fleet.servers),
        'contended': len(decision.findings),
        'coverage_percent': rounded(decision.coverage, 1),
        'hosts': {tier.name.lower(): tiers[tier] for tier in Tier},
        'moves': len(snapshot.moves),
        'pauses': [pause(p) for p in pauses.in_force(snapshot)],
        'saturations': _saturations(picture),
        'holds': _holds(picture),
        'last_day': _last_day(picture),
    }


def _last_day(picture: Picture) -> Document:
    """Of the moves that this process has seen end."""
    oldest = picture.snapshot.now - _DAY
    ended = [each for each in picture.past if each.at >= oldest]
    brought = [e.core_seconds for e in ended]
    return {
        'moves': dict(collections.Counter(str(e.outcome) for e in ended)),
        'relief_core_seconds': rounded(sum(b for b in brought if b > 0), 1),
        'harm_core_seconds': rounded(sum(-b for b in brought if b < 0), 1),
        'copied_mb': rounded(sum(e.copied_mb or 0.0 for e in ended), 1),
    }


def _holds(picture: Picture) -> Sequence[Document]:
    return [
        {'reason': str(no.reason), 'detail': no.detail} for no in picture.holds
    ]


def _saturations(picture: Picture) -> Sequence[Document]:
    return [
        {
            'zone': s.zone,
            'scarce': s.scarce,
            'detail': f'{s.cores_short:.1f} cores of demand find no place for '
            f'lack of {s.scarce}',
        }
        for s in picture.decision.saturations
    ]


def plan(picture: Picture, args: Mapping[str, Any]) -> Document:
    """What begins next, and why not more."""
    return {
        'holds': _holds(picture),
        'admitted': [
            planned(move, picture) for move in picture.decision.admitted
        ],
        'refusals': [
            refusal(no, picture)
            for nos in picture.refusals.values()
            for no in nos
        ],
        'saturations': _saturations(picture),
    }


def hosts(picture: Picture, args: Mapping[str, Any]) -> Document:
    """By zone and name.

    :param args: zone
    """
    zone = args.get('zone')
    known = picture.snapshot.fleet.hosts.values()
    return {
        'hosts': [
            host(found, picture)
            for found in sorted(known, key=lambda h: (h.zone or '', h.name))
            if zone in (None, found.zone)
        ]
    }


def host(found: Host, picture: Picture) -> Document:
    """One host, as a place for servers and as one that servers wait on."""
    snapshot, name = picture.snapshot, found.name
    seen = snapshot.view.hosts.get(name)
    known = seen if seen and seen.cores else None
    room = snapshot.room.hosts.get(name)
    wrong = snapshot.unreliable.get(name)
    return {
        'host': name,
        'zone': found.zone or None,
        'tier': (seen.tier if seen else Tier.UNKNOWN).name.lower(),
        'steal': rounded(known.steal) if known else None,
        'cores': rounded(known.cores, 2) if known else None,
        'servers': len(picture.here.get(name, ())),
        'demand_low': rounded(known.asked.low, 2) if known else None,
        'demand_expected': rounded(known.demand, 2) if known else None,
        'demand_high': rounded(known.asked.high, 2) if known else None,
        'room': dict(room.free.left) if room and room.free else None,
        'unreliable': f'{wrong.reason}: {wrong.detail}' if wrong else None,
        'paused': _paused(found, picture),
        'drained': _drained(name, picture),
        'policy': policy_documents.policy(name, picture),
    }


def _drained(name: str, picture: Picture) -> str | None:
    """How far it is emptied, and by which order, if it is."""
    if name not in picture.snapshot.view.emptied:
        return None
    nos = picture.decision.refusals
    for each in emptied.progress(nos, picture.snapshot):
        if each.host == name:
            return f'{each.told}; {each.order.told(picture.snapshot.now)}'
    return None


def _paused(found: Host, picture: Picture) -> str | None:
    for each in pauses.in_force(picture.snapshot):
        if each.scope is Scope.CLOUD or (
            each.same(Scope.HOST, found.name)
            or each.same(Scope.ZONE, found.zone)
        ):
            return f'{each.where}: {each.told(picture.snapshot.now)}'
    return None
