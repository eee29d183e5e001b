"""Pauses: what of the cloud an operator has told to stay as it is."""

from collections.abc import Set

from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import Server
from steal_scheduler.model.pause import Pause, Scope
from steal_scheduler.model.refusal import Nos, Reason


def in_force(snapshot: Snapshot) -> list[Pause]:
    return [p for p in snapshot.fleet.pauses if p.in_force(snapshot.now)]


def of_cloud(snapshot: Snapshot) -> Nos:
    """Why nothing at all may begin now."""
    for pause in in_force(snapshot):
        if pause.scope is Scope.CLOUD:
            yield (
                Reason.PAUSED,
                f'{pause.told(snapshot.now)}; "openstack aggregate unset '
                f'--property {pause.key} {pause.aggregate}" ends it',
            )


def of_server(server: Server, snapshot: Snapshot) -> Nos:
    """Why it may not leave its host now: that is paused, or its zone."""
    host, zone = server.host or '', server.zone or ''
    for pause in in_force(snapshot):
        if pause.same(Scope.HOST, host) or pause.same(Scope.ZONE, zone):
            yield (
                Reason.PAUSED,
                f'its {pause.where} is {pause.told(snapshot.now)}',
            )


def hosts(snapshot: Snapshot) -> Set[str]:
    """Hosts that are paused, and so are given none of our moves.

    Of a zone that is paused no server leaves; so none comes there either, for
    a move stays in its zone.
    """
    names = {
        pause.name.casefold()
        for pause in in_force(snapshot)
        if pause.scope is Scope.HOST
    }
    return {n for n in snapshot.fleet.hosts if n.casefold() in names}


def is_paused(host: str, snapshot: Snapshot) -> bool:
    """Whether this one is."""
    return any(p.same(Scope.HOST, host) for p in in_force(snapshot))


def matches(pause: Pause, snapshot: Snapshot) -> bool:
    """Whether Nova knows what it is about: it may be a typing error."""
    return pause.scope is Scope.CLOUD or any(
        pause.same(Scope.HOST, host.name) or pause.same(Scope.ZONE, host.zone)
        for host in snapshot.fleet.hosts.values()
    )


def told(pause: Pause, snapshot: Snapshot) -> str:
    """What there is to say of it, for a person."""
    known = matches(pause, snapshot)
    more = '' if known else f'; Nova knows no {pause.where}: check its name'
    return pause.told(snapshot.now) + more
