"""Values of ``model`` in one line each, for the tests."""

import dataclasses
import functools
from typing import Any

from keystoneauth1 import loading

from steal_scheduler.conf import load
from steal_scheduler.conf import rules as rules_conf
from steal_scheduler.decision.rules import Rules
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model.cloud import (
    Fleet,
    Host,
    HostSignal,
    Migration,
    Server,
    ServerSignal,
    Signals,
)
from steal_scheduler.model.demand import Demand
from steal_scheduler.model.finding import Finding
from steal_scheduler.model.guest import GuestSignal
from steal_scheduler.model.move import Cause, Ended, Move, Outcome, Stage
from steal_scheduler.model.scheduler import CLASSES, Scheduler

NOW = 1_000_000.0
#: Names of the options of a login; older releases lack tls_ciphers.
KEYSTONEAUTH = frozenset(
    option.dest
    for option in (
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options('password'),
    )
)


def server(server_id: str = 's', **other: Any) -> Server:
    values: dict[str, Any] = {
        'name': f'name of {server_id}',
        'host': 'a',
        'zone': 'az1',
        'status': 'ACTIVE',
        'vcpus': 4,
        'ram_mb': 4096,
        'disk_gb': 10,
    }
    return Server(server_id, **(values | other))


def signal(server_id: str = 's', **other: Any) -> ServerSignal:
    values: dict[str, Any] = {
        'host': 'a',
        'used': 3.0,
        'waited': 1.0,
        'at': NOW,
    }
    return ServerSignal(server_id, **(values | other))


def host_signal(name: str = 'a', **other: Any) -> HostSignal:
    values: dict[str, Any] = {'cores': 16.0, 'at': NOW}
    return HostSignal(name, **(values | other))


def guest(**other: Any) -> GuestSignal:
    values: dict[str, Any] = {'at': NOW}
    return GuestSignal(**(values | other))


def signals(
    *servers: ServerSignal,
    hosts: dict[str, float | HostSignal] | None = None,
    **other: Any,
) -> Signals:
    """:param hosts: by name; a number is its cores"""
    values: dict[str, Any] = {'taken_at': NOW}
    return Signals(
        {s.server_id: s for s in servers},
        {
            name: host
            if isinstance(host, HostSignal)
            else host_signal(name, cores=host)
            for name, host in (hosts or {}).items()
        },
        **(values | other),
    )


def migration(server_id: str = 's', **other: Any) -> Migration:
    values: dict[str, Any] = {
        'migration_id': 1,
        'status': 'completed',
        'source': 'a',
        'target': 'b',
        'created_at': NOW,
        'updated_at': other.get('created_at', NOW),
        'user_id': 'us',
    }
    return Migration(server_id=server_id, **(values | other))


def fleet(
    *servers: Server,
    hosts: dict[str, str] | None = None,
    migrations: tuple[Migration, ...] = (),
) -> Fleet:
    """:param hosts: zones by name; a, b and c in az1 by default"""
    zones = hosts or dict.fromkeys('abc', 'az1')
    by_server: dict[str, tuple[Migration, ...]] = {}
    for m in sorted(migrations, key=lambda m: -m.migration_id):
        by_server[m.server_id] = (*by_server.get(m.server_id, ()), m)
    return Fleet(
        {s.server_id: s for s in servers},
        {name: Host(name, zone) for name, zone in zones.items()},
        by_server,
        tuple(m for m in migrations if m.user_id == 'us'),
    )


def snapshot(
    known: Fleet | None = None,
    *in_flight: Move,
    measured: Signals | None = None,
    **other: Any,
) -> Snapshot:
    """What a tick knows of a fleet; nothing was measured by default."""
    values: dict[str, Any] = {
        'now': NOW,
        'rules': rules(),
        'moves': {m.server_id: m for m in in_flight},
    }
    return Snapshot(
        fleet=known or fleet(),
        signals=measured or signals(),
        **(values | other),
    )


def scheduler(host: str = 'controller', **other: Any) -> Scheduler:
    """A nova-scheduler that has taken a view, with all of our classes."""
    values: dict[str, Any] = {
        'taken_at': NOW,
        'classes': CLASSES,
        'max_placement_results': 1000,
        'heard_at': NOW,
    }
    return Scheduler(host, **(values | other))


def demand(cores: float | Demand) -> Demand:
    """:param cores: a number is known exactly"""
    return cores if isinstance(cores, Demand) else Demand.exactly(cores)


def finding(server_id: str = 's', **other: Any) -> Finding:
    """:param other: the demand may be a number, see ``demand``"""
    values: dict[str, Any] = {
        'host': 'a',
        'steal': 0.25,
        'load': 1.0,
        'demand': 4.0,
        'polls': '3 of 5 polls',
        **other,
    }
    values['demand'] = demand(values['demand'])
    return Finding(server_id, **values)


def move(server_id: str = 's', **other: Any) -> Move:
    """A move, whose demand may be a number, see ``demand``.

    :param other: of the move; name, zone, role and project the server's
    """
    values: dict[str, Any] = {
        'source': 'a',
        'stage': Stage.DRAIN,
        'since': NOW,
        'demand': 4.0,
        'copy_mb': 14336,
        **other,
    }
    of_server = {
        key: values.pop(key)
        for key in ('name', 'zone', 'role', 'project_id')
        if key in values
    }
    of_server['host'] = values['source']
    values['demand'] = demand(values['demand'])
    return Move(**{'server': server(server_id, **of_server), **values})


def ended(server_id: str = 's', **other: Any) -> Ended:
    values: dict[str, Any] = {
        'move': move(server_id),
        'outcome': Outcome.HELPED,
        'at': NOW,
        'detail': 'it waits 1% of its time now',
    }
    if other.get('outcome') is Outcome.NOT_STARTED:
        cause = other.get('cause', Cause.DRAIN)
        values['move'] = move(server_id, cause=cause)
        values |= {'not_started': 1, 'cause': cause}
    return Ended(**(values | other))


@functools.cache
def _default_rules() -> Rules:
    conf = load.load(['--config-file=/dev/null'], 'test')
    return rules_conf.rules(conf)


def rules(**values: Any) -> Rules:
    """What decides: the defaults of the options, but for these.

    :param values: by the names of fields of ``Rules`` or of its sections
    """
    found = _default_rules()
    for name, value in values.items():
        for section in ('detection', 'hosts', 'limits'):
            part = getattr(found, section)
            if hasattr(part, name):
                part = dataclasses.replace(part, **{name: value})
                found = dataclasses.replace(found, **{section: part})
                break
        else:
            found = dataclasses.replace(found, **{name: value})
    return found
