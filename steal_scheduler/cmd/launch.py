"""What the console scripts call: a missing extra is named, not traced.

The base of the package holds what nova-scheduler loads; each program needs an
extra besides.

NOTE: nothing else may be imported at the top: the demo runs Nova in this
process, and Nova insists on being the first to import anything of oslo.
"""

import contextlib
import functools
import importlib
import os
import sys
from collections.abc import Iterator

#: Of steal-status, where the checks could not be begun: 1 is a warning.
NOT_CHECKED = 255


@contextlib.contextmanager
def needs(program: str, extra: str, status: int = 1) -> Iterator[None]:
    """Around what imports a package that only the extra brings.

    :raises SystemExit: it is missing; with this status, after the command to
        run was printed
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or str(error)).partition('.')[0]
        if missing == 'steal_scheduler':
            # A mistake of ours, which no pip cures.
            raise
        print(
            f'{program}: the Python module {missing} is not installed: '
            f"pip install 'steal-scheduler[{extra}]'",
            file=sys.stderr,
        )
        raise SystemExit(status) from error


def _launch(program: str, extra: str, missing: int) -> int:
    with needs(f'steal-{program}', extra, missing):
        module = importlib.import_module(f'steal_scheduler.cmd.{program}')
        status: int = module.main()
        return status


# Where a service is started again and again, that does not help here.
api = functools.partial(_launch, 'api', 'api', os.EX_CONFIG)
exporter = functools.partial(_launch, 'exporter', 'exporter', os.EX_CONFIG)
manage = functools.partial(_launch, 'manage', 'migrator', 1)
migrator = functools.partial(_launch, 'migrator', 'migrator', os.EX_CONFIG)
status = functools.partial(_launch, 'status', 'migrator', NOT_CHECKED)
