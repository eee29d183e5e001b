"""What the server tag says, by which a move is known: our only state.

``steal:<stage>:<epoch>[:<steal before, percent>]``, for example
``steal:migrate:1795334400:26.1``. Tenants see it and can remove it.
``effects.py`` has Nova write and remove it.
"""

from collections.abc import Iterable

from steal_scheduler.model.move import Move, Stage

PREFIX = 'steal:'

#: The stage, its begin (epoch seconds) and the steal share before.
Parsed = tuple[Stage, float, float | None]

_ORDER = {stage: i for i, stage in enumerate(Stage)}


def of_move(move: Move) -> str:
    tag = f'{PREFIX}{move.stage}:{int(move.since)}'
    if move.steal_before is not None:
        tag += f':{move.steal_before * 100:.1f}'
    return tag


def ours(tags: Iterable[str]) -> list[str]:
    """Those that we wrote, or that look as if."""
    return [tag for tag in tags if tag.startswith(PREFIX)]


def parse(tags: Iterable[str]) -> Parsed | None:
    """What the tags of a server say of its move; None where they say nothing.

    A crash between writing the next tag and removing the last leaves two:
    the furthest counts. A tag of ours that makes no sense (a tenant wrote
    it) counts as none.
    """
    found = [p for p in map(_parse_one, ours(tags)) if p is not None]
    if not found:
        return None
    return max(found, key=lambda p: (p[1], _ORDER[p[0]]))


def _parse_one(tag: str) -> Parsed | None:
    parts = tag.removeprefix(PREFIX).split(':')
    try:
        stage, since = Stage(parts[0]), float(int(parts[1]))
        steal = float(parts[2]) / 100 if len(parts) > 2 else None
    except (ValueError, IndexError):
        return None
    return stage, since, steal
