"""The history of moves, on any controller: what is known, and what is not."""

import contextlib
from collections.abc import Iterable
from typing import Any

from steal_scheduler import startup
from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import NovaFault, ServerGone, SignalError
from steal_scheduler.migrator import plugins
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.history import PastMove, from_record
from steal_scheduler.model.move import Outcome
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.model.until import shown
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.reporting import history, text
from steal_scheduler.reporting.history import Wanted
from steal_scheduler.signals.prometheus.past_moves import PastMoves

#: Servers that Nova is asked for by their ids, each by a request.
MOST_ASKED = 200
#: Seconds by which what Prometheus knows may begin late: a scrape, a look.
_SLACK = 900.0


def told(conf: Any, wanted: Wanted) -> tuple[text.Document, bool]:
    """Ask Nova and Prometheus, and tell what they know.

    :returns: a document; see ``reporting/text.py``; and whether both have
        answered
    :raises ConfigError: an option is wrong
    """
    startup.check_values(conf)
    # It registers the options of its section.
    plugins.signal_source(conf)
    nova = NovaClient(conf, RoleRule())
    notes: list[str] = []
    records = _records(nova, wanted.since, notes)
    moves = _moves(conf, wanted.since, notes)
    whole = not notes
    if whole:
        notes += _doubts(records, moves)
    found = history.joined(moves, records)
    with contextlib.suppress(NovaFault):
        found = history.named(found, _servers(nova, found, notes))
    found = [move for move in found if wanted.has(move)]
    return {
        'notes': [{'note': note} for note in notes],
        'history': [
            {'server_name': row.pop('name'), **row}
            for row in history.rows(found)
        ],
        'relief': history.relief(found),
    }, whole


def _records(
    nova: NovaClient, since: float, notes: list[str]
) -> list[PastMove]:
    """What Nova tells of the migrations that our user has asked for."""
    try:
        me, records = nova.user_id(), nova.migrations(since)
    except NovaFault as error:
        notes.append(
            'Nova does not tell its migrations, so moves may be missing: '
            f'{one_line(error, 600)}'
        )
        return []
    ours = [record for record in records if me in (None, record.user_id)]
    if any(not record.source for record in ours):
        notes.append(
            'Nova tells no hosts of its migrations: the user of [nova] lacks '
            'the right os_compute_api:os-migrations:index:host.'
        )
    return [past for past in map(from_record, ours) if past is not None]


def _moves(conf: Any, since: float, notes: list[str]) -> list[PastMove]:
    """What migrators have told Prometheus."""
    unknown = 'Why servers moved, and whether that helped, is not known'
    if conf.signals.source != 'prometheus':
        notes.append(
            f'{unknown}: [signals] source = {conf.signals.source}, and only '
            'prometheus keeps what migrators tell.'
        )
        return []
    try:
        found = PastMoves(conf).read(since)
    except SignalError as error:
        notes.append(f'{unknown}: {one_line(error, 600)}')
        return []
    if found.since is None:
        notes.append(
            f'{unknown}: Prometheus has no steal_migrator_leader. Scrape '
            'steal-migrator, see "Metrics and alerts"; with [prometheus] '
            'selector set, its series need those labels as well.'
        )
    elif found.since > since + _SLACK:
        notes.append(
            f'{unknown} of moves before {shown(found.since)}: Prometheus '
            'knows no migrator before.'
        )
    if found.unreadable:
        notes.append(
            f'Left out: {found.unreadable} series of steal_migrator_move_info '
            'that do not say when the move ended; an older migrator told so.'
        )
    return list(found.moves)


def _doubts(
    records: Iterable[PastMove], moves: Iterable[PastMove]
) -> list[str]:
    """What Nova should have told as well, and does not."""
    known = {record.server_id for record in records}
    without = (Outcome.NOT_STARTED, Outcome.GONE)
    lost = {
        move.server_id
        for move in moves
        if move.outcome not in without and move.server_id not in known
    }
    if not lost:
        return []
    return [
        f'Nova has no records any more of moves of {len(lost)} servers, which '
        'Prometheus tells of: were they deleted, and its database archived? '
        'Then records of others are missing as well.'
    ]


def _servers(
    nova: NovaClient, moves: Iterable[PastMove], notes: list[str]
) -> dict[str, Server]:
    """Those of which only Nova's record tells.

    :raises NovaFault: Nova does not answer
    """
    ids = dict.fromkeys(m.server_id for m in moves if None in (m.name, m.zone))
    if len(ids) > MOST_ASKED:
        notes.append(
            f'Names, projects and zones of {len(ids) - MOST_ASKED} servers '
            'were not asked for: narrow the time.'
        )
    found, gone = {}, 0
    for server_id in list(ids)[:MOST_ASKED]:
        try:
            found[server_id] = nova.server(server_id)
        except ServerGone:
            gone += 1
    if gone:
        notes.append(
            f'Nova does not know {gone} of the servers any more: names, '
            'projects and zones are missing.'
        )
    return found
