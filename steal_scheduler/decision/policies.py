"""Policies: what operators say of a server's host, as it decides."""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from steal_scheduler.decision.rules import DetectionRules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import window
from steal_scheduler.model.cloud import Server, ServerSignal
from steal_scheduler.model.move import Move
from steal_scheduler.model.policy import NEVER, Key, Setting
from steal_scheduler.model.refusal import Nos, Reason
from steal_scheduler.model.until import shown


def is_dry(host: str | None, snapshot: Snapshot) -> bool:
    """Whether what would leave this host is only said."""
    return bool(dry_by(host, snapshot))


def dry_by(host: str | None, snapshot: Snapshot) -> str:
    """What wants that it is only said; '' where nothing does.

    ``[migrator] dry_run`` is about all of them, whatever else is said.
    """
    if snapshot.rules.dry_run:
        return '[migrator] dry_run = True'
    setting = snapshot.fleet.policies.first(host, Key.DRY_RUN)
    if setting is None or setting.value is not True:
        return ''
    return setting.where


def comes_last(host: str, snapshot: Snapshot) -> bool:
    """Whether what leaves it takes no place from what leaves others.

    It is only said, or somebody may say no to it.
    """
    return is_dry(host, snapshot) or waits(host, snapshot)


def waits(host: str, snapshot: Snapshot) -> bool:
    """Whether somebody may be asked or told before one leaves this host."""
    policies = snapshot.fleet.policies
    return any(policies.all(host, k) for k in (Key.APPROVAL, Key.NOTICE))


def parted(
    moves: Iterable[Move], snapshot: Snapshot
) -> tuple[list[Move], list[Move]]:
    """What can begin, and what is only said."""
    parts: tuple[list[Move], list[Move]] = [], []
    for move in moves:
        parts[is_dry(move.source, snapshot)].append(move)
    return parts


def of_server(server: Server, snapshot: Snapshot) -> Nos:
    """Why it may not leave its host now."""
    policies = snapshot.fleet.policies
    priority = policies.first(server.host, Key.PRIORITY)
    if priority is not None and priority.value == NEVER:
        yield Reason.PRIORITY, f'its host keeps its servers: {priority.where}'
    yield from _own_window(server, snapshot)
    for setting in policies.all(server.host, Key.WINDOW):
        opens = setting.value.opens(snapshot.now)
        if opens != snapshot.now:
            yield (
                Reason.WINDOW,
                'now is outside of the windows of its host '
                f'({setting.where}): {opening(opens)}',
            )


def _own_window(server: Server, snapshot: Snapshot) -> Nos:
    """What its owner says: who writes it wants peace at other times.

    So what cannot be read keeps it where it is, as with ``steal:migrate``.
    """
    said = server.metadata.get(Key.WINDOW)
    if said is None:
        return
    try:
        opens = window.read(said).opens(snapshot.now)
    except ValueError as error:
        yield (
            Reason.WINDOW,
            f'{Key.WINDOW} in its metadata cannot be read: {error}',
        )
        return
    if opens != snapshot.now:
        yield (
            Reason.WINDOW,
            f'now is outside of the windows that its owner allows ({said}): '
            f'{opening(opens)}',
        )


def opening(at: float | None) -> str:
    """When a window opens, as a person reads it."""
    if at is None:
        return 'none opens within two weeks'
    return f'the next one opens at {shown(at)}'


def detection(snapshot: Snapshot) -> Mapping[str, DetectionRules]:
    """By host, when servers there are contended; where that is said."""
    found = {}
    names = {
        Key.STEAL_THRESHOLD: 'steal_threshold',
        Key.LOAD_THRESHOLD: 'load_threshold',
    }
    for host, keys in snapshot.fleet.policies.hosts.items():
        values = {
            name: keys[key][0].value
            for key, name in names.items()
            if key in keys
        }
        if values:
            rules = snapshot.rules.detection
            found[host] = dataclasses.replace(rules, **values)
    return found


def of_signal(
    signal: ServerSignal,
    of_host: Mapping[str, DetectionRules],
    snapshot: Snapshot,
) -> DetectionRules:
    """When the server of this signal is contended.

    :param of_host: see ``detection``
    """
    rules = snapshot.rules.detection
    if not of_host:
        return rules
    host = signal.host or snapshot.fleet.servers[signal.server_id].host
    return of_host.get(host or '', rules)


def priority(host: str, snapshot: Snapshot) -> float:
    """How early it is relieved: the larger, the earlier."""
    setting = snapshot.fleet.policies.first(host, Key.PRIORITY)
    return float(setting.value) if setting else 0.0


class Slots:
    """How many servers may leave the hosts of an aggregate at a time."""

    def __init__(self, snapshot: Snapshot, busy: Iterable[Move]) -> None:
        """:param busy: those that have one"""
        self._policies = snapshot.fleet.policies
        self._held = collections.Counter[Setting]()
        for move in busy:
            self.add(move)

    def add(self, move: Move) -> None:
        """One more leaves there."""
        self._held.update(self._policies.all(move.source, Key.SLOTS))

    def nos(self, move: Move) -> Nos:
        """Why it waits for another one.

        For example az1 says 3, and rack7 in it says 1: of three servers that
        wait on hosts of the rack one leaves, and two of other hosts of az1.
        """
        for setting in self._policies.all(move.source, Key.SLOTS):
            if self._held[setting] >= setting.value:
                yield (
                    Reason.SLOT_AGGREGATE,
                    f'{setting.where} are taken: its turn comes',
                )
