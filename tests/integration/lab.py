"""Two hypervisors with a network between them, and who watches them.

Real QEMU guests, two real libvirts, live migration from one to the other, our
exporter on each and a Prometheus that scrapes both every second. All of it is
on this machine, and two of its cores are enough.
"""

import contextlib
import itertools
import os
import pathlib
from typing import Any, Self

from tests.integration import daemons, guest, namespaces
from tests.integration.domains import Domain
from tests.integration.hypervisors import Hypervisor
from tests.integration.prometheus import Prometheus

#: In a network of their own, where nobody else is.
_ADDRESSES = ('10.77.0.1', '10.77.0.2')
#: Seconds. Alone a guest needs two; it shares a core with others.
_BOOT = 90.0


class Lab:
    """host-a and host-b, with one core each."""

    def __init__(self, directory: pathlib.Path, kvm: bool = False) -> None:
        """Describe it; start nothing.

        :param kvm: whether guests run on KVM; else QEMU emulates them
        :raises DaemonError: a program is missing, or a second core
        """
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            raise daemons.DaemonError('Two hypervisors need two cores.')
        self._directory = directory
        self._kvm = kvm
        self.a, self.b = (
            Hypervisor(name, core, address, directory)
            for name, core, address in zip(
                ('host-a', 'host-b'), cores[:2], _ADDRESSES, strict=True
            )
        )
        self.hosts = (self.a, self.b)
        self.prometheus = Prometheus(directory)
        for host in self.hosts:
            self.prometheus.scrape(host.port, instance=host.name)
        #: Where each server is.
        self.where: dict[Domain, Hypervisor] = {}
        self._numbers = itertools.count(1)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._kernel = guest.build(self._directory)
        with contextlib.ExitStack() as stack:
            for host in self.hosts:
                stack.enter_context(host)
            namespaces.connect(self.a.machine, self.b.machine, _ADDRESSES)
            stack.enter_context(self.prometheus)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        found = [log for host in self.hosts for log in host.logs]
        return [*found, self.prometheus.daemon.log]

    def boot(self, host: Hypervisor, **options: Any) -> Domain:
        """Start a server on a host; its guest is at work on return.

        :param options: load and quota of a Domain
        """
        name = f'instance-{next(self._numbers):08x}'
        domain = Domain(
            name,
            self._kernel,
            self._directory / f'{name}.console',
            kvm=self._kvm,
            **options,
        )
        host.boot(domain)
        self.where[domain] = host
        daemons.until(f'{name} has booted', domain.reports, _BOOT)
        return domain

    def migrate(self, domain: Domain, target: Hypervisor) -> None:
        """Move a server while it runs."""
        self.where[domain].migrate(domain, target)
        self.where[domain] = target
