"""Before the start: what this host has, and what it shows to this user."""

import itertools
import os
import re

from steal_scheduler.exception import ConfigError

#: A core or a range of cores; it is not spelt out before it is bounded.
#: NOTE: int() alone would take 1_0, +1 and digits of other scripts.
_RANGE = re.compile('([0-9]{1,5})(?:-([0-9]{1,5}))?')


def check(proc: str, cgroups: str) -> list[str]:
    """Look at a process of somebody else; return what will be missing.

    :param proc: /proc
    :param cgroups: /sys/fs/cgroup
    :return: sentences for the log
    :raises ConfigError: servers could not be seen at all
    """
    # The first process is always there, and never ours - but in a container.
    first = f'{proc}/1'
    if not os.path.isdir(first):
        raise ConfigError(
            f'[exporter] proc_path = {proc!r}: {first} does not exist. '
            'Correct the path; or, if /proc is mounted with hidepid=2, run '
            "steal-exporter as a user in the group of that mount's gid=, and "
            'outside of a process namespace.'
        )
    _read(f'{first}/cmdline')
    _read(f'{first}/task/1/stat')
    fields = _read(f'{first}/task/1/schedstat').split()
    if len(fields) != 3 or fields[2] == b'0':
        raise ConfigError(
            f'{first}/task/1/schedstat says {b" ".join(fields).decode()!r}: '
            'this kernel does not measure how long threads wait. '
            'steal-exporter needs a kernel with CONFIG_SCHED_INFO '
            '(CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT).'
        )
    return [
        f'Exporter cannot read {path}, so metrics of {what} are missing. '
        f'{cure} to have them.'
        for path, what, cure in (
            (f'{proc}/pressure/cpu', 'CPU pressure', 'Boot with psi=1'),
            (cgroups, 'quotas', 'Correct [exporter] cgroup_path'),
        )
        if not os.access(path, os.R_OK)
    ]


def online_cores(proc: str) -> frozenset[int]:
    """Return the numbers of the cores that are online.

    :param proc: /proc; /proc/stat has a line for each, and is the host's
        even where the exporter runs in a container
    :raises ConfigError: it cannot be read, or names none
    """
    numbers = re.findall(rb'(?m)^cpu(\d+) ', _read(f'{proc}/stat'))
    if not numbers:
        raise ConfigError(
            f'[exporter] proc_path = {proc!r}: {proc}/stat names no core. '
            "Give the directory in which the host's /proc is mounted."
        )
    return frozenset(map(int, numbers))


def count_cores(text: str, online: frozenset[int]) -> int:
    """Return how many cores a list names; all that are online if empty.

    :param text: as Nova's cpu_shared_set: ``2-31,^16``
    :raises ConfigError: it is no such list, is an empty one, names a core
        twice, or names one that this host does not have
    """
    if not text.strip():
        return len(online)

    def wrong(what: str) -> ConfigError:
        return ConfigError(
            f'[exporter] cores = {text!r}: {what}. Name cores that guests may '
            f'use, once each, like 2-31 or 0-7,^4, or leave it empty for all. '
            f'Cores online on this host: {_told(online)}.'
        )

    chosen: set[int] = set()
    excluded: set[int] = set()
    for part in (part.strip() for part in text.split(',')):
        found = _RANGE.fullmatch(part.removeprefix('^'))
        named = found and {
            *range(int(found[1]), int(found[2] or found[1]) + 1)
        }
        if not named:
            raise wrong(f'{part!r} is neither a core nor a range of cores')
        if part.startswith('^'):
            excluded |= named
        elif twice := chosen & named:
            raise wrong(f'cores named twice: {_told(twice)}')
        else:
            chosen |= named
    chosen -= excluded
    if not chosen:
        raise wrong('the list leaves no core')
    if absent := chosen - online:
        raise wrong(
            'cores that this host does not have, or that are offline: '
            f'{_told(absent)}'
        )
    return len(chosen)


def _told(cores: set[int] | frozenset[int]) -> str:
    """Write a set as ranges: ``0-3,8``."""
    # In a run, a core and its place in the order differ by the same number.
    runs = itertools.groupby(
        enumerate(sorted(cores)), lambda placed: placed[1] - placed[0]
    )
    parts = [[core for _, core in run] for _, run in runs]
    return ','.join(
        f'{run[0]}-{run[-1]}' if len(run) > 1 else str(run[0]) for run in parts
    )


def _read(path: str) -> bytes:
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be read: {error.strerror}. '
            'Every process must be readable to this user: mount /proc '
            'without hidepid, or run steal-exporter in the group of its '
            'gid=; schedstat needs a kernel with CONFIG_SCHED_INFO.'
        ) from error
