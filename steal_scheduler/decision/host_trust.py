"""Whether a host's numbers can be believed.

No data is not idleness, and neither are numbers that contradict each other:
a host that lies would draw servers as a sinkhole draws water. Such a host is
unknown, with a reason. It excludes itself, not the others.
"""

import dataclasses
from collections.abc import Mapping

from steal_scheduler.decision import arrivals
from steal_scheduler.decision.host_checks import (
    CHECKS,
    OPTIONAL,
    Case,
    Doubt,
    TrustRules,
)
from steal_scheduler.model.cloud import Fleet, Signals


@dataclasses.dataclass(frozen=True, slots=True)
class Distrust:
    """A host that is not believed."""

    host: str
    why: Doubt
    #: A sentence for the operator: numbers, and the cure where one exists.
    detail: str


def judge(
    told: Signals, fresh: Signals, fleet: Fleet, now: float, rules: TrustRules
) -> dict[str, Distrust]:
    """Say which hosts are not believed, and why.

    :param told: as the source gave them
    :param fresh: those that ``evidence`` found fresh, of known servers
    :returns: by host; who is not in it is believed
    """
    found = {}
    checks = [
        (why, check)
        for why, check in CHECKS.items()
        if why in rules.checks or why not in OPTIONAL
    ]
    for case in _cases(told, fresh, fleet, now, rules):
        for why, check in checks:
            detail = check(case, rules)
            if detail:
                found[case.name] = Distrust(case.name, why, detail)
                break
    return found


def _cases(
    told: Signals, fresh: Signals, fleet: Fleet, now: float, rules: TrustRules
) -> list[Case]:
    # One that has just come is unseen, or only a part of it is seen.
    moving = arrivals.lately(fleet, now - max(rules.max_age, fresh.window))
    cases = {
        name: Case(
            name, now, told.hosts.get(name), fresh.hosts.get(name), [], [], []
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
    since = now - rules.failed_arrivals_period
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


def believe(fresh: Signals, distrust: Mapping[str, Distrust]) -> Signals:
    """Leave out what hosts say that lie."""
    lying = {host for host, found in distrust.items() if found.why.lies}
    if not lying:
        return fresh
    return dataclasses.replace(
        fresh,
        servers={
            server_id: signal
            for server_id, signal in fresh.servers.items()
            if signal.host not in lying
        },
        hosts={n: host for n, host in fresh.hosts.items() if n not in lying},
    )
