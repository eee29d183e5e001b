"""A /proc and a /sys/fs/cgroup in a directory."""

import shutil
import tempfile
from pathlib import Path

import fixtures

UUID = 'c7b0f1de-4a52-4c0b-9c39-5d2f0c6a0e11'
OTHER = '0d9e8c1a-7c53-4a0e-8f64-2f9a3c1b7d22'


class Tree(fixtures.Fixture):
    def _setUp(self) -> None:
        root = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, root)
        self.proc = root / 'proc'
        self.cgroups = root / 'cgroup'
        (self.proc / 'self').mkdir(parents=True)
        self.cgroups.mkdir()

    def write(self, path: Path, text: str) -> None:
        """In place, as the kernel does: who has it open reads it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def process(self, pid: int, *args: str) -> None:
        self.write(
            self.proc / str(pid) / 'cmdline', ''.join(f'{a}\0' for a in args)
        )
        self.thread(pid, pid, comm='qemu-system-x86')

    def qemu(self, pid: int, uuid: str = UUID, vcpus: int = 0) -> None:
        """Make one; its vCPU threads are pid + 1 and so on."""
        self.process(
            pid,
            '/usr/bin/qemu-system-x86_64',
            *('-name', f'guest=instance-{pid},debug-threads=on'),
            *('-uuid', uuid),
        )
        for index in range(vcpus):
            self.thread(pid, pid + 1 + index, comm=f'CPU {index}/KVM')

    def thread(
        self,
        pid: int,
        tid: int,
        run: int = 0,
        wait: int = 0,
        state: str = 'S',
        comm: str = 'CPU 0/KVM',
        start: int = 1000,
        cgroup: str = '0::/\n',
        flags: int = 0x400040,
    ) -> None:
        task = self.proc / str(pid) / 'task' / str(tid)
        self.write(task / 'comm', f'{comm}\n')
        self.write(task / 'cgroup', cgroup)
        self.write(task / 'schedstat', f'{run} {wait} 7\n')
        fields = ' '.join(['0'] * 5 + [str(flags)] + ['0'] * 12)
        self.write(
            task / 'stat', f'{tid} ({comm}) {state} {fields} {start} 0 0\n'
        )

    def kernel(
        self, pid: int, comm: str, run: int = 0, flags: int = 0x208040
    ) -> None:
        """Make a thread of the kernel: a process without a command line."""
        self.thread(pid, pid, run, comm=comm, flags=flags)
        task = self.proc / str(pid) / 'task' / str(pid)
        self.write(self.proc / str(pid) / 'cmdline', '')
        for name in ('comm', 'stat', 'schedstat'):
            text = (task / name).read_text()
            self.write(self.proc / str(pid) / name, text)

    def gone(self, pid: int, tid: int | None = None) -> None:
        path = self.proc / str(pid)
        shutil.rmtree(path if tid is None else path / 'task' / str(tid))

    def quota(self, path: str, text: str) -> Path:
        file = self.cgroups / path.strip('/') / 'cpu.stat'
        self.write(file, text)
        return file
