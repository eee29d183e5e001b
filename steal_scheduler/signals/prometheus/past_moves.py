"""Moves that are over, as the migrators' own metrics tell of them.

A migrator shows each for an hour; see ``reporting/past_moves.py``.
"""

import dataclasses
import datetime
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

from steal_scheduler.edge.text import one_line
from steal_scheduler.model.history import LABELS, MEASURED, PastMove
from steal_scheduler.model.move import Outcome
from steal_scheduler.signals.prometheus.client import PrometheusClient
from steal_scheduler.signals.prometheus.labels import Series

#: Seconds between two looks at since when a migrator is known.
_STEP = 300
_TOLD = 'last_over_time(steal_migrator_move_{name}{{{selector}}}[{seconds}s])'
#: NOTE: looks are at whole multiples of the step; one may be to come.
_FIRST = (
    'min(min_over_time(timestamp(steal_migrator_leader{{{selector}}})'
    '[{seconds}s:{step}s]) or timestamp(steal_migrator_leader{{{selector}}}))'
)


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    moves: Sequence[PastMove]
    #: Epoch seconds: since when it knows a migrator at all; None for never.
    since: float | None
    #: Series of which nobody can make a move.
    unreadable: int


class PastMoves:
    """Asks a Prometheus for them."""

    def __init__(self, conf: Any) -> None:
        """Use ``[prometheus]``, whose options are registered.

        :raises ConfigError: an option is wrong
        """
        self._client = PrometheusClient(conf)
        self._selector = conf.prometheus.selector or ''

    def read(self, since: float) -> Told:
        """All that ended since.

        :param since: epoch seconds
        :raises SignalError: Prometheus does not answer, or not with moves
        """
        seconds = math.ceil(max(time.time() - since, _STEP))
        values = {
            'selector': self._selector,
            'seconds': seconds,
            'step': _STEP,
        }
        self._client.begin()
        info = self._ask('info', values)
        first = self._client.ask('leader', _FIRST.format(**values))
        measured: dict[tuple[str, str], dict[str, Any]] = {}
        for name, (field, units) in MEASURED.items() if info else ():
            for series in self._ask(name, values):
                if (value := _number(series)) is not None:
                    fields = measured.setdefault(_key(series), {})
                    fields[field] = value / units
        moves = dict(_moves(info))
        return Told(
            [
                dataclasses.replace(move, **measured.get(key, {}))
                for key, move in moves.items()
                if move.ended_at >= since
            ],
            min(filter(None, map(_number, first)), default=None),
            sum(_ended(series) is None for series in info),
        )

    def _ask(self, name: str, values: dict[str, Any]) -> list[Series]:
        return self._client.ask(
            f'move_{name}', _TOLD.format(name=name, **values)
        )


def _moves(
    info: Sequence[Series],
) -> Iterator[tuple[tuple[str, str], PastMove]]:
    """By server and end; of two that tell of the same, the last one counts.

    One that helped in its first minute may be told not to have, later.
    """
    for series in sorted(
        info, key=lambda one: one['metric'].get('outcome') != Outcome.HELPED
    ):
        labels, at = series['metric'], _ended(series)
        if at is not None:
            told: dict[str, Any] = {
                field: one_line(labels.get(label) or '') or None
                for label, field in LABELS.items()
            }
            yield (
                _key(series),
                PastMove(
                    ended_at=at,
                    told_by=frozenset({'prometheus'}),
                    **told,
                ),
            )


def _key(series: Series) -> tuple[str, str]:
    labels = series['metric']
    return str(labels.get('server')), str(labels.get('ended'))


def _ended(series: Series) -> float | None:
    """When it was over; None where the series is of no move."""
    server_id, ended = _key(series)
    try:
        at = datetime.datetime.fromisoformat(ended)
    except ValueError:
        return None
    known = server_id not in ('', 'None') and at.tzinfo is not None
    return at.timestamp() if known else None


def _number(series: Series) -> float | None:
    try:
        _, value = map(float, series['value'])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
