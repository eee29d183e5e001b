"""Pause and resume: what an operator has written into Nova's metadata.

Two operators may do so at once, and Nova takes the last word. So a pause
never shortens another one, and what holds is read again afterwards.
"""

from collections.abc import Sequence

from steal_scheduler.exception import StealError
from steal_scheduler.migrator import aggregate
from steal_scheduler.model import pause as model
from steal_scheduler.model import until
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.reporting import text


class PauseError(StealError):
    """It cannot be paused like that."""


class NoSuchPlace(PauseError):
    """Nova knows no such host or zone."""


def pause(nova: NovaClient, wanted: Pause, now: float) -> text.Document:
    """Write it, unless it is paused for as long already.

    :param wanted: its end in whole seconds
    :returns: a document with all pauses; see ``reporting/text.py``
    :raises NoSuchPlace: see there
    :raises PauseError: Nova cannot keep what was said, or somebody else
        changed it just now
    """
    where = wanted.where
    key, value = _written(wanted)
    _check_known(nova, wanted)
    if _holds(nova, wanted):
        notes = [f'Paused already, and for as long or longer: {where}.']
    else:
        nova.set_aggregate_metadata(
            aggregate.ours(nova).aggregate_id, {key: value}
        )
        if not _holds(nova, wanted):
            raise PauseError(
                f'Somebody else has changed the pause of {where} just now: '
                'look at "steal-manage plan -c pauses", and do it again.'
            )
        notes = [f'Paused: {where}, until {wanted.end}.']
    notes.append(
        'Nothing new begins there; what is under way is brought to its end.'
    )
    if wanted.has_end:
        notes.append(
            f'By the clock of this machine it is {until.shown(now)}; the '
            'migrator that leads ends it by its own.'
        )
    return _document(nova, notes, now)


def resume(
    nova: NovaClient, scope: Scope, name: str, now: float
) -> tuple[text.Document, bool]:
    """Remove the pause, and all that are over.

    :param name: of the zone or host; '' for the cloud
    :returns: a document with the pauses that are left, and whether one of
        them is still about this
    """
    where = Pause(scope, name, now).where
    notes = [f'Not paused: {where}.']
    for ours in filter(until.is_ours, nova.aggregates()):
        found = model.read_all([ours])
        mine = [p for p in found if p.same(scope, name) and p.in_force(now)]
        over = [p for p in found if not p.in_force(now)]
        if mine:
            notes = [f'Resumed: {where}.']
        if mine or over:
            keys = dict.fromkeys(each.key for each in (*mine, *over))
            nova.set_aggregate_metadata(ours.aggregate_id, keys)
    left = [p for p in _pauses(nova) if p.in_force(now)]
    still = [p for p in left if p.same(scope, name)]
    if still:
        notes = [
            f'Still paused: {where}, by aggregate {still[0].aggregate}. End '
            f'it by "openstack aggregate unset --property {still[0].key} '
            f'{still[0].aggregate}".'
        ]
    elif left:
        notes.append(
            'The pauses below hold. End one by "steal-manage resume" with '
            '--zone or --host, or without.'
        )
    return _document(nova, notes, now), bool(still)


def _written(wanted: Pause) -> tuple[str, str]:
    """Key and value, as far as Nova can keep them."""
    key, value = model.written(wanted)
    if not until.KEY_PATTERN.fullmatch(key):
        raise PauseError(
            f'Nova cannot keep the key {key!r}: it takes 255 letters of '
            'English, digits, blanks and - _ : . at most. Pause the hosts of '
            'the zone instead.'
        )
    if len(value) > until.LONGEST_VALUE:
        room = until.LONGEST_VALUE - len(value) + len(wanted.reason)
        raise PauseError(
            f'The reason has {len(wanted.reason)} characters, and Nova has '
            f'room for {room}: say it in fewer words.'
        )
    return key, value


def _check_known(nova: NovaClient, wanted: Pause) -> None:
    """A typing error would pause nothing, and nobody would know."""
    scope, hosts = wanted.scope, nova.hosts()
    known: dict[Scope, set[str]] = {
        Scope.CLOUD: {''},
        Scope.ZONE: {host.zone for host in hosts}
        | {each.zone for each in nova.aggregates() if each.zone},
        Scope.HOST: {host.name for host in hosts},
    }
    if not any(wanted.same(scope, name) for name in known[scope]):
        raise NoSuchPlace(
            f'Nova knows no {wanted.where}, so nothing was paused. Check the '
            'name in "openstack compute service list".'
        )


def _pauses(nova: NovaClient) -> Sequence[Pause]:
    return model.read_all(nova.aggregates())


def _holds(nova: NovaClient, wanted: Pause) -> bool:
    """Whether what was written lasts as long as is wanted, or longer."""
    found = model.read_all(filter(until.is_ours, nova.aggregates()))
    return any(
        p.same(wanted.scope, wanted.name) and p.until >= wanted.until
        for p in found
    )


def _document(
    nova: NovaClient, notes: Sequence[str], now: float
) -> text.Document:
    found = {each: each.told(now) for each in _pauses(nova)}
    return {
        'notes': [{'note': note} for note in notes],
        'pauses': text.paused(found),
    }
