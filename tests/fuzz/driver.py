"""Play the cases of many seeds, and print what was wrong.

``STEAL_FUZZ_RUNS`` is how many of each kind, ``STEAL_FUZZ_SEED`` the first
one; without it they are new ones. With ``STEAL_FUZZ_SECONDS`` no kind begins a
case after so many.
"""

import dataclasses
import itertools
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

RUNS = 300


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a case ended."""

    #: '' where nothing was wrong.
    violation: str
    counts: Counter[str]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What is drawn, and how it is played."""

    name: str
    #: The case of a seed: a dataclass with ``events``.
    drawn: Callable[[int], Any]
    play: Callable[[Any], Ended]
    #: What the counts of all runs say, in one line.
    told: Callable[[Counter[str]], str] = lambda counts: ', '.join(
        f'{n} {what}' for what, n in sorted(counts.items()) if what != 'runs'
    )
    #: A case without some of its events, that still fails.
    shrunk: Callable[[Any, Callable[[Any], bool]], Any] | None = None
    as_python: Callable[[Any], str] = repr


@dataclasses.dataclass
class Found:
    """A violation, and the shortest case that shows it."""

    #: The first one, and how many there were of this kind.
    seed: int
    violation: str
    case: str
    seeds: int = 1

    def __str__(self) -> str:
        return (
            f'{self.violation}\nSTEAL_FUZZ_SEED={self.seed} STEAL_FUZZ_RUNS=1 '
            f'replays it; shrunk:\n{self.case}\n'
        )


@contextmanager
def quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


def without(case: Any, fails: Callable[[Any], bool]) -> Any:
    """The shortest case that still fails, by leaving pieces out (ddmin)."""
    found, size = case, max(len(case.events) // 2, 1)
    while size:
        begin = 0
        while begin < len(found.events):
            rest = found.events[:begin] + found.events[begin + size :]
            shorter = dataclasses.replace(found, events=rest)
            if fails(shorter):
                found = shorter
            else:
                begin += size
        size //= 2
    return found


def same(violation: str) -> str:
    """The same for violations that differ in servers and numbers only.

    What stands on a second line is of this one.
    """
    line = violation.partition('\n')[0]
    return re.sub(r'[0-9a-f]{8}-[-0-9a-f]{27}|[0-9.]+', '_', line)


def described(error: Exception) -> str:
    """An error that nobody expects, and which function of ours it left."""
    while isinstance(error, AssertionError) and error.__cause__ is not None:
        error = error.__cause__  # type: ignore[assignment]
    where = error.__traceback__
    ours = ''
    while where is not None:
        frame = where.tb_frame
        name = frame.f_globals.get('__name__', '')
        if name.startswith('steal_scheduler'):
            ours = f'{name}.{frame.f_code.co_name}'
        where = where.tb_next
    return f'{type(error).__name__} in {ours}\n{error!s:.200}'


def search(
    kind: Kind,
    seeds: Iterable[int],
    tell: Callable[[Found], Any] = lambda found: None,
) -> tuple[list[Found], Counter[str]]:
    """Play the cases of these seeds; shrink the first of each violation.

    :param tell: called with it
    """
    found: dict[str, Found] = {}
    counts: Counter[str] = Counter()
    for seed in seeds:
        case = kind.drawn(seed)
        ended = kind.play(case)
        counts += ended.counts
        counts['runs'] += 1
        if not ended.violation:
            continue
        what = same(ended.violation)
        if what in found:
            found[what].seeds += 1
            continue

        def fails(shorter: Any, what: str = what) -> bool:
            return same(kind.play(shorter).violation) == what

        shorter = (kind.shrunk or without)(case, fails)
        violation = kind.play(shorter).violation or ended.violation
        found[what] = Found(seed, violation, kind.as_python(shorter))
        tell(found[what])
    return list(found.values()), counts


def seeds(runs: int) -> range:
    """As the environment says, else so many new ones."""
    runs = int(os.environ.get('STEAL_FUZZ_RUNS') or runs)
    first = os.environ.get('STEAL_FUZZ_SEED')
    # By the second: no two of today's are the same.
    begin = int(first) if first else int(time.time()) * 1000
    return range(begin, begin + runs)


def _in_time(chosen: Iterable[int]) -> Iterable[int]:
    seconds = float(os.environ.get('STEAL_FUZZ_SECONDS') or 'inf')
    until = time.monotonic() + seconds
    return itertools.takewhile(lambda seed: time.monotonic() < until, chosen)


def report(
    kind: Kind, begin: int, seconds: float, found: list[Found], said: str
) -> str:
    """One line of numbers, and one for each kind of violation."""
    lines = [f'{kind.name}: from seed {begin} in {seconds:.0f} s: {said}']
    lines += [
        f'{each.seeds} runs: {each.violation}'.partition('\n')[0]
        for each in found
    ]
    return '\n'.join(lines)


def main(kinds: Sequence[Kind], runs: int = RUNS) -> int:
    """Play them all; 1 where something was wrong."""
    chosen, wrong = seeds(runs), 0
    for kind in kinds:
        begun = time.perf_counter()
        found, counts = search(
            kind, _in_time(chosen), lambda each: print(each, flush=True)
        )
        seconds = time.perf_counter() - begun
        said = (
            f'{counts["runs"]} runs '
            f'({counts["runs"] / max(seconds, 0.001) * 60:.0f} a minute): '
            f'{kind.told(counts)}; {len(found)} kinds of violations.'
        )
        print(report(kind, chosen[0], seconds, found, said), flush=True)
        wrong += len(found)
    return min(wrong, 1)
