"""Whether this host shows what is needed, to this user."""

import os

from steal_scheduler.exception import ConfigError


def check(proc: str, cgroups: str) -> list[str]:
    """Look at a process of somebody else; return what will be missing.

    :param proc: /proc
    :param cgroups: /sys/fs/cgroup
    :raises ConfigError: servers could not be seen at all
    """
    # The first process is always there, and never ours - but in a container.
    first = f'{proc}/1'
    if not os.path.isdir(first):
        raise ConfigError(
            f'{first} is not there: [exporter] proc_path is wrong, or /proc '
            'is mounted with hidepid=2. Run this as a user in the group of '
            "that mount's gid=, and outside of a process namespace."
        )
    _read(f'{first}/cmdline')
    _read(f'{first}/task/1/stat')
    fields = _read(f'{first}/task/1/schedstat').split()
    if len(fields) != 3 or fields[2] == b'0':
        raise ConfigError(
            f'{first}/task/1/schedstat says {b" ".join(fields).decode()!r}: '
            'this kernel does not measure how long threads wait. It needs '
            'CONFIG_SCHED_INFO (CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT).'
        )
    missing = []
    for path, lost in (
        (f'{proc}/pressure/cpu', "the host's CPU pressure (boot with psi=1)"),
        (cgroups, 'throttling by quotas ([exporter] cgroup_path)'),
    ):
        if not os.access(path, os.R_OK):
            missing.append(f'{path} cannot be read; there will be no {lost}')
    return missing


def _read(path: str) -> bytes:
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be read: {error.strerror}. '
            'Every process must be readable to this user: mount /proc '
            'without hidepid, or run this in the group of its gid=; '
            'schedstat needs a kernel with CONFIG_SCHED_INFO.'
        ) from error
