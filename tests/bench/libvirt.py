"""What steal-exporter costs, beside polling libvirt for the same servers.

    python tests/bench/run.py libvirt

Real servers under a libvirtd of their own, first idle, then all busy. One
sample of the exporter, a poll of libvirt's vCPU statistics and a poll of all
its statistics (what exporters of libvirt ask for) follow one another. It
needs root, and libvirt and QEMU from Debian: ``make packages`` names what is
missing. While the servers are busy, so is the machine.
"""

import dataclasses
import json
import os
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence

from tests.integration import daemons, hypervisors
from tests.integration.hypervisors import Domain, Hypervisor

#: Servers; each second one has two vCPUs.
SIZES = (10, 20, 40)
#: Looks of each kind: as many as the time allows, and no median of fewer.
ROUNDS, ENOUGH = 15, 5
#: Where servers would migrate to; none does.
ADDRESS = '10.77.0.1'
ROOT = pathlib.Path(__file__).parents[2]
LOADS = {'idle': hypervisors.bursts(0, 1000), 'busy': hypervisors.ALWAYS}
WHO = ('client', 'libvirtd', 'qemu')


@dataclasses.dataclass(frozen=True)
class Server(Domain):
    """A domain with any number of vCPUs, on any core.

    Its guest uses the first vCPU only; the others are there.
    """

    vcpus: int = 1

    def xml(self, core: int) -> str:
        pinned = f"<vcpu cpuset='{core}'>1</vcpu>"
        text = super().xml(core)
        assert pinned in text
        return text.replace(pinned, f'<vcpu>{self.vcpus}</vcpu>')


def main() -> int:
    try:
        if os.geteuid() != 0:
            raise daemons.DaemonError('it needs root')
        bench()
    except daemons.DaemonError as error:
        print(f'libvirt: {error}', file=sys.stderr)
        return 1
    return 0


def bench() -> None:
    with tempfile.TemporaryDirectory(prefix='steal-bench-') as name:
        directory = pathlib.Path(name)
        program = hypervisors.build(directory)
        trouble = hypervisors.kvm_trouble()
        kvm = not trouble
        print(
            f'Servers on {"KVM" if kvm else "TCG"}, {os.cpu_count()} cores. '
            f'Medians of {ENOUGH} to {ROUNDS} looks: CPU in all, of the one '
            'who asks, of libvirtd, of the threads of QEMU that answer it.'
        )
        if trouble:
            print(trouble.partition('\n')[0])
        print(
            f'{"cores used":>10} {"servers":>7} {"vCPUs":>5} {"":10} '
            f'{"CPU":>9} {"asks":>8} {"libvirtd":>8} {"QEMU":>8} {"time":>9} '
            f'{"CPU of a vCPU":>14} {"times ours":>10}'
        )
        for load in LOADS:
            # A host of its own: the servers of the one before are gone.
            with Hypervisor('bench', 0, ADDRESS, directory / load) as host:
                host.machine.weigh(100)
                servers: list[Server] = []
                for size in SIZES:
                    for index in range(len(servers), size):
                        server = Server(
                            name=f'server{index}',
                            kernel=program,
                            console=directory / f'{load}{index}.console',
                            load=LOADS[load],
                            kvm=kvm,
                            vcpus=1 + index % 2,
                        )
                        host.boot(server)
                        daemons.until('it runs', server.reports, within=60)
                        # So that the next one boots as fast as this one.
                        host.virsh('suspend', server.name)
                        servers.append(server)
                    show(servers, *measure(host, servers))


def measure(
    host: Hypervisor, servers: Sequence[Server]
) -> tuple[float, dict[str, dict[str, float]]]:
    """Return what one look costs.

    First the cores that the servers used, then medians of seconds, by what
    was asked and by who spent them.
    """
    host.virsh('; '.join(f'resume {server.name}' for server in servers))
    text = host.machine.run(
        *('env', f'PYTHONPATH={ROOT}', sys.executable, '-P', '-m'),
        *('tests.bench.polls', str(ROUNDS), str(len(servers))),
        str(sum(server.vcpus for server in servers)),
        within=600,
    )
    host.virsh('; '.join(f'suspend {server.name}' for server in servers))
    told = json.loads(text)
    found = {}
    for name, spent in told['looks'].items():
        if len(spent) < ENOUGH:
            raise daemons.DaemonError(
                f'only {len(spent)} polls of {name} within the time'
            )
        for one in spent:
            one['cpu'] = sum(one[who] for who in WHO)
        found[name] = {
            key: statistics.median(one[key] for one in spent)
            for key in (*WHO, 'cpu', 'wall')
        }
    # Ours asks nobody: what libvirtd did meanwhile it did for itself.
    found['exporter']['cpu'] = found['exporter']['client']
    return told['cores'], found


def show(
    servers: Sequence[Server],
    cores: float,
    found: Mapping[str, Mapping[str, float]],
) -> None:
    vcpus = sum(server.vcpus for server in servers)
    ours = found['exporter']['cpu']
    for name, cost in found.items():
        print(
            f'{cores:>10.2f} {len(servers):>7} {vcpus:>5} {name:10} '
            f'{cost["cpu"] * 1e3:>6.2f} ms '
            + ' '.join(f'{cost[who] * 1e3:>5.2f} ms' for who in WHO)
            + f' {cost["wall"] * 1e3:>6.1f} ms '
            f'{cost["cpu"] * 1e6 / vcpus:>11.1f} us '
            f'{cost["cpu"] / ours:>10.1f}',
            flush=True,
        )


if __name__ == '__main__':
    sys.exit(main())
