"""What a move needs, asked part by part, for ``steal-status``.

Each check raises what is wrong, and returns what a person should look at.
None changes anything, or takes longer than some of its time-outs.
"""

import collections
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from steal_scheduler.conf import combinations
from steal_scheduler.decision import coverage, emptied, pauses
from steal_scheduler.decision.host_names import look_at
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.edge.text import several
from steal_scheduler.exception import (
    NovaFault,
    OrchestratorError,
    SignalError,
)
from steal_scheduler.messaging.probe import Probe
from steal_scheduler.migrator import preflight, rights
from steal_scheduler.migrator.build import Components
from steal_scheduler.migrator.poller import Poller
from steal_scheduler.model.cloud import NO_SIGNALS
from steal_scheduler.model.scheduler import Scheduler
from steal_scheduler.moves import tags
from steal_scheduler.reporting.schedulers import short_sighted


def signals(built: Components) -> str | None:
    """The source answers, and tells of the servers and hosts of Nova.

    :raises SignalError: nothing would move
    """
    now = time.time()
    poller = Poller(built.source, interval=0.0)
    poller.poll(now)
    if poller.trouble is not None:
        raise SignalError(poller.trouble.detail)
    try:
        fleet = built.nova_cache.refresh(now)
    except NovaFault as error:
        return f'Not compared with the servers that Nova runs: {error}'
    snapshot = usable_signals(
        Snapshot(now, built.rules, fleet, poller.signals)
    )
    floor = built.rules.limits.coverage_floor
    zones = coverage.of_zones(snapshot)
    low = coverage.low(zones, snapshot)
    if low and len(low) == len(zones):
        unseen = [server.label for zone in low for server in zone.unseen]
        raise SignalError(
            f'[signals] source = {built.conf.signals.source}: only '
            f'{coverage.percent(zones):.0f} percent of the running servers '
            'that could be moved have a fresh signal, and with less than '
            f'[limits] coverage_floor = {floor:g} percent nothing moves. '
            f'There is none of servers {several(unseen)}: '
            f'{look_at(snapshot.signals, fleet)}.'
        )
    faults = [
        f'Nothing moves in zone {zone.zone}: {zone.detail(floor)}.'
        for zone in low
    ]
    if silent := built.source.silent():
        faults.append(f'No sample answers to queries {several(silent)}.')
    faults += [f'{said}.' for said in built.source.advice()]
    window, pause = poller.signals.window, built.conf.migrator.poll_interval
    faults += combinations.long_window(window, pause)
    by_reason = collections.defaultdict(list)
    for host in snapshot.unreliable.values():
        by_reason[host.reason].append(host)
    for reason, hosts in by_reason.items():
        faults.append(
            f'Metrics of hosts {several([h.host for h in hosts])} are '
            f'unreliable (reason={reason}). {hosts[0].host}: '
            f'{hosts[0].detail}.'
        )
    return '\n'.join(faults) or None


def bus(built: Components) -> None:
    """What we send comes back."""
    Probe(built.conf).ask()


def schedulers(built: Components) -> str | None:
    """Each nova-scheduler has our plug-ins, and hears us."""
    try:
        expected = built.nova.scheduler_hosts()
    except NovaFault as error:
        return f'Not asked, as Nova does not tell where they run: {error}'
    heard = Probe(built.conf).ask(expected)
    faults = []
    if silent := sorted(expected - heard.keys()):
        faults.append(
            f'nova-scheduler of hosts {several(silent)} does not answer. '
            'Check that its nova.conf enables StealFilter and StealWeigher, '
            'that it was restarted since, and that its [DEFAULT] '
            'transport_url is ours.'
        )
    faults += _short_sighted(built, heard.values())
    # NOTE: those of before do not say which worker they are.
    if old := sorted(s.host for s in heard.values() if not s.worker):
        faults.append(
            f'nova-scheduler of hosts {several(old)} is of an older release, '
            'and places the servers that we move without the ranking that we '
            'make for each: upgrade it, and restart it.'
        )
    by_missing = collections.defaultdict(list)
    for scheduler in heard.values():
        by_missing[scheduler.missing].append(scheduler.host)
    for missing, hosts in sorted(by_missing.items()):
        if missing:
            faults.append(
                f'nova-scheduler of hosts {several(sorted(hosts))} does not '
                f'enable {", ".join(missing)}. Name them in '
                '[filter_scheduler] enabled_filters and weight_classes of '
                'its nova.conf.'
            )
    return '\n'.join(faults) or None


def _short_sighted(
    built: Components, heard: Iterable[Scheduler]
) -> Iterator[str]:
    """Say to whom Nova does not show all hosts."""
    try:
        hosts = len(built.nova_cache.refresh(time.time()).hosts)
    except NovaFault:
        # Another check says so.
        return
    if why := short_sighted(heard, hosts):
        yield why


def lock_store(built: Components) -> None:
    """A lock can be taken, and be given back."""
    built.leader.probe()


def nova(built: Components) -> None:
    """Nova answers, is new enough, and lets us read."""
    preflight.check_nova(built.nova)


def nova_rights(built: Components) -> None:
    """Nova lets us change what a move changes."""
    rights.check(built.nova)


def placement(built: Components) -> str | None:
    """Placement tells what hosts have left, and Nova its server groups.

    Without that moves are decided as if every host had room.
    """
    built.nova_cache.refresh(time.time())
    return built.nova_cache.room(()).trouble or None


def orchestrators(built: Components) -> None:
    """Every one answers, and lets us see whom we took out.

    Those that keep no list of their own (noop, and command and webhook
    without ``lists_detached``) are not asked anything.

    :raises OrchestratorError: some do not; a line for each
    """
    faults = []
    for name in built.conf.migrator.orchestrators:
        try:
            built.dispatcher.marks_of(name, {})
        except OrchestratorError as error:
            faults.append(str(error))
    if faults:
        raise OrchestratorError('\n'.join(faults))


def signed_tags(built: Components) -> str | None:
    """No server has a tag that none of our keys has signed."""
    servers = built.nova_cache.refresh(time.time()).servers.values()
    read, newer = built.effects.signer.read_all(servers)
    strange = [
        server.server_id
        for server in servers
        if tags.ours(server.tags, newer.get(server.server_id, ()))
        and server.server_id not in read
    ]
    found = []
    if strange:
        found.append(
            'Tags that none of [migrator] tag_keys has signed, on: '
            f'{several(strange)}. The leader removes them, one after the '
            'other.'
        )
    if newer:
        found.append(
            f'Tags of a newer steal-scheduler, on: {several([*newer])}. This '
            'version leaves them alone: upgrade it.'
        )
    return '\n'.join(found) or None


#: By the name that a person sees, in the order in which one hangs on another.
def active_pauses(built: Components) -> str | None:
    """Nobody has forgotten one: it outlives an upgrade.

    Nor a host that is emptied, which is given no server.
    """
    now = time.time()
    fleet = built.nova_cache.refresh(now)
    snapshot = Snapshot(now, built.rules, fleet, NO_SIGNALS)
    said = [
        f'Moves of {pause.where} are {pauses.told(pause, snapshot)}.'
        for pause in pauses.in_force(snapshot)
    ]
    said += [
        f'Host {host} is {order.told(now)}.'
        for host, order in emptied.hosts(snapshot).items()
    ]
    said += [
        f'An order empties no host: {emptied.told(order, snapshot)}.'
        for order in emptied.unheeded(snapshot)
    ]
    return '\n'.join(said) or None


CHECKS: Mapping[str, Callable[[Components], str | None]] = {
    'Lock store': lock_store,
    'Nova': nova,
    'Rights in Nova': nova_rights,
    'Placement': placement,
    'Signals': signals,
    'Message bus': bus,
    'Plug-ins in nova-scheduler': schedulers,
    'Orchestrators': orchestrators,
    'Tags': signed_tags,
    'Pauses': active_pauses,
}
