"""How near to the truth it is what servers are expected to ask for.

Hosts of 1 to 32 cores that are asked for 0.8 to 2.0 times their cores, by
queueing, batch and mixed work, are played.
"""

import numpy as np

from tests.unit.decision.played import HOST, SAME, SERVER, play

CLOUDS, HOSTS = 10, 100


def main() -> None:
    print(
        f'{"history":24} {f"hosts within {HOST:.0%}":>18} '
        f'{f"servers within {SERVER:.0%}":>20}'
    )
    for said, same in (('30 minutes without wait', SAME), ('none', 0)):
        found = [play(HOSTS, seed, same).near() for seed in range(CLOUDS)]
        hosts, servers = np.mean(found, axis=0)
        print(f'{said:24} {hosts:>17.1f}% {servers:>19.1f}%', flush=True)


if __name__ == '__main__':
    main()
