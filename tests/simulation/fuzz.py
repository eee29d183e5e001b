"""Play the runs of many seeds: see ``tests/fuzz``, of which this is a kind."""

import functools
import pathlib
import sys
import tempfile
import warnings
from collections import Counter

from tests.fuzz import driver
from tests.simulation import run


def told(counts: Counter[str]) -> str:
    return (
        f'{counts["begun"]} moves begun, {counts["asked"]} asked of Nova, '
        f'{counts["completed"]} arrived; {counts["died"]} migrators died, '
        f'{counts["stopped"]} stood still; {counts["effects"]} effects, '
        f'{counts["calls"]} calls'
    )


def simulation(directory: pathlib.Path) -> driver.Kind:
    return driver.Kind(
        'Simulation',
        run.drawn,
        functools.partial(run.play, directory=directory),
        told=told,
        shrunk=run.shrunk,
        as_python=run.as_python,
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        return driver.main([simulation(pathlib.Path(name))])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    sys.exit(main())
