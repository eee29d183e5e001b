"""Before the start: what this host has, and what it shows to this user."""

import os

from steal_scheduler.exception import ConfigError

#: More than Linux can have. A range is not spelt out before it is bounded.
_MOST_CORES = 65536


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
        f'{cure}'
        for path, what, cure in (
            (
                f'{proc}/pressure/cpu',
                "the host's CPU pressure",
                'Boot the host with psi=1 to have them.',
            ),
            (
                cgroups,
                'throttling by quotas',
                'Correct [exporter] cgroup_path to have them.',
            ),
        )
        if not os.access(path, os.R_OK)
    ]


def online_cores(proc: str) -> frozenset[int]:
    """Return the numbers of the cores that are online.

    :param proc: /proc; /proc/stat has a line for each, and is the host's
        even where the exporter runs in a container
    :raises ConfigError: it cannot be read, or names none
    """
    names = (line.split()[0] for line in _read(f'{proc}/stat').splitlines())
    found = frozenset(
        int(name[3:])
        for name in names
        if name.startswith(b'cpu') and name[3:].isdigit()
    )
    if not found:
        raise ConfigError(
            f'[exporter] proc_path = {proc!r}: {proc}/stat names no core. '
            "Give the directory in which the host's /proc is mounted."
        )
    return found


def count_cores(text: str, online: frozenset[int]) -> int:
    """Return how many cores a list names; all that are online if empty.

    :param text: as Nova's cpu_shared_set: ``2-31,^16``
    :raises ConfigError: it is no such list, is an empty one, names a core
        twice, or names one that this host does not have
    """
    if not text.strip():
        return len(online)
    chosen: set[int] = set()
    excluded: set[int] = set()
    for part in (part.strip() for part in text.split(',')):
        named = _range(part.removeprefix('^'))
        if named is None:
            raise _wrong(
                text,
                f'{part!r} is neither a core nor a range of cores',
                online,
            )
        if part.startswith('^'):
            excluded |= named
            continue
        if twice := chosen & named:
            raise _wrong(text, f'cores named twice: {_told(twice)}', online)
        chosen |= named
    chosen -= excluded
    if not chosen:
        raise _wrong(text, 'the list leaves no core', online)
    if absent := chosen - online:
        raise _wrong(
            text,
            'cores that this host does not have, or that are offline: '
            f'{_told(absent)}',
            online,
        )
    return len(chosen)


def _range(text: str) -> set[int] | None:
    """The cores of ``4`` or ``2-31``; None: it is neither."""
    first, dash, last = text.partition('-')
    last = last if dash else first
    # NOTE: int() alone would take 1_0, +1 and digits of other scripts.
    if not all(n.isascii() and n.isdigit() for n in (first, last)):
        return None
    if len(last) > 5 or not int(first) <= int(last) < _MOST_CORES:
        return None
    return set(range(int(first), int(last) + 1))


def _wrong(text: str, what: str, online: frozenset[int]) -> ConfigError:
    return ConfigError(
        f'[exporter] cores = {text!r}: {what}. Name cores that guests may '
        f'use, once each, like 2-31 or 0-7,^4, or leave it empty for all. '
        f'Cores online on this host: {_told(online)}.'
    )


def _told(cores: set[int] | frozenset[int]) -> str:
    """Write a set as ranges: ``0-3,8``."""
    parts: list[list[int]] = []
    for core in sorted(cores):
        if parts and parts[-1][1] == core - 1:
            parts[-1][1] = core
        else:
            parts.append([core, core])
    return ','.join(
        str(low) if low == high else f'{low}-{high}' for low, high in parts
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
