"""Who could change the executable that the migrator runs.

It runs with the migrator's rights, which reach as far as Nova's. So nobody
may write it, or replace it, but root and the migrator's own user.
"""

import os
import pwd
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
    for name in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        _check_writers(option, name)
        while name != '/':
            name = os.path.dirname(name)
            _check_writers(option, name)


def _check_writers(option: str, name: str) -> None:
    found = os.stat(name)
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f'{option}: {name} belongs to {_user(found.st_uid)}, who could '
            f'change what steal-migrator runs: chown root {name}'
        )
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX:
        # As /tmp: who may write there may not replace what is another's.
        return
    # Members of the group root are as good as root.
    by_group = found.st_mode & stat.S_IWGRP and found.st_gid != 0
    if by_group or found.st_mode & stat.S_IWOTH:
        raise ConfigError(
            f'{option}: {name} may be written by others, who could change '
            f'what steal-migrator runs: chmod go-w {name}'
        )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
