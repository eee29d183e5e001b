"""How often a tick asks Nova and Prometheus, in clouds of any size."""

import collections
import dataclasses
import time

from oslo_config import cfg

from steal_scheduler.conf import signals
from steal_scheduler.model.aggregate import Aggregate
from steal_scheduler.model.cloud import Fleet, Host, Migration, Server
from steal_scheduler.model.hypervisor import Hypervisor
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.signals.prometheus import preset_file
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.bench import clouds
from tests.standins.prometheus import Prometheus, vector
from tests.standins.transport import mounted

SIZES = ((80, 1_000), (500, 6_000), (8_000, 100_000))
IN_FLIGHT = 4
#: Nova's own default of ``[api] max_limit``.
PAGE = 1000


class CountedNova:
    """A stand-in for ``Compute``: pages of a cloud, and what was asked."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._ids = list(fleet.servers)
        self._index = {id_: n for n, id_ in enumerate(self._ids)}
        self.calls: collections.Counter[str] = collections.Counter()

    def page(self, marker: str | None) -> list[Server]:
        self.calls['page'] += 1
        first = 0 if marker is None else self._index[marker] + 1
        return [
            self._fleet.servers[id_] for id_ in self._ids[first : first + PAGE]
        ]

    def changed(self, since: float) -> list[Server]:
        self.calls['changed'] += 1
        return []

    def server(self, server_id: str) -> Server:
        self.calls['server'] += 1
        return self._fleet.servers[server_id]

    def hosts(self) -> list[Host]:
        self.calls['hosts'] += 1
        return list(self._fleet.hosts.values())

    def hypervisors(self) -> list[Hypervisor]:
        self.calls['hypervisors'] += 1
        return []

    def aggregates(self) -> list[Aggregate]:
        self.calls['aggregates'] += 1
        return []

    def migrations(self, since: float) -> list[Migration]:
        self.calls['migrations'] += 1
        return []


def main() -> None:
    print(f'{"hosts":>6} {"servers":>8} {"first tick":>11} {"later ticks"}')
    for hosts, servers in SIZES:
        fleet, _ = clouds.cloud(hosts, servers, time.time())
        nova = CountedNova(fleet)
        inventory = NovaCache(nova, history=86400.0)
        inventory.refresh(0.0)
        first = nova.calls.total()
        nova.calls.clear()
        in_flight = list(fleet.servers)[:IN_FLIGHT]
        ticks = 10
        for tick in range(1, ticks + 1):
            inventory.refresh(30.0 * tick, in_flight)
        print(
            f'{hosts:>6} {servers:>8} {first:>11} '
            f'{nova.calls.total() / ticks:.1f}, with {IN_FLIGHT} in flight: '
            + ', '.join(f'{k} {v / ticks:g}' for k, v in nova.calls.items())
        )
    print()
    for preset in preset_file.shipped():
        print(f'{preset}: {_queries(preset)} queries a poll')


def _queries(preset: str) -> int:
    now = time.time()
    labels = {
        'instance': 'compute00000',
        'instance_id': 'a-server',
        'uuid': 'a-server',
        'server': 'a-server',
    }
    url, prometheus = 'http://192.0.2.1:9090', Prometheus()
    with mounted({url: prometheus}):
        conf = cfg.ConfigOpts()
        conf.register_opts(signals.OPTS, group='signals')
        conf.register_opts(PrometheusSource.OPTS, group='prometheus')
        conf([], default_config_files=[])
        conf.set_override('url', url, group='prometheus')
        conf.set_override('preset', preset, group='prometheus')
        prometheus.answers = _Always(vector((labels, 1.0, now)))
        PrometheusSource(conf).read(now)
        return len(prometheus.asked)


@dataclasses.dataclass
class _Always:
    """The same answer to every query."""

    body: object

    def __getitem__(self, query: str) -> object:
        return self.body

    def get(self, query: str, default: object = None) -> object:
        return self.body


if __name__ == '__main__':
    main()
