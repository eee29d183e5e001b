"""Every option, for the service and for oslo.config's generator."""

from typing import Any

from steal_scheduler.conf import (
    detection,
    limits,
    migrator,
    nova,
    placement,
    roles,
    signals,
    stages,
    trust,
)

_GROUPS = (migrator, signals, detection, placement, trust, limits, stages)


def register(conf: Any) -> None:
    """Register all options of steal-migrator.conf but the plugins'."""
    for group in _GROUPS:
        conf.register_opts(group.OPTS, group=group.GROUP)
    conf.register_opts(roles.MIGRATOR_OPTS, group=roles.GROUP)
    nova.register(conf)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    return [
        *((group.GROUP, list(group.OPTS)) for group in _GROUPS),
        (roles.GROUP, list(roles.MIGRATOR_OPTS)),
        (nova.GROUP, nova.list_opts()),
    ]
