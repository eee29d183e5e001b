"""All kinds, or those that are named: ``python -m tests.fuzz answers``."""

import contextlib
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

from tests.fuzz import (
    answers,
    configuration,
    driver,
    rooms,
    saturation,
    scheduler,
    texts,
)
from tests.simulation import fuzz


@contextlib.contextmanager
def simulation() -> Iterator[driver.Kind]:
    with tempfile.TemporaryDirectory() as directory:
        yield fuzz.simulation(pathlib.Path(directory))


KINDS: Mapping[str, Callable[[], AbstractContextManager[driver.Kind]]] = {
    'simulation': simulation,
    'scheduler': scheduler.working,
    'answers': lambda: contextlib.nullcontext(answers.KIND),
    'configuration': configuration.starting,
    'texts': texts.written,
    'rooms': lambda: contextlib.nullcontext(rooms.KIND),
    'saturation': lambda: contextlib.nullcontext(saturation.KIND),
}


def main(names: Sequence[str]) -> int:
    """The worst status of them all."""
    status = 0
    for name in names or KINDS:
        with KINDS[name]() as kind:
            status = max(status, driver.main([kind]))
    return status


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    sys.exit(main(sys.argv[1:]))
