"""Who tells how long a server waited: the kernel, libvirt, exporter, guest."""

import dataclasses
import time
from collections.abc import Callable

from tests.integration import daemons
from tests.integration.domains import Domain
from tests.integration.hypervisors import Hypervisor


@dataclasses.dataclass(frozen=True)
class Testimony:
    """By his own clock, and since he knows the server; both in seconds."""

    at: float
    waited: float

    def share(self, later: 'Testimony') -> float:
        """Return the share of the time since then that it waited."""
        return (later.waited - self.waited) / (later.at - self.at)


Witness = Callable[[Hypervisor, Domain], Testimony]


def kernel(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell the run_delay of its vCPU thread."""
    at = time.monotonic()
    return Testimony(at, host.schedstat(domain)[1])


def libvirt(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell what virsh domstats says."""
    said = host.virsh('domstats', '--vcpu', domain.name)
    at = time.monotonic()
    words = dict(
        line.strip().split('=') for line in said.splitlines() if '=' in line
    )
    return Testimony(at, int(words['vcpu.0.delay']) / 1e9)


def exporter(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell the counters of steal-exporter; they are of its last sample."""
    page = host.scrape()
    return Testimony(
        page['steal_exporter_server_seconds_total', domain.uuid],
        page['steal_exporter_server_wait_seconds_total', domain.uuid],
    )


def guest(host: Hypervisor, domain: Domain) -> Testimony:
    """Tell what the guest read on its steal clock; KVM only."""
    report = domain.reports()[-1]
    return Testimony(report.at, report.steal)


def confront(
    witness: Witness, host: Hypervisor, domain: Domain
) -> tuple[Testimony, Testimony]:
    """Wait until a witness has news; return them, and the kernel's word.

    The kernel is asked right after, so that both tell of the same time.
    """
    before = witness(host, domain)

    def news() -> tuple[Testimony, Testimony] | None:
        now = witness(host, domain)
        return (now, kernel(host, domain)) if now.at > before.at else None

    return daemons.until(f'{witness.__name__} has news', news)
