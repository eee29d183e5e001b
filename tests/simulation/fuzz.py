"""Play the runs of many seeds, and print what was wrong: ``make fuzz``.

``STEAL_FUZZ_RUNS`` is how many, ``STEAL_FUZZ_SEED`` the first one; without it
they are new ones.
"""

import os
import sys
import time
import warnings
from collections import Counter

from tests.simulation.run import Found, search

RUNS = 300


def seeds(runs: int) -> range:
    """As the environment says, else so many new ones."""
    runs = int(os.environ.get('STEAL_FUZZ_RUNS') or runs)
    first = os.environ.get('STEAL_FUZZ_SEED')
    # By the second: no two of today's are the same.
    begin = int(first) if first else int(time.time()) * 1000
    return range(begin, begin + runs)


def report(
    begin: int, seconds: float, found: list[Found], counts: Counter[str]
) -> str:
    """One line of numbers, and one for each kind of violation."""
    runs = counts['runs']
    lines = [
        f'Simulation: {runs} runs from seed {begin} in {seconds:.0f} s '
        f'({runs / max(seconds, 0.001) * 60:.0f} a minute): '
        f'{counts["begun"]} moves begun, {counts["asked"]} asked of Nova, '
        f'{counts["completed"]} arrived; {counts["died"]} migrators died, '
        f'{counts["stopped"]} stood still; {counts["effects"]} effects, '
        f'{counts["calls"]} calls; {len(found)} kinds of violations.'
    ]
    lines += [f'{each.seeds} runs: {each.violation}' for each in found]
    return '\n'.join(lines)


def main() -> int:
    chosen = seeds(RUNS)
    begun = time.perf_counter()
    found, counts = search(chosen, lambda each: print(each, flush=True))
    print(report(chosen[0], time.perf_counter() - begun, found, counts))
    return min(len(found), 1)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    sys.exit(main())
