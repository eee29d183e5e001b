"""Consent: moves that wait for somebody's yes, or until their owner knows.

Where a host aggregate wants that, a move that could begin is only proposed:
what its server is refused for is that nobody has said yes. Or its owner is
told, and it begins a while later, if he has not opted out by then.
"""

from collections.abc import Iterable

from steal_scheduler.decision import policies
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.move import Move
from steal_scheduler.model.policy import ANY_ROLE, Key, Setting
from steal_scheduler.model.proposal import LASTS, Vote
from steal_scheduler.model.refusal import Nos, Reason, first
from steal_scheduler.model.until import shown


def approval(server: Server, snapshot: Snapshot) -> Setting | None:
    """Who wants a yes for it; None where nobody does."""
    for setting in snapshot.fleet.policies.all(server.host, Key.APPROVAL):
        if ANY_ROLE in setting.value or server.role in setting.value:
            return setting
    return None


def nos(move: Move, snapshot: Snapshot) -> Nos:
    """Why it does not begin, though all else lets it."""
    yield from _no_yes(move, snapshot)
    yield from _no_notice(move, snapshot)


def _no_yes(move: Move, snapshot: Snapshot) -> Nos:
    setting, now = approval(move.server, snapshot), snapshot.now
    # Whoever empties a host has said yes, and whoever asked for the move.
    if setting is None or move.emptied or move.asked_by:
        return
    found = snapshot.approvals.get(move.server_id)
    if found is None or not found.holds(move.source, now):
        yield (
            Reason.APPROVAL,
            f'it is proposed now, and waits for a yes until '
            f'{shown(now + LASTS)}: {setting.where}',
        )
    elif found.answer is Vote.OPEN:
        yield (
            Reason.APPROVAL,
            f'it was proposed at {shown(found.asked_at)}, and waits for a yes '
            f'until {shown(found.expires_at)}: {setting.where}',
        )


def _no_notice(move: Move, snapshot: Snapshot) -> Nos:
    setting = snapshot.fleet.policies.first(move.source, Key.NOTICE)
    if setting is None:
        return
    found = snapshot.notices.get(move.server_id)
    if found is None or not found.holds(move.source, snapshot.now):
        due = snapshot.now + setting.value
        yield (
            Reason.NOTICE,
            f'its owner is told now, and it may begin at {shown(due)}: '
            f'{setting.where}',
        )
    elif snapshot.now < found.due_at:
        yield (
            Reason.NOTICE,
            f'its owner was told at {shown(found.told_at)}, and it may begin '
            f'at {shown(found.due_at)}: {setting.where}',
        )


def objected(server: Server, snapshot: Snapshot) -> Nos:
    """Why it stays: its owner was told and objects; others may leave instead.

    Whoever asks for it: a notice is for him, and so is his no.
    """
    found = snapshot.notices.get(server.server_id)
    if found is None or not found.objection:
        return
    host = server.host or ''
    wanted = snapshot.fleet.policies.first(host, Key.NOTICE)
    if wanted is not None and found.holds(host, snapshot.now):
        yield (
            Reason.NOTICE,
            f'its owner was told at {shown(found.told_at)}, and objects: '
            f'{found.objection}; he is told anew after '
            f'{shown(found.due_at + LASTS)}',
        )


def rejected(server: Server, snapshot: Snapshot) -> Nos:
    """Why it stays: somebody has said no, and others may leave instead.

    Not to a move that somebody else asks for.
    """
    found = snapshot.approvals.get(server.server_id)
    if found is None or found.answer is not Vote.REJECTED:
        return
    asked = server.server_id in snapshot.asked.servers
    emptied = server.host in snapshot.view.emptied
    holds = found.holds(server.host or '', snapshot.now)
    if holds and not asked and not emptied and approval(server, snapshot):
        yield (
            Reason.APPROVAL,
            f'{found.said} rejected it; it is proposed again after '
            f'{shown(found.expires_at)}',
        )


def given(server_id: str, source: str, snapshot: Snapshot) -> bool:
    """Whether somebody has said yes, or its owner knows of it.

    Then it is this one that leaves, and nobody else is asked.
    """
    now = snapshot.now
    found = snapshot.approvals.get(server_id)
    notice = snapshot.notices.get(server_id)
    return (
        found is not None
        and found.answer is Vote.APPROVED
        and found.holds(source, now)
    ) or (notice is not None and notice.holds(source, now))


def ordered(
    moves: Iterable[Move], snapshot: Snapshot
) -> tuple[list[Move], list[Move], list[Move]]:
    """What begins, what waits, and what a dry run only says."""
    live, dry = policies.parted(moves, snapshot)
    parts: tuple[list[Move], list[Move]] = [], []
    for move in live:
        waits = first(nos(move, snapshot), move.server_id) is not None
        parts[waits].append(move)
    return *parts, dry
