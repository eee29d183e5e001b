"""The cloud with two migrators, servers that suffer, and what became of them.

What became of them is asked of the databases, with no service between: so it
is known whatever is down.
"""

import contextlib
import pathlib
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pymysql
import requests
from prometheus_client import parser

import steal_scheduler.demo  # noqa: F401 (before Nova's own)
from steal_scheduler.demo.deadline import wait_for
from steal_scheduler.demo.load import Load
from steal_scheduler.demo.servers import NewServer, Servers
from steal_scheduler.reporting.metrics import PREFIX
from tests.integration import daemons
from tests.integration.cloud import config, events, terminal
from tests.integration.cloud.plane import ControlPlane
from tests.shared import PATIENCE, Shared

#: Of the first one, the first two hosts are hot when servers suffer.
ZONES = {'az1': ('a1', 'a2', 'a3', 'a4'), 'az2': ('b1', 'b2')}
#: Cores that a server asks for which does nothing.
_IDLE = 0.1
#: Of all servers: the orchestrator drains those that have it.
ROLE = 'shop'
MIGRATORS = ('migrator-1', 'migrator-2')

#: Deadlines are seconds instead of minutes, and one failed move does not keep
#: the next one from being tried: what is judged is what becomes of each.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    'DEFAULT': {'use_stderr': True},
    'migrator': {
        'dry_run': False,
        'poll_interval': 1,
        'orchestrators': 'balancer',
        'lease': 20,
    },
    'signals': {'source': 'static', 'max_age': 60},
    'detection': {'polls_contended': 1, 'polls_window': 1},
    'limits': {
        'slots': 4,
        'cooldown': 0,
        'breaker_failures': 100,
        'max_unavailable': '',
        'copy_rate': 1_000_000,
    },
    'stages': {'drain_timeout': 60, 'migration_timeout': 40},
    'nova': {'timeout': 10},
    'balancer': {'driver': 'command', 'timeout': 5, 'roles': ROLE},
    'oslo_messaging_rabbit': {
        'rabbit_retry_interval': 1,
        'rabbit_interval_max': 1,
    },
}


class Lab(daemons.Parts):
    """All of it."""

    #: What a migrator is.
    program = 'tests.integration.haste'
    #: Of each host, as the signals tell.
    cores = 2.0
    #: Cores that a server asks for which suffers: of its 2 vCPUs.
    busy = 1.5

    def __init__(
        self,
        plane: ControlPlane,
        migrators: Sequence[str] = MIGRATORS,
        options: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Describe it; start nothing.

        :param options: of the migrators, by section; they come last
        """
        self.plane = plane
        self.options = options or {}
        #: Every process that can be killed, by name.
        self.services: dict[str, daemons.Daemon] = {}
        self._ports = {name: daemons.free_port() for name in migrators}
        api = types.SimpleNamespace(call=self._call)
        self.servers = Servers(api)  # type: ignore[arg-type]
        self._where: dict[str, str] = {}
        self.load = Load(
            plane.workdir / 'signals.json',
            self._measured,
            plane.hosts,
            self.cores,
        )

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.enter_context(self.plane)
        terminal.Terminal(self.plane).follow(terminal.INSTALL / 'rights.rst')
        self.services |= self.plane.services
        for name in self._ports:
            daemon = self.services[name] = self._migrator(name)
            stack.callback(daemon.stop)
        stack.callback(self.load.stop)
        self.load.start()
        for name in self._ports:
            self.services[name].launch()
        for name in self._ports:
            self.services[name].wait()
        self._flavor = self.servers.flavor('small', 2, 128, 0)

    # -- servers -----------------------------------------------------------

    def boot(self, *hosts: str) -> list[str]:
        """Boot one server on each of these hosts; nobody suffers yet."""
        # After an outage it takes a moment.
        wait_for(self._all_up, PATIENCE, 'every nova-compute to report')
        ids = self.servers.boot_many(
            (
                NewServer(
                    f'on-{host}-{number}',
                    self._flavor,
                    host=host,
                    metadata={'role': ROLE},
                )
                for number, host in enumerate(hosts)
            ),
            PATIENCE,
        )
        self.demand(ids, _IDLE)
        return ids

    def suffer(self, ids: Sequence[str]) -> None:
        """From now on two of them on one host are one too many."""
        self.demand(ids, self.busy)

    def calm_down(self, ids: Sequence[str]) -> None:
        self.demand(ids, _IDLE)

    def demand(self, ids: Sequence[str], cores: float) -> None:
        self.load.demands = dict.fromkeys(ids, cores)
        self.load.write()

    def clear(self) -> None:
        """Delete all servers, and let what was be long ago."""
        self.load.demands = {}
        # Those that were never scheduled as well: they are in another cell.
        for server in self._call('GET', '/servers')['servers']:
            self._call('DELETE', f'/servers/{server["id"]}')
        wait_for(lambda: not self.ids(), PATIENCE, 'all servers to be gone')
        # No failure of one round is counted in the next.
        self._query(
            'UPDATE migrations SET created_at = created_at - INTERVAL 2 DAY, '
            'updated_at = updated_at - INTERVAL 2 DAY'
        )

    def ids(self) -> list[str]:
        return [
            row[0]
            for row in self._query('SELECT uuid FROM instances WHERE !deleted')
        ]

    # -- what became of them -----------------------------------------------

    def host(self, id_: str) -> str:
        return str(self._server(id_)[0])

    def tags(self, id_: str) -> list[str]:
        """Those of ours."""
        found = self._query(
            'SELECT tag FROM tags WHERE resource_id = %s AND tag LIKE %s',
            id_,
            'steal:%',
        )
        return [tag for (tag,) in found]

    def stages(self, ids: Sequence[str]) -> list[str]:
        """What their tags say."""
        return [tag.split(':')[1] for id_ in ids for tag in self.tags(id_)]

    def migrations(self, id_: str) -> list[str]:
        """What became of its live migrations, the oldest first."""
        found = self._query(
            'SELECT status FROM migrations WHERE instance_uuid = %s '
            'ORDER BY id',
            id_,
        )
        return [status for (status,) in found]

    def done(self, id_: str) -> list[str]:
        """What hypervisors and the orchestrator did with it."""
        return events.read(self.plane.events, id_)

    def in_state(
        self, ids: Sequence[str], vm_state: str, task_state: str | None
    ) -> list[str]:
        """Those that Nova says are in this state."""
        state = [vm_state, task_state]
        return [id_ for id_ in ids if self._server(id_)[1:] == state]

    def reset_state(self, id_: str) -> None:
        """As ``openstack server set --state active``."""
        body = {'os-resetState': {'state': 'active'}}
        self._call('POST', f'/servers/{id_}/action', body)

    def left(self, ids: Sequence[str]) -> list[str]:
        """What of us is still to be seen; empty when all is as it was."""
        found = []
        for id_ in ids:
            found += [f'{id_} has the tag {tag}' for tag in self.tags(id_)]
            if events.is_out(self.done(id_)):
                found.append(f'{id_} is out of service')
            _, *state = self._server(id_)
            if state != ['active', None]:
                found.append(f'{id_} is {state}')
        return found

    # -- the migrators -----------------------------------------------------

    def metric(self, migrator: str, name: str, **labels: str) -> float:
        """0 where it does not answer, or has none."""
        url = f'http://127.0.0.1:{self._ports[migrator]}/metrics'
        with contextlib.suppress(requests.RequestException):
            page = requests.get(url, timeout=20).text
            for family in parser.text_string_to_metric_families(page):
                for sample in family.samples:
                    if (sample.name, sample.labels) == (PREFIX + name, labels):
                        return float(sample.value)
        return 0.0

    def leader(self) -> str | None:
        leading = (m for m in self._ports if self.metric(m, 'leader'))
        return next(leading, None)

    def calls_for_a_person(self) -> bool:
        """Whether Nova does not go on with a move."""
        return any(self.metric(m, 'stalled_moves') for m in self._ports)

    def is_blind(self) -> bool:
        """Whether Nova did not tell the leader of everything, in a tick."""
        leader = self.leader()
        return not leader or self.metric(leader, 'refusals', reason='nova') > 0

    def attempts(self) -> float:
        """Ticks that were tried, by both."""
        return sum(
            self.metric(migrator, name)
            for migrator in self._ports
            for name in ('ticks_total', 'tick_errors_total')
        )

    def good_tick(self) -> float:
        """When the leader's last tick began, if it was good: epoch seconds."""
        leader = self.leader()
        if not leader or self.is_blind():
            return 0.0
        return self.metric(leader, 'last_tick_timestamp_seconds')

    # -- parts -------------------------------------------------------------

    def _migrator(
        self, name: str, **options: Mapping[str, Any]
    ) -> daemons.Daemon:
        """:param options: by section; what they say counts more"""
        workdir, port = self.plane.workdir, self._ports[name]
        sample = workdir / 'steal-migrator.conf'
        sample.write_text(config.migrator(self.plane.at, terminal.PASSWORD))
        own: dict[str, dict[str, Any]] = {
            'migrator': {
                'metrics_port': port,
                'lock_url': f'file://{workdir}/lock',
            },
            'static': {'path': self.load.path},
            'balancer': {'path': self.plane.script},
        }
        lines = []
        all_options = (_OPTIONS, own, self.options, options)
        for section in {name for options in all_options for name in options}:
            lines.append(f'[{section}]')
            values: dict[str, Any] = {}
            for options in all_options:
                values |= options.get(section, {})
            lines += [f'{key} = {value}' for key, value in values.items()]
        path = workdir / f'{name}.conf'
        path.write_text('\n'.join(lines) + '\n')
        (workdir / 'lock').mkdir(exist_ok=True)
        return daemons.Daemon(
            name,
            [
                *(sys.executable, '-W', 'ignore'),
                *('-m', self.program),
                *(f'--config-file={sample}', f'--config-file={path}'),
            ],
            workdir,
            lambda: _answers(port),
            {'PYTHONPATH': str(config.ROOT)},
            contained=True,
        )

    def _measured(self) -> Mapping[str, str]:
        """Where each server is; while nobody can tell, where it was last."""
        with contextlib.suppress(pymysql.Error):
            self._where = dict(
                self._query(
                    'SELECT uuid, host FROM instances '
                    'WHERE !deleted AND host IS NOT NULL'
                )
            )
        demands = self.load.demands
        return {i: h for i, h in self._where.items() if i in demands}

    def _server(self, id_: str) -> Sequence[Any]:
        (row,) = self._query(
            'SELECT host, vm_state, task_state FROM instances WHERE uuid = %s',
            id_,
        )
        return list(row)

    def _query(self, sql: str, *values: Any) -> list[Any]:
        return self.plane.query('nova_cell1', sql, *values)

    def _all_up(self) -> bool:
        """Whether nova-scheduler takes all for alive."""
        found = self.plane.call('GET', '/os-services?binary=nova-compute')
        return all(each['state'] == 'up' for each in found['services'])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return self.plane.call(method, path, body, who=self.plane.tenant)


def _answers(port: int) -> bool:
    try:
        return requests.get(f'http://127.0.0.1:{port}/', timeout=20).ok
    except requests.RequestException:
        return False


@contextlib.contextmanager
def _running() -> Iterator[None]:
    tmpfs = pathlib.Path('/dev/shm')
    with tempfile.TemporaryDirectory(
        prefix='steal-cloud-',
        dir=tmpfs if tmpfs.is_dir() else None,
        # What was killed may have had a file half made.
        ignore_cleanup_errors=True,
    ) as workdir:
        global lab
        lab = Lab(ControlPlane(pathlib.Path(workdir), ZONES))
        with lab:
            yield


#: One for all modules of the process.
lab: Lab
_shared = Shared(_running)
set_up = _shared.set_up
