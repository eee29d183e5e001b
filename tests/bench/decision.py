"""How long one decision takes, with the signals parsed already.

Where nothing is known of the room of hosts, and where it is, and 90 % of their
memory is taken. It is the time that the process ran, for others run as well,
and cycles of garbage are looked for as rarely as by ``steal-migrator``.
"""

import dataclasses
import time

from steal_scheduler import startup
from steal_scheduler.decision import decide as decision
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.rules import MaxUnavailable
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.decision.usable_signals import usable_signals
from steal_scheduler.model.cloud import Fleet, Signals
from steal_scheduler.model.room import UNTOLD, Room
from tests.bench import clouds
from tests.unit.make import rules

SIZES = ((80, 1_000), (500, 6_000), (8_000, 100_000))
#: A single poll is enough, so that every decision has all its findings; and
#: the gate is wide open, so that it looks at every move.
RULES = rules(
    polls_contended=1,
    polls_window=1,
    slots=10**6,
    max_unavailable=MaxUnavailable(None, None),
    copy_rate=10.0**9,
)
REPEATS = 5


@dataclasses.dataclass
class Timing:
    usable: float
    view: float
    decide: float

    @property
    def total(self) -> float:
        return self.usable + self.view + self.decide


def once(
    fleet: Fleet, signals: Signals, room: Room, now: float
) -> tuple[Timing, decision.Decision]:
    # As in each tick: nothing was counted of it yet.
    fleet = dataclasses.replace(fleet)
    begun = time.process_time()
    snapshot = usable_signals(Snapshot(now, RULES, fleet, signals, room=room))
    joined = time.process_time()
    snapshot = dataclasses.replace(snapshot, view=build_view(snapshot))
    built = time.process_time()
    decided = decision.decide(snapshot, {})
    done = time.process_time()
    timing = Timing(joined - begun, built - joined, done - built)
    return timing, decided


def main() -> None:
    startup.collect_rarely()
    now = 1_800_000_000.0
    print('One decision, best of', REPEATS, '(ms)')
    print(
        f'{"hosts":>6} {"servers":>8} {"room":>6} {"join":>8} {"view":>8} '
        f'{"detect+plan+limits":>19} {"in all":>8}  findings  moves  short'
    )
    for hosts, servers in SIZES:
        fleet, signals = clouds.cloud(hosts, servers, now)
        for room, said in ((UNTOLD, 'untold'), (clouds.room(fleet), 'told')):
            runs = [once(fleet, signals, room, now) for _ in range(REPEATS)]
            best = min((timing for timing, _ in runs), key=lambda t: t.total)
            decided = runs[0][1]
            short = sum(s.cores_short for s in decided.saturations)
            print(
                f'{hosts:>6} {servers:>8} {said:>6} {best.usable * 1e3:>8.1f} '
                f'{best.view * 1e3:>8.1f} {best.decide * 1e3:>19.1f} '
                f'{best.total * 1e3:>8.1f}  {len(decided.findings):>8}  '
                f'{len(decided.admitted):>5}  {short:.0f}',
                flush=True,
            )


if __name__ == '__main__':
    main()
