"""Every option, for the service and for oslo.config's generator."""

from typing import Any

from steal_scheduler.conf import (
    detection,
    host_checks,
    hosts,
    limits,
    migrator,
    nova,
    roles,
    signals,
    stages,
)

#: In the order in which an operator meets them, which is that of the
#: reference: what hardly anybody changes stands last.
_GROUPS = (
    migrator,
    signals,
    detection,
    limits,
    hosts,
    stages,
    host_checks,
    roles,
)


def register(conf: Any) -> None:
    """Register all options of steal-migrator.conf but the plugins'."""
    for group in _GROUPS:
        conf.register_opts(group.OPTS, group=group.GROUP)
    nova.register(conf)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Those that ``register`` registers, for the generator."""
    first, *others = [(group.GROUP, list(group.OPTS)) for group in _GROUPS]
    # Who we are is asked next.
    return [first, (nova.GROUP, nova.list_opts()), *others]
