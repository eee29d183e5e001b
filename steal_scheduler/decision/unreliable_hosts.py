"""Unreliable hosts: those whose metrics cannot be relied on.

No data is not idleness, and neither are numbers that contradict each other:
a host with implausible metrics would draw servers as a sinkhole draws water.
Such a host is unknown, with a reason. It excludes itself, not the others.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import arrivals
from steal_scheduler.decision.host_checks import (
    CHECKS,
    FAILED_ARRIVALS_PERIOD,
    OPTIONAL,
    Case,
    HostCheck,
)
from steal_scheduler.decision.rules import Rules
from steal_scheduler.model.cloud import Fleet, Signals


@dataclasses.dataclass(frozen=True, slots=True)
class UnreliableHost:
    """A host whose metrics are unreliable."""

    host: str
    reason: HostCheck
    #: A sentence for the operator: numbers, and the cure where one exists.
    detail: str


def check_hosts(
    measured: Signals, fresh: Signals, fleet: Fleet, now: float, rules: Rules
) -> dict[str, UnreliableHost]:
    """Say which hosts have unreliable metrics, and why.

    :param measured: as the source gave them
    :param fresh: those that ``usable_signals`` found fresh, of known servers
    :returns: by host; the metrics of every other host are reliable
    """
    found = {}
    for case in _cases(measured, fresh, fleet, now, rules):
        for reason, check in CHECKS.items():
            if reason in OPTIONAL and reason in rules.disabled_checks:
                continue
            detail = check(case, rules)
            if detail:
                found[case.name] = UnreliableHost(case.name, reason, detail)
                break
    return found


def _cases(
    measured: Signals,
    fresh: Signals,
    fleet: Fleet,
    now: float,
    rules: Rules,
) -> list[Case]:
    # One that has just come is unseen, or only a part of it is seen.
    moving = arrivals.lately(fleet, now - max(rules.max_age, fresh.window))
    cases = {
        name: Case(
            name,
            now,
            measured.hosts.get(name),
            fresh.hosts.get(name),
            [],
            [],
            [],
        )
        for name in fleet.hosts
    }
    for server in fleet.servers.values():
        case = cases.get(server.host or '')
        if case is None or server.status != 'ACTIVE':
            continue
        if server.server_id in moving:
            continue
        case.servers.append(server)
        signal = fresh.servers.get(server.server_id)
        if signal is not None:
            case.signals.append((server, signal))
    since = now - FAILED_ARRIVALS_PERIOD
    for records in fleet.migrations.values():
        for record in records:
            case = cases.get(record.target or '')
            if case is None or not (record.completed or record.failed):
                continue
            # Who cancels one says nothing of its target.
            if record.status != 'cancelled' and record.updated_at >= since:
                case.came.append(record)
    for case in cases.values():
        case.came.sort(key=lambda record: -record.updated_at)
    return list(cases.values())


def without_implausible(
    fresh: Signals, unreliable: Mapping[str, UnreliableHost]
) -> Signals:
    """Leave out what hosts with implausible metrics tell."""
    wrong = {h for h, found in unreliable.items() if found.reason.implausible}
    if not wrong:
        return fresh
    return dataclasses.replace(
        fresh,
        servers={
            server_id: signal
            for server_id, signal in fresh.servers.items()
            if signal.host not in wrong
        },
        hosts={n: host for n, host in fresh.hosts.items() if n not in wrong},
    )
