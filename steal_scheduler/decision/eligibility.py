"""Eligibility: which servers may be moved at all, whatever they move for."""

from collections.abc import Sequence

from steal_scheduler.decision import consent, network, pauses, policies
from steal_scheduler.decision.records import failed_in_a_row
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import assignment
from steal_scheduler.model.backoff import pause, seconds_left
from steal_scheduler.model.cloud import Fleet, Migration, Server
from steal_scheduler.model.move import Cause, Ended, Move, Outcome
from steal_scheduler.model.refusal import Nos, Reason, Refusal, first

#: How far back Nova's migration records count, in seconds; also the longest
#: cooldown and back-off.
HISTORY = 86400.0
#: How far back failures count, in seconds: where there is one a day, as many
#: as it takes to leave the server alone for a day.
MEMORY = 7 * HISTORY
#: Seconds after which a move is tried again that did not begin: the server
#: has not moved, so its cooldown is not the right measure. Where the cause
#: lasts, each further one in a row waits twice as long, for each may drain the
#: server for a while in vain; a day at most.
RETRY_AFTER = 300.0
#: Tags that Nova allows a server.
MOST_TAGS = 50
#: Of ours that a move needs at a time: that of its stage, and the next one's.
OUR_TAGS = 2
#: Of a server that Nova does not tell of.
UNKNOWN = (
    Reason.SERVER_UNKNOWN,
    'Nova does not tell of it now: is its cell down? See "nova-manage '
    'cell_v2 list_cells"',
)


def refusal(server_id: str, snapshot: Snapshot) -> Refusal | None:
    """Why this server may not move at all now; None where it may."""
    return first(_nos(server_id, snapshot), server_id)


def _nos(server_id: str, snapshot: Snapshot) -> Nos:
    server = snapshot.fleet.servers[server_id]
    if server_id in snapshot.fleet.unread_servers:
        yield UNKNOWN
    if server_id in snapshot.moves:
        stage = snapshot.moves[server_id].stage
        yield Reason.MOVING, f'its move is at: {stage}'
    if snapshot.fleet.going_on(server_id, snapshot.now):
        yield Reason.MOVING, 'somebody else is migrating it'
    if server_id in snapshot.newer_tags:
        yield (
            Reason.MOVING,
            'a newer steal-scheduler has tagged it: upgrade this one, or see '
            '"steal-manage recover" of that one',
        )
    yield from stays(server, snapshot)
    try:
        assignment.assignments(server, snapshot.rules.assignment)
    except assignment.InvalidOrchestrator as error:
        yield Reason.INVALID_ORCHESTRATOR, str(error)
    if len(server.tags) > MOST_TAGS - OUR_TAGS:
        yield (
            Reason.TAGS,
            f'it has {len(server.tags)} of the {MOST_TAGS} tags that Nova '
            f'allows, and a move needs {OUR_TAGS} more: "openstack server '
            'unset --tag" makes room',
        )
    yield from _too_large(server, snapshot)
    yield from network.of_server(server, snapshot)
    yield from _unmeasured(server_id, snapshot)
    last = snapshot.ended.get(server_id)
    if last is not None and last.outcome is Outcome.NOT_STARTED:
        yield from _not_started(last, snapshot.now)
        last = None
    yield from _cools_down(server, last, snapshot)


def stays(server: Server, snapshot: Snapshot) -> Nos:
    """Why somebody does not let it leave now, or Nova does not."""
    yield from pauses.of_server(server, snapshot)
    yield from policies.of_server(server, snapshot)
    yield from consent.rejected(server, snapshot)
    yield from consent.objected(server, snapshot)
    yield from _skipped(server.server_id, snapshot)
    yield from unfit(server, snapshot.fleet)


def _cools_down(server: Server, last: Ended | None, snapshot: Snapshot) -> Nos:
    """Why it is too soon to move it once more.

    From a host that is emptied it has to leave, however lately it came; but
    nobody drains it again and again in vain.

    :param last: its last move, as remembered; None where it did not begin
    """
    told = snapshot.fleet.migrations.get(server.server_id, ())
    migrations: Sequence[Migration] = told
    if server.host in snapshot.view.emptied:
        migrations, last = failed_in_a_row(told), None
    if not migrations and last is None:
        return
    left = _cooldown_until(migrations, last, snapshot) - snapshot.now
    if left <= 0:
        return
    if failed := len(failed_in_a_row(migrations)):
        yield (
            Reason.BACKOFF,
            f'its last live migration {_times(failed, "failed")}: '
            f'{_failure(migrations, last)}; it may be tried again in '
            f'{left:.0f} s',
        )
    yield (
        Reason.COOLDOWN,
        f'it moved lately: {left:.0f} s of its cooldown are left',
    )


def _too_large(server: Server, snapshot: Snapshot) -> Nos:
    """Why it could not be copied in time, however quiet it is."""
    copy_mb, rate = snapshot.copy_mb(server), snapshot.rules.limits.copy_rate
    longest = snapshot.longest_migration
    if copy_mb / rate > longest:
        yield (
            Reason.TOO_LARGE,
            f'it takes {copy_mb / rate:.0f} s to copy its '
            f'{copy_mb / 1024:.1f} GiB at [limits] copy_rate = {rate:g} '
            f'MiB/s, and [stages] longest_migration allows {longest:.0f} s',
        )


def _skipped(server_id: str, snapshot: Snapshot) -> Nos:
    skip = snapshot.fleet.skips.get(server_id)
    if skip is not None and skip.in_force(snapshot.now):
        yield Reason.SKIPPED, skip.told


def _unmeasured(server_id: str, snapshot: Snapshot) -> Nos:
    """Why one is not moved that does not wait as far as is known."""
    asked, measured = snapshot.asked.servers, snapshot.signals.servers
    if server_id in asked and server_id not in measured:
        yield (
            Reason.SIGNALS,
            'it is not measured now, so nobody knows which host could take it '
            'and stay cold',
        )


def _not_started(last: Ended, now: float) -> Nos:
    """Why a server is left alone whose last move did not begin.

    For example the third drain in a row that never finished: 1200 s.
    """
    cause, times = last.move.cause, 0
    if cause is None:
        # That its migrator ended says nothing against the server.
        return
    if cause is not Cause.MOMENT:
        times = last.not_started
    seconds = pause(RETRY_AFTER, max(times - 1, 0), HISTORY)
    if left := seconds_left(last.at, seconds, now):
        yield (
            Reason.BACKOFF,
            f'its last move {_times(times, "did not begin")}: {last.detail}; '
            f'it may be tried again in {left:.0f} s',
        )


def _failure(migrations: Sequence[Migration], last: Ended | None) -> str:
    """What the last live migration failed of, as far as is known."""
    newest = next(m for m in migrations if m.failed)
    if newest.target is None and newest.status != 'cancelled':
        return 'Nova found no host for it'
    if last is not None and last.outcome is Outcome.FAILED:
        return last.detail
    return f'it ended as: {newest.status}'


def _times(times: int, what: str) -> str:
    return f'{what}, {times} times in a row' if times > 1 else what


def unfit(server: Server, fleet: Fleet) -> Nos:
    """Why Nova, its owner or its operator does not let it leave now."""
    if server.status != 'ACTIVE':
        yield Reason.NOT_ACTIVE, f'it is {server.status}'
    if server.task_state:
        yield Reason.NOT_ACTIVE, f'Nova is busy with it: {server.task_state}'
    host = fleet.hosts.get(server.host or '')
    if host is not None and not host.up:
        yield (
            Reason.SOURCE_DOWN,
            f'nova-compute of its host {host.name} is down, so Nova can '
            'migrate nothing away from there: start it, or evacuate the host',
        )
    if server.locked:
        unlock = '"openstack server unlock" lets it move'
        yield Reason.LOCKED, f'it is locked; {unlock}'
    if server.opted_out:
        where = f'steal:migrate in its {server.opted_out}'
        yield Reason.OPTED_OUT, f'{where} says never'


def unfit_to_leave(move: Move, fleet: Fleet) -> str:
    """Why a server that should be on its source must not be moved now."""
    server = move.server
    if server.gone:
        return 'it was deleted'
    for _, detail in unfit(server, fleet):
        return detail
    if server.host != move.source:
        return f'somebody moved it to {server.host}'
    migration = move.migration(fleet)
    if migration is not None and migration.created_at >= move.since:
        # An operator or, where both hold a lock, another migrator of ours.
        return f'somebody else had it migrated meanwhile: {migration.status}'
    return ''


def _cooldown_until(
    migrations: Sequence[Migration], ended: Ended | None, snapshot: Snapshot
) -> float:
    """When it may move again; only live migrations count.

    Each further one within a day doubles the cooldown; so does a useless
    one, and each failure more in a row, however long ago. For example with a
    cooldown of 3600 s, a server that moved twice today, the second time
    without relief, stays for 4 * 3600 s; and so does one of which one try a
    day has failed, three days in a row.

    :param ended: its last move, as remembered; None where it did not begin
    """
    oldest = snapshot.now - HISTORY
    ends = [
        m.updated_at for m in migrations if m.ended and m.updated_at > oldest
    ]
    failed = failed_in_a_row(migrations)
    doublings = max(len(ends), len(failed), 1) - 1
    ends += [m.updated_at for m in failed[:1]]
    if ended is not None and ended.at > oldest:
        ends.append(ended.at)
        doublings += ended.outcome is Outcome.NOT_HELPED
    if not ends:
        return 0.0
    return max(ends) + pause(
        snapshot.rules.limits.cooldown, doublings, HISTORY
    )
