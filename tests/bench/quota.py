"""A cgroup that holds a process back, where cgroups can be made."""

import contextlib
import os
from pathlib import Path

#: Microseconds of a core in each period of the kernel's own length, 100 ms.
MICROSECONDS = 10_000
#: Of version 2, and of version 1 mounted by controller.
ROOTS = ('/sys/fs/cgroup', '/sys/fs/cgroup/cpu')


class Quota:
    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, name: str) -> 'Quota | None':
        """Make one; None: this host or this user cannot."""
        for root in ROOTS:
            if not os.path.exists(f'{root}/cgroup.procs'):
                continue
            quota = cls(Path(root, f'steal-bench-{name}'))
            try:
                quota.path.mkdir()
                quota._limit()
            except OSError:
                quota.remove()
                continue
            return quota
        return None

    def _limit(self) -> None:
        v2 = self.path / 'cpu.max'
        if v2.exists():
            v2.write_text(f'{MICROSECONDS} 100000')
        else:
            (self.path / 'cpu.cfs_quota_us').write_text(str(MICROSECONDS))

    def bind(self, pid: int) -> None:
        """Put a process there, with all its threads."""
        (self.path / 'cgroup.procs').write_text(str(pid))

    def remove(self) -> None:
        """Take it away; nothing may be in it any more."""
        with contextlib.suppress(FileNotFoundError):
            self.path.rmdir()
