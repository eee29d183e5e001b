"""What people are told of policies, and of moves that wait for a yes."""

from collections.abc import Mapping
from typing import Any

from steal_scheduler.model.policy import Key
from steal_scheduler.model.proposal import Proposal, Vote
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.picture import Picture

Document = dict[str, Any]


def policy(host: str, picture: Picture) -> Document:
    """By key, what counts for what leaves this host, and who says so.

    Where several aggregates say something, it is what counts, or all of it:
    see ``model/policy.py``.
    """
    rules, policies = picture.snapshot.rules, picture.snapshot.fleet.policies
    found: Document = {}
    for key, value, source in (
        (Key.DRY_RUN, str(rules.dry_run).lower(), '[migrator] dry_run'),
        (
            Key.STEAL_THRESHOLD,
            f'{rules.detection.steal_threshold:g}',
            '[detection] steal_threshold',
        ),
        (
            Key.LOAD_THRESHOLD,
            f'{rules.detection.load_threshold:g}',
            '[detection] load_threshold',
        ),
        (Key.SLOTS, f'{rules.limits.slots}', '[limits] slots'),
    ):
        found[key] = {'value': value, 'source': source}
    for key in Key:
        said = policies.all(host, key)
        if not said or (key is Key.DRY_RUN and rules.dry_run):
            continue
        counts = said if key in (Key.WINDOW, Key.APPROVAL) else said[:1]
        # All of them have to be open; of those of one value, which a semicolon
        # parts, one is enough.
        between = ' and ' if key is Key.WINDOW else '; '
        found[key] = {
            'value': between.join(each.text for each in counts),
            'source': ', '.join(f'aggregate {a.aggregate}' for a in counts),
        }
    return found


def approvals(picture: Picture, args: Mapping[str, Any]) -> Document:
    """Moves that wait for a yes, the longest waiting first."""
    waiting = [
        one
        for one in picture.snapshot.approvals.values()
        if one.answer is Vote.OPEN
    ]
    return {
        'approvals': [
            _approval(one, picture)
            for one in sorted(waiting, key=lambda one: one.asked_at)
        ]
    }


def _approval(one: Proposal, picture: Picture) -> Document:
    server = picture.snapshot.fleet.servers.get(one.server_id)
    return {
        'server_id': one.server_id,
        'name': server.name if server else None,
        'source': one.source,
        'reason': one.reason,
        'asked_at': iso(one.asked_at),
        'expires_at': iso(one.expires_at),
    }
