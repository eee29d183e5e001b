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
#: And writes to half of its memory all the same, again and again: at 1 MiB per
#: second that takes half a minute to copy, and Nova lets it stand still for
#: half a second.
RESTLESS = f'{CALM} dirty=32'
#: The same at 16 MiB per second, however much QEMU slows it down at first.
WILD = f'{hypervisors.bursts(on=200, every=400)} dirty=32'
#: Has written to it once: half a minute to copy, and no more.
FULL = f'{hypervisors.bursts(on=200, every=10**8)} dirty=32'
#: The same, and some seconds: less than ``TIMEOUT``.
FILLED = f'{hypervisors.bursts(on=200, every=10**8)} dirty=5'
#: MiB of a server.
_RAM = 64
#: Where nova-compute keeps what it has, on each host: libvirtd's own place.
_STATE = '/var/lib/libvirt/nova'

# NOTE: in KVM without the processor's help its own CPU is not compatible with
# itself, so nobody compares; and a kernel of ours has no use for a model.
_CONF = """
[DEFAULT]
host = {host}
compute_driver = libvirt.LibvirtDriver
# Room for what accidents leave in Placement, too.
initial_cpu_allocation_ratio = 1000
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
{libvirt}
[nova_sys_admin]
helper_command = {helper} {files}
[workarounds]
skip_cpu_compare_on_dest = True
"""
#: Of what leaves a host, beside that. MiB per second; Nova's own time-out is
#: this, times two for a server that has less than 2 GiB.
_LIBVIRT = {
    'host-a': 'live_migration_bandwidth = 1',
    'host-b': """
live_migration_bandwidth = 1
live_migration_permit_post_copy = True
live_migration_timeout_action = force_complete
live_migration_completion_timeout = 2
""",
    'host-c': """
live_migration_bandwidth = 16
live_migration_permit_auto_converge = True
live_migration_with_native_tls = True
""",
}
#: Seconds after which a migration of ours is aborted.
TIMEOUT = 10

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'stages': {'migration_timeout': TIMEOUT},
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
        super().__init__(workdir, {'az1': tuple(self._hypervisors)})
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
                libvirt=_LIBVIRT[host],
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

    program = 'tests.integration.libvirt.haste'
    #: Guests have one vCPU, and no more than that can be measured of them;
    #: and a host has one core for them. One fits there, and two do not.
    cores = 1.0
    busy = 0.85

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
        # After an accident it takes a moment.
        daemons.until('every host to be fit', self._all_fit, PATIENCE)
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
            console = self._console(host, id_)
            daemons.until(
                f'the guest of {id_} has booted',
                lambda console=console: hypervisors.reports(console),
                PATIENCE,
            )
        return ids

    @contextlib.contextmanager
    def measuring(
        self, window: int, **options: Mapping[str, Any]
    ) -> Iterator[None]:
        """Meanwhile the migrator reads what the exporters measure.

        :param window: seconds over which
        :param options: more, by section
        """
        usual = self.services[MIGRATOR]
        usual.stop()
        measures = self._migrator(
            MIGRATOR,
            signals={'source': 'prometheus'},
            prometheus={'url': self.hosts.prometheus.url, 'window': window},
            **options,
        )
        try:
            measures.start()
            yield
        finally:
            measures.stop()
            # Its file says what the usual one is told, again.
            self._migrator(MIGRATOR)
            usual.start()

    def enable(self, host: Hypervisor, how: bool) -> None:
        """Whether Nova may place servers there."""
        (found,) = self.plane.call(
            'GET', f'/os-services?binary=nova-compute&host={host.name}'
        )['services']
        body = {'status': 'enabled' if how else 'disabled'}
        self.plane.call('PUT', f'/os-services/{found["id"]}', body)

    def runs_on(self, id_: str) -> list[str]:
        """The hosts whose libvirt has its guest, and runs it."""
        return [
            host.name
            for host in self.hosts.hosts
            if id_ in host.virsh('list', '--uuid', '--state-running').split()
        ]

    def target(self, id_: str) -> Hypervisor:
        """Where its newest migration goes."""
        ((name,), *_) = self.plane.query(
            'nova_cell1',
            'SELECT dest_compute FROM migrations WHERE instance_uuid = %s '
            'ORDER BY id DESC',
            id_,
        )
        return self._named(name)

    def actions(self, id_: str) -> list[str]:
        """What Nova was asked to do with it."""
        found = self.plane.query(
            'nova_cell1',
            'SELECT action FROM instance_actions WHERE instance_uuid = %s',
            id_,
        )
        return [action for (action,) in found]

    def help(self, id_: str) -> bool:
        """Do what the documentation tells a person; whether it needed one.

        What Nova says of its host is set right, where its guest is known to
        run elsewhere, and its state.
        """
        where = self.runs_on(id_)
        if len(where) != 1:
            return False
        if wrong := where != [self.host(id_)]:
            self.plane.query(
                'nova_cell1',
                'UPDATE instances SET host = %s, node = %s WHERE uuid = %s',
                *(where[0], where[0], id_),
            )
        stuck = self.in_state([id_], 'error', None) or self.in_state(
            [id_], 'active', 'migrating'
        )
        if stuck:
            self.reset_state(id_)
        return wrong or bool(stuck)

    def _all_fit(self) -> bool:
        """Whether each nova-compute reports, and has found its libvirtd."""
        path = '/os-services?binary=nova-compute'
        return all(
            each['state'] == 'up'
            # So Nova says that it has closed a host by itself.
            and not (each['disabled_reason'] or '').startswith('AUTO')
            for each in self.plane.call('GET', path)['services']
        )

    def _named(self, name: str) -> Hypervisor:
        (host,) = (h for h in self.hosts.hosts if h.name == name)
        return host

    def clock(self, id_: str) -> float:
        """What its guest last said on the host that Nova says it is on.

        Seconds since it has booted, wherever that was; 0 if it said nothing.
        """
        host = self._named(self.host(id_))
        said = hypervisors.reports(self._console(host, id_))
        return said[-1].at if said else 0.0

    def _console(self, host: Hypervisor, id_: str) -> pathlib.Path:
        return host.directory / f'lib/nova/instances/{id_}/console.log'

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
