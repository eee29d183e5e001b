"""The real clients, each with a stand-in behind it, and their doors.

A door is a public method. What it returns is held to the types that its
values are annotated with: who takes a text for a number fails later, and
elsewhere.
"""

import contextlib
import dataclasses
import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest import mock

from keystoneauth1 import loading
from oslo_config import cfg

from steal_scheduler.conf import load, orchestrators
from steal_scheduler.exception import (
    ConfigError,
    NovaFault,
    OrchestratorError,
    SignalError,
)
from steal_scheduler.model.roles import RoleRule
from steal_scheduler.nova_client.cache import NovaCache
from steal_scheduler.nova_client.client import NovaClient
from steal_scheduler.orchestrators.consul.plugin import Consul
from steal_scheduler.orchestrators.kubernetes.plugin import Kubernetes
from steal_scheduler.orchestrators.octavia.plugin import Octavia
from steal_scheduler.signals.prometheus.parse import METRICS
from steal_scheduler.signals.prometheus.source import PrometheusSource
from tests.standins import (
    consul,
    keystone,
    kubernetes,
    kubernetes_objects,
    nova_api,
    octavia,
    prometheus,
)
from tests.standins.app import Answer, Request, StandIn, route
from tests.standins.transport import mounted
from tests.unit.make import NOW, server
from tests.unit.options import configuration

ME = '11111111-1111-4111-8111-111111111111'
IDS = [f'{n:08x}-0000-4000-8000-000000000000' for n in range(5)]


@dataclasses.dataclass(frozen=True)
class Edge:
    """One client, ready to ask."""

    doors: Mapping[str, Callable[[], Any]]
    #: Who answers.
    apps: list[StandIn]
    #: What a call may end in.
    allowed: tuple[type[Exception], ...]
    #: The lists of which one bad item costs no other, by the door.
    lists: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: An item that is no object fails the list: novaclient makes one of it.
    objects: bool = False
    #: It ends the paging of a stranger by its clock.
    timed: bool = False


SERVERS = {i: nova_api.server(i, name=f'web-{i[:8]}') for i in IDS}
MIGRATIONS = {
    f'm{n}': nova_api.migration(id=n, uuid=f'm{n}', instance_uuid=IDS[n])
    for n in range(5)
}


class NovaCloud(nova_api.NovaApi):
    """Five servers, on pages of two; everything else on one."""

    @route('GET', '/')
    def _version(self, request: Request) -> Answer:
        version = {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.96'}
        return 200, {'version': version}

    @route('GET', '/servers/detail')
    def _servers(self, request: Request) -> Answer:
        return 200, {'servers': _page(SERVERS, request)}

    @route('GET', '/servers/{}')
    def _server(self, request: Request, server_id: str) -> Answer:
        return 200, {'server': SERVERS[server_id]}

    @route('GET', '/os-migrations')
    def _migrations(self, request: Request) -> Answer:
        return 200, {'migrations': _page(MIGRATIONS, request)}

    @route('GET', '/os-services')
    def _services(self, request: Request) -> Answer:
        return 200, {'services': [nova_api.service(h) for h in 'abc']}

    @route('GET', '/os-hypervisors/detail')
    def _hypervisors(self, request: Request) -> Answer:
        found = {f'id of {h}': nova_api.hypervisor(h) for h in 'abc'}
        return 200, {'hypervisors': _page(found, request)}

    @route('GET', '/os-aggregates')
    def _aggregates(self, request: Request) -> Answer:
        about = {'hosts': ['a', 'b'], 'availability_zone': None}
        keys = {'steal:pause': 'by hand', 'x': 'y'}
        return 200, {
            'aggregates': [
                {'id': n, 'name': f'g{n}', 'metadata': keys, **about}
                for n in range(3)
            ]
        }

    @route('GET', '/os-server-groups')
    def _groups(self, request: Request) -> Answer:
        begin = int(request.query.get('offset', 0))
        found = [nova_api.group(f'g{n}', *IDS[:2]) for n in range(3)]
        return 200, {'server_groups': found[begin : begin + 2]}

    # Of Placement
    @route('GET', '/allocation_candidates')
    def _candidates(self, request: Request) -> Answer:
        found = {f'id of {h}': nova_api.provider() for h in 'abc'}
        return 200, {'provider_summaries': found}

    @route('GET', '/allocations/{}')
    def _allocations(self, request: Request, server_id: str) -> Answer:
        has = {'resources': {'VCPU': 4, 'MEMORY_MB': 4096}, 'generation': 1}
        return 200, {'allocations': {'id of a': has}}

    @route('GET', '/servers/{}/migrations')
    def _under_way(self, request: Request, server_id: str) -> Answer:
        return 200, {'migrations': [nova_api.under_way()]}

    @route('DELETE', '/servers/{}/migrations/{}')
    def _abort(self, request: Request, server_id: str, number: str) -> Answer:
        return 202, b''

    @route('GET', '/servers/{}/os-instance-actions')
    def _actions(self, request: Request, server_id: str) -> Answer:
        action = {
            'action': 'live_migration_cancel',
            'user_id': None,
            'start_time': '2026-01-01T00:00:00.000000',
        }
        return 200, {'instanceActions': [action, action]}

    @route('GET', '/servers/{}/diagnostics')
    def _diagnostics(self, request: Request, server_id: str) -> Answer:
        return 200, {'state': 'running'}

    @route('POST', '/servers/{}/action')
    def _act(self, request: Request, server_id: str) -> Answer:
        return 202, b''

    @route('PUT', '/servers/{}/tags/{}')
    def _tag(self, request: Request, server_id: str, tag: str) -> Answer:
        return 201, b''

    @route('DELETE', '/servers/{}/tags/{}')
    def _untag(self, request: Request, server_id: str, tag: str) -> Answer:
        return nova_api.fault(404)


def _page(items: Mapping[str, Any], request: Request) -> list[Any]:
    """Two of them behind the marker; of an unknown one the first two."""
    marker, ids = request.query.get('marker'), [*items]
    begin = ids.index(marker) + 1 if marker in items else 0
    return [items[i] for i in ids[begin : begin + 2]]


@contextlib.contextmanager
def nova() -> Iterator[Edge]:
    app = NovaCloud()
    conf = cfg.ConfigOpts()
    load.register(conf)
    conf([], default_config_files=[], default_config_dirs=[])
    url = 'http://192.0.2.1:8774'
    conf.set_override('auth_type', 'none', group='nova')
    conf.set_override('endpoint_override', url, group='nova')
    # Where Placement is.
    none = loading.get_auth_plugin_conf_options('none')
    conf.register_opts(none, group='nova')
    conf.set_override('endpoint', url, group='nova')
    with mounted({url: app}):
        client = NovaClient(conf, RoleRule())
        cache = NovaCache(client, 1e9)
        one = IDS[0]
        yield Edge(
            doors={
                'page': lambda: client.page(None),
                'changed': lambda: client.changed(NOW),
                'server': lambda: client.server(one),
                'hosts': client.hosts,
                'aggregates': client.aggregates,
                'migrations': lambda: client.migrations(NOW),
                'copied': lambda: client.copied(one),
                'last_was_abort': lambda: client.last_was_abort(one, 0.0),
                'runs': lambda: client.runs(one),
                'check_version': client.check_version,
                'hypervisors': client.hypervisors,
                'server_groups': client.server_groups,
                'free': client.placement.free,
                'allocated': lambda: client.placement.allocated(one),
                'scheduler_hosts': client.scheduler_hosts,
                'live_migrate': lambda: client.live_migrate(one),
                'abort': lambda: client.abort(one, 7),
                'add_tag': lambda: client.add_tag(one, 'steal:x'),
                'remove_tag': lambda: client.remove_tag(one, 'steal:x'),
                'refresh': lambda: cache.refresh(NOW, [one]),
            },
            apps=[app],
            allowed=(NovaFault, ConfigError),
            lists={
                'page': 'servers',
                'changed': 'servers',
                'hosts': 'services',
                'aggregates': 'aggregates',
                'server_groups': 'server_groups',
                'migrations': 'migrations',
            },
            objects=True,
        )


@contextlib.contextmanager
def prometheus_() -> Iterator[Edge]:
    app = prometheus.Prometheus()
    url = 'http://192.0.2.1:9090'
    servers = [{'uuid': i, 'host': 'cmp-1'} for i in IDS]
    of = {
        'servers': servers,
        'hosts': [{'host': f'cmp-{n}'} for n in range(3)],
        'guests': [{'uuid': i} for i in IDS],
    }
    app.answers = {
        name: prometheus.vector(*((s, 0.5, NOW) for s in of[metric.subject]))
        for name, metric in METRICS.items()
    }
    preset: dict[str, Any] = {
        'servers': {'label': 'uuid'},
        'hosts': {'label': 'host'},
        'guests': {
            'identified_by': 'uuid',
            'label': 'uuid',
            'needs': 'an agent',
        },
    }
    for name, metric in METRICS.items():
        preset[metric.subject][metric.field] = name
    with (
        tempfile.NamedTemporaryFile('w', suffix='.yaml') as file,
        mounted({url: app}),
    ):
        # JSON is YAML.
        file.write(json.dumps(preset))
        file.flush()
        source = PrometheusSource(
            configuration(
                'prometheus',
                PrometheusSource.OPTS,
                url=url,
                preset=file.name,
            )
        )
        yield Edge(
            doors={'read': lambda: source.read(NOW)},
            apps=[app],
            allowed=(SignalError,),
            lists={'read': 'result'},
        )


@contextlib.contextmanager
def kubernetes_() -> Iterator[Edge]:
    app = kubernetes.Cluster()
    url = 'http://192.0.2.1:6443'
    app.page = 2
    for n, server_id in enumerate(IDS):
        app.add_node(f'n{n}', server_id)
    app.pods = [
        kubernetes_objects.pod('web'),
        kubernetes_objects.pod('log', kind='DaemonSet'),
        kubernetes_objects.pod('db'),
    ]
    app.daemon_sets = {'shop/owner'}
    app.budgets = [
        kubernetes_objects.budget('web', 'web'),
        kubernetes_objects.budget('db', 'db'),
    ]
    ours = server(IDS[0], name='n0')
    with (
        tempfile.TemporaryDirectory() as directory,
        mounted({url: app}),
    ):
        path = pathlib.Path(directory, 'kubeconfig')
        insecure = 'insecure-skip-tls-verify: true'
        path.write_text(
            kubernetes_objects.kubeconfig(url, 'token: s3cr3t', insecure)
        )
        plugin = Kubernetes(
            configuration('prod', Kubernetes.OPTS, kubeconfig=str(path)),
            'prod',
        )

        def drained() -> Any:
            plugin.drain(ours, 'n0')
            app.end_pods()
            return plugin.drain(ours, 'n0')

        def reattach() -> Any:
            plugin.drain(ours, 'n0')
            return plugin.reattach(ours, 'n0')

        def detached() -> Any:
            plugin.drain(ours, 'n0')
            return plugin.detached()

        yield Edge(
            doors={
                'drain': lambda: plugin.drain(ours, 'n0'),
                'drain, the pods gone': drained,
                'drain by id': lambda: plugin.drain(ours, 'web'),
                'reattach': reattach,
                'detached': detached,
            },
            apps=[app],
            allowed=(OrchestratorError,),
            timed=True,
        )


@contextlib.contextmanager
def consul_() -> Iterator[Edge]:
    cluster = consul.Cluster()
    address, catalog = '192.0.2.1', 'http://192.0.2.100:8500'
    cluster.add_node('web-1', address=address, node_id=IDS[1])
    cluster.add_node('web-2', address='192.0.2.2', node_id=IDS[2])
    agent = cluster.agents['web-1']
    ours = server(ME, name='web-1', addresses=(address,))
    with mounted({f'http://{address}:8500': agent, catalog: cluster.catalog}):
        conf = configuration(
            'consul',
            [*orchestrators.OPTS, *Consul.OPTS],
            address='http://{address}:8500',
            networks=['192.0.2.0/24'],
            catalog=catalog,
            settle=0,
            timeout=15,
        )
        yield _verbs(
            Consul(conf, 'consul'), ours, 'web-1', [agent, cluster.catalog]
        )


@contextlib.contextmanager
def octavia_() -> Iterator[Edge]:
    login, where = 'http://192.0.2.1:5000', 'http://192.0.2.2:9876'
    who = keystone.Keystone()
    who.catalog = {'load-balancer': where}
    app = octavia.Octavia(who)
    app.page = 2
    for _ in range(3):
        pool = app.add_pool()
        for address in ('10.0.0.5', '10.0.0.6', '10.0.0.7'):
            app.add_member(pool, address, weight=5, tags=['theirs'])
    ours = server(ME, project_id='p', addresses=('10.0.0.5',))
    user = keystone.login(login)
    lines = [f'{name} = {said}' for name, said in user.items()]
    with (
        tempfile.NamedTemporaryFile('w', suffix='.conf') as file,
        mounted({login: who, where: app}),
        # One after the other: which answer is mutated hangs on their order.
        mock.patch('steal_scheduler.orchestrators.octavia.client.AT_ONCE', 1),
    ):
        file.write('\n'.join(['[keystone]', *lines]))
        file.flush()
        conf = cfg.ConfigOpts()
        conf.register_opts([*orchestrators.OPTS, *Octavia.OPTS], group='lb')
        conf(['--config-file', file.name], default_config_files=[])
        conf.set_override('auth_section', 'keystone', group='lb')
        conf.set_override('settle', 0, group='lb')
        yield _verbs(Octavia(conf, 'lb'), ours, 'web', [app, who], timed=True)


def _verbs(
    plugin: Any,
    ours: Any,
    node: str,
    apps: list[StandIn],
    *,
    timed: bool = False,
) -> Edge:
    def twice() -> Any:
        plugin.drain(ours, node)
        return plugin.drain(ours, node)

    def reattach() -> Any:
        plugin.drain(ours, node)
        return plugin.reattach(ours, node)

    def detached() -> Any:
        plugin.drain(ours, node)
        return plugin.detached()

    return Edge(
        doors={
            'drain': lambda: plugin.drain(ours, node),
            'drain twice': twice,
            'reattach': reattach,
            'detached': detached,
        },
        apps=apps,
        allowed=(OrchestratorError,),
        timed=timed,
    )


EDGES = {
    'nova': nova,
    'prometheus': prometheus_,
    'kubernetes': kubernetes_,
    'consul': consul_,
    'octavia': octavia_,
}
