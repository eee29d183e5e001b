"""All kinds, or those that are named: ``python -m tests.fuzz answers``."""

import pathlib
import sys
import tempfile
import warnings
from collections.abc import Sequence

from tests.fuzz import answers, driver
from tests.simulation import fuzz


def main(names: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as directory:
        kinds = [fuzz.simulation(pathlib.Path(directory)), answers.KIND]
        known = {kind.name.lower(): kind for kind in kinds}
        return driver.main([known[name] for name in names or known])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    sys.exit(main(sys.argv[1:]))
