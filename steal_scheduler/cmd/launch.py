"""What the console scripts call: a missing extra is named, not traced.

The base of the package holds what nova-scheduler loads; each program needs an
extra besides.

NOTE: nothing else may be imported at the top: the demo runs Nova in this
process, and Nova insists on being the first to import anything of oslo.
"""

import contextlib
import functools
import importlib
from collections.abc import Iterator


@contextlib.contextmanager
def needs(program: str, extra: str) -> Iterator[None]:
    """Around what imports a package that only the extra brings.

    :raises SystemExit: it is missing; status 1, with the command to run
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or str(error)).partition('.')[0]
        if missing == 'steal_scheduler':
            # A mistake of ours, which no pip cures.
            raise
        raise SystemExit(
            f'{program}: the Python module {missing} is not installed: '
            f"pip install 'steal-scheduler[{extra}]'"
        ) from error


def _launch(program: str, extra: str) -> int:
    with needs(f'steal-{program}', extra):
        module = importlib.import_module(f'steal_scheduler.cmd.{program}')
        status: int = module.main()
        return status


exporter = functools.partial(_launch, 'exporter', 'exporter')
manage = functools.partial(_launch, 'manage', 'migrator')
migrator = functools.partial(_launch, 'migrator', 'migrator')
status = functools.partial(_launch, 'status', 'migrator')
