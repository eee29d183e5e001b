"""Moves that need a person, because Nova does not go on by itself."""

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Migration
from steal_scheduler.model.move import Move, Stage

#: Seconds that Nova may take to begin a migration that it was asked for, and
#: to end one that it was asked to abort.
BEGINS = 720.0
ENDS = 120.0


def stalled(move: Move, snapshot: Snapshot) -> str:
    """What Nova does not go on with, where to look, and what mends it.

    A server that Nova may migrate at any moment stays drained until then. For
    example Nova was asked at 960, and its record is ``accepted`` since then:
    from 1680 on a person is called. One that is in ERROR is in service.

    :returns: '' where nobody is needed
    """
    limits = {
        Stage.REQUEST: BEGINS,
        Stage.MIGRATE: snapshot.copy_timeout(move.copy_mb) + ENDS,
        Stage.UNDO: ENDS,
    }
    waited = snapshot.now - move.since
    if waited <= limits.get(move.stage, waited):
        return ''
    if move.stage is Stage.UNDO and move.server.status == 'ERROR':
        return _in_error(move)
    if move.missing:
        return _missing(move)
    asked = move.stage in (Stage.REQUEST, Stage.MIGRATE)
    if asked and not snapshot.fleet.is_current(move.server_id):
        return (
            'Nova was asked to migrate it, and does not tell of it: bring its '
            'cell back, see "nova-manage cell_v2 list_cells"; until then it '
            'stays out of service'
        )
    if move.back or not move.server.migrating:
        return ''
    found = snapshot.fleet.going_on(move.server_id, snapshot.now)
    return (
        f'{_state(found, move.source)}. If nothing there works on it any '
        f'more, "openstack server set --state active {move.server_id}" lets '
        'the server be reattached'
    )


def _state(found: Migration | None, source: str) -> str:
    if found is None:
        return (
            'Nova has taken a request to migrate it, and has no record of '
            'that: look at nova-conductor, and at its log'
        )
    record = f'its migration {found.migration_id} is {found.status!r}'
    if found.status == 'accepted':
        return (
            f'{record}, and no target was chosen: look at nova-conductor and '
            'nova-scheduler, and at their logs'
        )
    if found.post_copy:
        return (
            f'{record}: it runs on {found.target}, and needs memory that is '
            f'on {source}. Nobody can abort it in post-copy mode, and it is '
            'lost if one of the two hosts or the network between them fails: '
            'look at that network and at nova-compute on both, and start '
            'nothing else anew'
        )
    return (
        f'{record}, and could not be aborted: look at nova-compute on host '
        f'{source}, and start it'
    )


def _missing(move: Move) -> str:
    return (
        f'Nova says that it is on {move.server.host}, and nova-compute there '
        'does not find its guest running: its live migration has come to its '
        'end without Nova. See "virsh list --uuid" on '
        f'{_hosts(move)}. Start, reboot, rebuild or migrate nothing before '
        "Nova's database names the host on which it runs"
    )


def _hosts(move: Move) -> str:
    return ' and '.join(sorted({move.source, move.target or move.source}))


def _in_error(move: Move) -> str:
    return (
        'it is in ERROR since its live migration, and in service: look on '
        f'{_hosts(move)} where its guest runs. If that is '
        f'{move.server.host}, "openstack server set --state active '
        f'{move.server_id}" ends it; if not, see the log of nova-compute there'
    )
