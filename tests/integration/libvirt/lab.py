"""The control plane, three hypervisors, and servers whose guests are ours.

Nova boots them through libvirt, and a migrator moves those that are contended
by what a file tells. What the control plane is made of, and what is asked of
it, is in ``tests/integration/cloud``.
"""

import contextlib
import itertools
import pathlib
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import steal_scheduler.demo  # noqa: F401 (before Nova's own)
from steal_scheduler.demo.servers import NewServer
from tests.integration import daemons, hypervisors
from tests.integration.cloud import lab
from tests.integration.cloud.plane import ControlPlane, compute
from tests.integration.hypervisors import Hosts, Hypervisor
from tests.integration.libvirt.images import Images
from tests.shared import PATIENCE, Shared

MIGRATOR = 'migrator'
#: It hardly runs.
CALM = hypervisors.bursts(on=20, every=400)
#: And writes to half of its memory all the same, again and again: at
#: `_BANDWIDTH` that takes half a minute to copy, and Nova lets it stand still
#: for half a second.
RESTLESS = f'{CALM} dirty=32'
#: MiB: of a server, and in a second of its migration.
_RAM, _BANDWIDTH = 64, 1
#: Where nova-compute keeps what it has, on each host: libvirtd's own place.
_STATE = '/var/lib/libvirt/nova'

# NOTE: in KVM without the processor's help its own CPU is not compatible with
# itself, so nobody compares; and a kernel of ours has no use for a model.
_CONF = """
[DEFAULT]
host = {host}
compute_driver = libvirt.LibvirtDriver
state_path = {state}
[oslo_concurrency]
lock_path = {state}/locks
[compute]
cpu_shared_set = {core}
[libvirt]
virt_type = {virt_type}
cpu_mode = none
live_migration_scheme = tcp
live_migration_inbound_addr = {address}
live_migration_bandwidth = {bandwidth}
[nova_sys_admin]
helper_command = {helper} {files}
[workarounds]
skip_cpu_compare_on_dest = True
"""

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'stages': {'migration_timeout': 10},
}


class Plane(ControlPlane):
    """Its nova-compute run on hypervisors."""

    def __init__(
        self, workdir: pathlib.Path, hosts: Hosts, images: Images, kvm: bool
    ) -> None:
        """Describe it; start nothing.

        :param hosts: they run
        """
        self._hypervisors = {host.name: host for host in hosts.hosts}
        self._kvm = kvm
        super().__init__(workdir, lab.ZONE, tuple(self._hypervisors))
        self._stubs.apps['image'] = images.app

    def _compute(self, host: str) -> daemons.Daemon:
        hypervisor = self._hypervisors[host]
        path = self.workdir / f'{host}-libvirt.conf'
        files = [
            f'--config-file={each}'
            for each in (self.workdir / 'nova.conf', path)
        ]
        programs = pathlib.Path(sys.executable).parent
        path.write_text(
            _CONF.format(
                host=host,
                state=_STATE,
                core=hypervisor.core,
                virt_type='kvm' if self._kvm else 'qemu',
                address=hypervisor.address,
                bandwidth=_BANDWIDTH,
                helper=programs / 'privsep-helper',
                files=' '.join(files),
            )
        )
        return daemons.Daemon(
            compute(host),
            [
                # The broker is out here.
                *hypervisor.machine.entering(network=False),
                *(str(programs / 'nova-compute'), *files),
            ],
            self.workdir,
            self._listens(f'compute.{host}'),
            {
                'PATH': f'{programs}:/usr/sbin:/usr/bin:/sbin:/bin',
                'OS_NOVA_DISABLE_EVENTLET_PATCHING': '1',
            },
        )


class Lab(lab.Lab):
    """All of it."""

    program = 'steal_scheduler.cmd.migrator'

    def __init__(
        self, workdir: pathlib.Path, hosts: Hosts, kernel: pathlib.Path
    ) -> None:
        """Describe it; start nothing.

        :param hosts: they run
        """
        self.hosts = hosts
        self.a, self.b, self.c = hosts.hosts
        self._images = Images(kernel)
        self._numbers = itertools.count(1)
        kvm = not hypervisors.kvm_trouble()
        plane = Plane(workdir, hosts, self._images, kvm)
        super().__init__(plane, [MIGRATOR], _OPTIONS)

    def begin(self, stack: contextlib.ExitStack) -> None:
        for host in self.hosts.hosts:
            host.machine.run('mkdir', '-p', f'{_STATE}/instances')
        super().begin(stack)
        self._guest = self.servers.flavor('guest', 1, _RAM, 0)

    def boot_guests(self, host: Hypervisor, *loads: str) -> list[str]:
        """Boot a server with each load; their guests are at work on return."""
        ids = self.servers.boot_many(
            (
                NewServer(
                    f'guest-{next(self._numbers)}',
                    self._guest,
                    host=host.name,
                    metadata={'role': lab.ROLE},
                    image=self._images.booting(load),
                )
                for load in loads
            ),
            PATIENCE,
        )
        for id_ in ids:
            console = host.directory / f'lib/nova/instances/{id_}/console.log'
            daemons.until(
                f'the guest of {id_} has booted',
                lambda console=console: hypervisors.reports(console),
                PATIENCE,
            )
        return ids

    def runs_on(self, id_: str) -> list[str]:
        """The hosts whose libvirt has its guest, and runs it."""
        return [
            host.name
            for host in self.hosts.hosts
            if id_ in host.virsh('list', '--uuid', '--state-running').split()
        ]

    def clear(self) -> None:
        super().clear()
        # What was deleted on its way may have been left behind.
        for host in self.hosts.hosts:
            for id_ in host.virsh('list', '--uuid').split():
                with contextlib.suppress(daemons.DaemonError):
                    host.virsh('destroy', id_)


@contextlib.contextmanager
def _running() -> Iterator[None]:
    tmpfs = pathlib.Path('/dev/shm')
    with (
        tempfile.TemporaryDirectory(
            prefix='steal-libvirt-',
            dir=tmpfs if tmpfs.is_dir() else None,
            ignore_cleanup_errors=True,
        ) as name,
        contextlib.ExitStack() as stack,
    ):
        workdir = pathlib.Path(name)
        hosts = stack.enter_context(Hosts(workdir, 3))
        global the
        the = Lab(workdir, hosts, hypervisors.build(workdir))
        stack.enter_context(the)
        yield


#: One for all modules of the process.
the: Lab
_shared = Shared(_running)
set_up = _shared.set_up
