"""Replay a recording by a rule, and say what came of it."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from steal_scheduler.decision.rules import Rules
from steal_scheduler.replay import clairvoyant, mmt, rivals, work
from steal_scheduler.replay.bursts import Bursts
from steal_scheduler.replay.cloud import Cloud, Flight
from steal_scheduler.replay.ours import Ours
from steal_scheduler.replay.recording import Floats, Recording
from steal_scheduler.replay.rivals import MINUTE, Rule

#: Ours, by the name that it is asked for.
OURS = 'steal-scheduler'
RIVALS: Mapping[str, Callable[[Cloud, Recording], Rule]] = {
    'static': rivals.Static,
    'cortex': rivals.Cortex,
    'kubevirt': rivals.KubeVirt,
    'proxmox': rivals.Proxmox,
    'thr-mmt': mmt.ThrMmt,
    'lr-mmt': mmt.LrMmt,
    'clairvoyant': clairvoyant.Clairvoyant,
}
NAMES = (OURS, *RIVALS)
WORKS = ('fluid', 'queueing')
#: Of the requests that queue.
SEED = 1
#: Steal from which on a server counts as contended in a minute.
CONTENDED = 0.05
#: Seconds for which the relief of a move is followed.
FOLLOWED = 900.0


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What came of a rule; the fields are the columns that are printed."""

    rule: str
    #: Of what was wanted, how much was never done.
    demand_lost_percent: float
    moves: int
    moves_per_server_day: float
    max_moves_of_a_server: int
    #: Servers that were drained, and then Nova had no host for them; 0 of
    #: rivals, who are told beforehand what fits.
    refused_after_drain: int
    #: By the memory of the flavors.
    gib_copied: float
    #: Of all minutes of all servers, those with a steal over 5 %.
    contended_server_minutes_percent: float
    #: Less that was lost on source and target in the 15 minutes after each
    #: arrival than would have been, had that one server stayed.
    relief_core_seconds: float
    #: What the checks after the moves claim of it; 0 of who checks nothing.
    claimed_relief_core_seconds: float
    #: Times that a zone was called saturated.
    saturated_verdicts: int
    stolen_cores_at_end: float


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """How a recording is replayed, the rule left out."""

    #: Ours; no rival looks at them.
    rules: Rules
    #: That Nova takes from the request to the arrival.
    move_seconds: float = MINUTE
    #: From our decision to the request. NOTE: rivals drain nobody, and a
    #: recording tells of no orchestrator.
    drain_seconds: float = 0.0
    #: One of ``WORKS``.
    work: str = WORKS[0]
    #: Of the bursts; None where there are none.
    bursts: int | None = None


def replay(recording: Recording, name: str, setting: Setting) -> Result:
    """Replay all of it, a minute at a time.

    The same comes of the same recording, rule and setting.

    :param name: one of ``NAMES``
    """
    cloud = Cloud(recording, setting.move_seconds)
    ours = None
    if name == OURS:
        drain = setting.drain_seconds
        ours = Ours(cloud, recording, setting.rules, drain)
    rule = ours or RIVALS[name](cloud, recording)
    fluid = setting.work == 'fluid'
    does = work.fluid if fluid else work.Queueing(cloud, SEED)
    totals = _Totals(cloud)
    now = 0.0
    for parts in _minutes(recording, setting):
        minute = does(cloud, parts)
        totals.add(minute, now)
        now += MINUTE
        _arrive(cloud, ours, totals, now)
        for server, target in rule.wishes(now, minute):
            cloud.migrate(server, target, now)
        _arrive(cloud, ours, totals, now)
    return totals.result(name, ours, now)


def _minutes(recording: Recording, setting: Setting) -> Iterator[Floats]:
    """What servers want in the parts of each whole minute."""
    seed = setting.bursts
    bursts = None if seed is None else Bursts(recording, seed)
    for begin in np.arange(0.0, recording.end - MINUTE + 1e-6, MINUTE):
        yield (
            bursts.minute(begin)
            if bursts
            else recording.wanted(begin, int(MINUTE))
        )


def _arrive(
    cloud: Cloud, ours: Ours | None, totals: '_Totals', now: float
) -> None:
    for flight in cloud.arrivals(now):
        totals.follow(flight, now)
        if ours:
            ours.arrived(flight, now)


class _Totals:
    """What is added up, a minute at a time."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._wanted = self._lost = self._contended = 0.0
        self._relief = self._stolen = 0.0
        self._minutes = 0
        #: Flights that have landed, and until when they are followed.
        self._followed: list[tuple[Flight, float]] = []

    def add(self, minute: work.Minute, now: float) -> None:
        self._minutes += 1
        self._wanted += minute.wanted.sum()
        self._lost += minute.lost.sum()
        self._contended += np.count_nonzero(minute.steal > CONTENDED)
        asked = self._cloud.on_hosts(minute.parts)
        over = np.clip(asked - self._cloud.cores, 0, None)
        self._stolen = float(over.mean(axis=0).sum())
        self._followed = [
            (flight, until)
            for flight, until in self._followed
            if now < until
            and self._cloud.places[flight.server] == flight.target
        ]
        for flight, _ in self._followed:
            self._relief += MINUTE * self._saved(flight, minute, asked, over)

    def follow(self, flight: Flight, now: float) -> None:
        self._followed.append((flight, now + FOLLOWED))

    def result(self, name: str, ours: Ours | None, seconds: float) -> Result:
        moves = self._cloud.moves
        days = seconds / 86400.0
        share = 100.0 * self._contended / (self._minutes * len(moves))
        return Result(
            rule=name,
            demand_lost_percent=round(
                100.0 * self._lost / max(self._wanted, 1e-12), 4
            ),
            moves=int(moves.sum()),
            moves_per_server_day=round(moves.sum() / len(moves) / days, 4),
            max_moves_of_a_server=int(moves.max()),
            refused_after_drain=ours.refused if ours else 0,
            gib_copied=round(self._cloud.copied_mb / 1024, 1),
            contended_server_minutes_percent=round(share, 4),
            relief_core_seconds=round(self._relief, 1),
            claimed_relief_core_seconds=round(ours.claimed if ours else 0, 1),
            saturated_verdicts=ours.saturated if ours else 0,
            stolen_cores_at_end=round(self._stolen, 2),
        )

    def _saved(
        self, flight: Flight, minute: work.Minute, asked: Floats, over: Floats
    ) -> float:
        """Cores that are lost less than if this one had stayed.

        :param asked: parts of the minute, hosts
        :param over: the same, what is over the cores of the host
        """
        cores, moved = self._cloud.cores, minute.parts[:, flight.server]
        source, target = flight.source, flight.target
        with_it = np.clip(asked[:, source] + moved - cores[source], 0, None)
        without = np.clip(asked[:, target] - moved - cores[target], 0, None)
        saved = with_it + without - over[:, source] - over[:, target]
        return float(saved.mean())
