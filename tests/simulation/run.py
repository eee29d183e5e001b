"""A run: what it begins with, what happens, and what was wrong with it."""

import dataclasses
import pathlib
import random
import re
from collections import Counter
from collections.abc import Callable

from tests.fuzz.driver import Ended, quiet, without
from tests.simulation import events, invariants
from tests.simulation.events import Event
from tests.simulation.world import Setting, World

#: Seconds between two steps at the end, and how many there are at most: more
#: than any pause of ours, and than it takes to find an orphan.
REST, RESTS = 75, 40
#: Steps at the end that there are in any case: orphans are looked for.
AT_LEAST = 11


@dataclasses.dataclass(frozen=True)
class Run:
    setting: Setting
    events: tuple[Event, ...]


#: What ends or removes a tag that nobody of ours has removed.
_WITNESS = (events.Untags, events.Deleted)


def drawn(seed: int, ways: events.Ways = events.DRAWN) -> Run:
    """The run of a seed.

    :param ways: what its events are drawn from
    """
    rng = random.Random(seed)
    # A cloud has one to three orchestrators, or a run would take its time.
    there = rng.sample('kclhs', rng.choice((1, 2, 2, 3)))
    setting = Setting(
        letters=tuple(
            ''.join(rng.sample(there, min(len(there), rng.choice((1, 1, 2)))))
            if rng.random() < 0.9
            else 'x'
            for _ in range(8)
        ),
        crowded=rng.choice((3, 4, 5)),
        options=(
            ('limits.slots', str(rng.choice((1, 2, 3)))),
            ('limits.slots_per_target', str(rng.choice((1, 2)))),
            ('limits.max_unavailable', str(rng.choice((1, 2)))),
            ('limits.copy_rate', rng.choice(('20', '1000'))),
            ('migrator.dry_run', str(rng.random() < 0.05)),
        ),
        standby=rng.random() < 0.3,
        apart=rng.random() < 0.1,
        skew=rng.choice((0, 0, 3, -3)),
        lists=rng.random() < 0.8,
        store=rng.choice(('file', 'file', 'file', 'etcd', 'etcd', 'redis')),
        large=rng.random() < 0.2,
    )
    if setting.apart:
        # Each removes tags of the other, which would be the only witness.
        setting = dataclasses.replace(setting, lists=True)
    first = [events.Tick()] * rng.choice((0, 1, 2, 3))
    happens = [events.draw(rng, ways) for _ in range(rng.randrange(10, 50))]
    if not setting.lists:
        # The tag is the only witness then.
        happens = [e for e in happens if not isinstance(e, _WITNESS)]
    return Run(setting, (*first, *happens))


def play(run: Run, directory: pathlib.Path) -> Ended:
    """Let it happen."""
    world = World(run.setting, directory)
    world.watch = invariants.Watch()
    with quiet(), world.alive():
        for event in run.events:
            event.happen(world)
            world.look(event)
            if world.violations:
                break
        else:
            _rest(world)
    counts = Counter(world.counts)
    counts['calls'] = world.edge.calls
    counts['effects'] = world.edge.effects
    counts['completed'] = sum(
        r.completed and r.user_id == 'us' for r in world.nova.records.values()
    )
    return Ended(next(iter(world.violations), ''), counts)


def _rest(world: World) -> None:
    """Everything answers again, a cell that is down last; and time passes."""
    world.answer()
    for _ in range(AT_LEAST if world.nova.cell_down else 0):
        world.sleep(REST)
        world.tick()
    world.violations += [*invariants.in_down_cell(world)]
    world.calm()
    for step in range(RESTS):
        world.sleep(REST)
        world.tick()
        if world.violations:
            return
        if step >= AT_LEAST and not any(invariants.at_rest(world)):
            return
    world.violations += [f'{w}, at rest' for w in invariants.at_rest(world)]


def shrunk(run: Run, fails: Callable[[Run], bool]) -> Run:
    """The shortest run that still fails, in the plainest setting."""
    found: Run = without(run, fails)
    for field in dataclasses.fields(Setting):
        plain = dataclasses.replace(
            found.setting, **{field.name: field.default}
        )
        simpler = dataclasses.replace(found, setting=plain)
        if simpler != found and fails(simpler):
            found = simpler
    return found


def as_python(run: Run) -> str:
    """What can be pasted into ``test_regressions.py``."""
    lines = ['Run(', f'    {run.setting!r},', '    (']
    lines += [f'        {event!r},' for event in run.events]
    text = '\n'.join([*lines, '    ),', ')'])
    # Of an enum the repr is no Python.
    return re.sub(r"<(Stage\.[A-Z]+): '[a-z]+'>", r'\1', text)
