"""How near to the truth it is what servers are expected to ask for.

Hosts of 1 to 32 cores that are asked for 0.8 to 2.0 times their cores, by
queueing, batch and mixed work, are played. And of made-up zones it is said how
often the verdict is right that moving cannot help.
"""

import numpy as np

from tests.fuzz import driver, saturation
from tests.unit.decision.played import HOST, SAME, SERVER, play

CLOUDS, HOSTS = 10, 100
#: Of each a hundred zones are made up.
CASES = 50


def main() -> None:
    print(
        f'{"history":24} {f"hosts within {HOST:.0%}":>18} '
        f'{f"servers within {SERVER:.0%}":>20}'
    )
    for said, same in (('30 minutes without wait', SAME), ('none', 0)):
        found = [play(HOSTS, seed, same).near() for seed in range(CLOUDS)]
        hosts, servers = np.mean(found, axis=0)
        print(f'{said:24} {hosts:>17.1f}% {servers:>19.1f}%', flush=True)
    _, counts = driver.search(saturation.KIND, range(CASES))
    zones = counts['saturated'] + counts['not saturated']
    print(
        f'{counts["saturated"]} of {zones} zones were called saturated, and '
        f'{100 - 100 * counts["wrong"] / zones:.2f}% of the verdicts are right'
    )


if __name__ == '__main__':
    main()
