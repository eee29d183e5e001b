"""Who could change the executable that the migrator runs.

It runs with the migrator's rights, which reach as far as Nova's. So nobody
may write it, or replace it, but root and the migrator's own user.
"""

import os
import pathlib
import shutil
import stat

from steal_scheduler.exception import ConfigError


def check_executable(section: str, path: str | None) -> None:
    """Look at the file and at every directory above it, links followed.

    :raises ConfigError: it is no executable, or others could change it
    """
    option = f'[{section}] path = {path!r}'
    if not path or '\0' in path or not os.path.isabs(path):
        raise ConfigError(f'{option}: set it to an absolute path.')
    if not shutil.which(path):
        raise ConfigError(
            f'{option} is no executable file: correct the path, or run chmod '
            '+x on it.'
        )
    for start in (os.path.abspath(path), os.path.realpath(path)):
        for name in (start, *map(str, pathlib.PurePath(start).parents)):
            found = os.stat(name)
            mode = found.st_mode
            if found.st_uid not in (0, os.geteuid()):
                raise ConfigError(
                    f'{option}: {name} belongs to user {found.st_uid}, who '
                    f'could change what steal-migrator runs: chown root {name}'
                )
            # As /tmp: who may write there may not replace what is another's.
            sticky = stat.S_ISDIR(mode) and mode & stat.S_ISVTX
            # Members of the group root are as good as root.
            by_group = mode & stat.S_IWGRP and found.st_gid != 0
            if not sticky and (by_group or mode & stat.S_IWOTH):
                raise ConfigError(
                    f'{option}: {name} may be written by others, who could '
                    f'change what steal-migrator runs: chmod go-w {name}'
                )
