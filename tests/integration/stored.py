"""A Prometheus that has scraped for a while when the test begins.

What was scraped minutes apart is written into its store, by promtool.
"""

import dataclasses
import pathlib
import subprocess
import time
from collections.abc import Iterable, Iterator

from tests.integration import daemons

#: Seconds that are in the store.
LENGTH = 900


@dataclasses.dataclass(frozen=True)
class Series:
    """One that grows evenly, or stays as it is."""

    metric: str
    labels: dict[str, str]
    #: For each second, of a counter.
    rate: float = 0.0
    #: What it was at the beginning.
    begin: float = 1000.0
    #: What every second sample is too low by.
    falls: float = 0.0
    #: Seconds between two samples.
    interval: int = 60

    def lines(self, now: float) -> Iterator[str]:
        labels = ','.join(f'{k}="{v}"' for k, v in self.labels.items())
        # Not all are scraped in the same second.
        phase = hash((self.metric, labels)) % self.interval / 2
        for n, age in enumerate(range(LENGTH, 0, -self.interval)):
            value = self.begin + self.rate * (LENGTH - age)
            value -= self.falls * (n % 2)
            at = now - age + phase
            if at < now:
                yield f'{self.metric}{{{labels}}} {value} {at:.3f}'


def store(directory: pathlib.Path, series: Iterable[Series]) -> None:
    """Write them where ``daemons.Prometheus`` of this directory looks."""
    now = time.time()
    by_metric: dict[str, list[Series]] = {}
    for one in series:
        by_metric.setdefault(one.metric, []).append(one)
    lines = []
    for metric, those in by_metric.items():
        name = metric.removesuffix('_total')
        kind = 'gauge' if name == metric else 'counter'
        lines.append(f'# TYPE {name} {kind}')
        lines += [line for one in those for line in one.lines(now)]
    text = directory / 'samples.om'
    text.write_text('\n'.join([*lines, '# EOF\n']))
    ran = subprocess.run(
        [
            *(daemons.program('promtool'), 'tsdb', 'create-blocks-from'),
            *('openmetrics', str(text), str(directory / 'data')),
        ],
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise daemons.DaemonError(f'promtool: {ran.stdout}{ran.stderr}')


def libvirt(
    instance: str, servers: dict[str, tuple[int, float, float]], **labels: str
) -> Iterator[Series]:
    """What inovex' exporter tells.

    :param servers: vCPUs, cores used and waited, by the id of each
    """
    for n, (server_id, (vcpus, used, waited)) in enumerate(servers.items()):
        here = {'domain': f'instance-{n}', 'instance': instance, **labels}
        yield Series(
            'libvirt_domain_openstack_info',
            here | {'instance_id': server_id, 'instance_name': 'any'},
            begin=1.0,
        )
        for vcpu in range(vcpus):
            for what, rate in (('time', used), ('delay', waited)):
                yield Series(
                    f'libvirt_domain_vcpu_{what}_seconds_total',
                    here | {'vcpu': str(vcpu)},
                    rate / vcpus,
                )


def node(
    instance: str, cores: int, nodename: str = '', **labels: str
) -> Iterator[Series]:
    """What node_exporter tells of a host; its clock is right."""
    here = {'instance': instance, **labels}
    for cpu in range(cores):
        yield Series(
            'node_cpu_seconds_total',
            here | {'cpu': str(cpu), 'mode': 'idle'},
            0.5,
        )
    if nodename:
        yield Series('node_uname_info', here | {'nodename': nodename})


def guest(
    server_id: str,
    told: tuple[int, float, float],
    falls: float = 0.0,
    interval: int = 60,
) -> Iterator[Series]:
    """What node_exporter tells inside a server.

    :param told: vCPUs, cores used and waited
    :param falls: of its counters of steal, which are young
    :param interval: seconds between two scrapes that do not fail
    """
    vcpus, used, waited = told
    here = {'instance': 'guest', 'instance_id': server_id}
    for cpu in range(vcpus):
        at = here | {'cpu': str(cpu)}
        for mode, rate in (('user', used), ('idle', vcpus - used - waited)):
            yield Series(
                'node_cpu_seconds_total',
                at | {'mode': mode},
                rate / vcpus,
                interval=interval,
            )
        yield Series(
            'node_cpu_seconds_total',
            at | {'mode': 'steal'},
            waited / vcpus,
            begin=20.0,
            falls=falls,
            interval=interval,
        )
