"""What a request to nova-scheduler tells of itself."""

from typing import Any

from steal_scheduler.model.host_view import Mover, View


def cell(spec: Any) -> Any:
    """The cell that the server is in; None for one that is in none yet.

    The conductor names it for every kind of move but one: a resize to a
    named host, by a user who may cross cells.
    """
    destination = _destination(spec)
    if destination is None or 'cell' not in destination:
        return None
    return destination.cell


def ignored(spec: Any) -> list[str]:
    """Hosts that must not be chosen; for a move, its source comes first.

    Empty for new and unshelved servers, and for a resize that may stay
    where it is.
    """
    return (spec.ignore_hosts if 'ignore_hosts' in spec else None) or []


def hints(spec: Any) -> dict[str, str]:
    """The scheduler hints; of those given several times, the first."""
    found = spec.scheduler_hints if 'scheduler_hints' in spec else None
    return {
        name: values[0] for name, values in (found or {}).items() if values
    }


def exists(spec: Any) -> bool:
    """Whether the server was created before; an unshelved one was."""
    destination = _destination(spec)
    return bool(
        ignored(spec)
        or cell(spec)
        or (destination is not None and destination.allow_cross_cell_move)
    )


def own_mover(view: View, spec: Any) -> Mover | None:
    """What the view says of the server, if the migrator is moving it.

    The source is compared, for somebody else may have moved, resized or
    evacuated the server meanwhile.
    """
    mover = view.movers.get(spec.instance_uuid)
    if mover is not None and ignored(spec)[:1] == [mover.source]:
        return mover
    return None


def _destination(spec: Any) -> Any:
    if 'requested_destination' not in spec:
        return None
    return spec.requested_destination
