"""The control plane: what it is made of, from nothing to servers that run."""

import contextlib
import itertools
import json
import pathlib
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import keystoneauth1.exceptions
import keystoneauth1.session
import pymysql
import requests
from keystoneauth1.identity import v3

import steal_scheduler.demo  # noqa: F401 (before Nova's own)
from steal_scheduler.demo import image, network
from steal_scheduler.demo.api import MICROVERSION, ApiError
from steal_scheduler.demo.http import Http
from tests.integration import daemons, forks
from tests.integration.cloud import config, events
from tests.integration.rabbitmq import RabbitMQ

_HERE = 'tests.integration.cloud'
#: What is imported once, for all services that need it.
_KEYSTONE = (
    *('keystone.cmd.manage', 'keystone.server.wsgi', 'placement.deploy'),
    *('pymysql', 'waitress'),
)
#: NOTE: no manager, whose periodic tasks ask for the options that Nova has
#: when they are imported.
_NOVA = (
    # The first chooses how threads run.
    *('steal_scheduler.demo.driver', f'{_HERE}.compute', 'nova.cmd.manage'),
    *('nova.cmd.conductor', 'nova.cmd.scheduler', 'nova.compute.api'),
    *('nova.network.neutron', 'nova.api.openstack.compute.routes'),
    *('oslo_messaging._drivers.impl_rabbit', 'pymysql', 'waitress'),
)
#: As ``demo.driver`` has it; to import that would be to import all of Nova.
_DRIVER = 'fake.DemoDriver'
#: Until a service is fit for use, on a machine with much to do.
_PATIENCE = 240.0
_APPLICATIONS = {
    'keystone': 'keystone.wsgi.api',
    'placement': 'placement.wsgi.api',
    'compute': 'nova.wsgi.osapi_compute',
}
#: The project of those that have servers.
TENANT = 'shop'


class ControlPlane(daemons.Parts):
    """Every service of it is a `daemons.Daemon` of this name in `services`."""

    def __init__(
        self, workdir: pathlib.Path, zones: Mapping[str, tuple[str, ...]]
    ) -> None:
        """Describe it; start nothing.

        :param zones: the hosts of each
        """
        self.workdir = workdir
        self.hosts = tuple(itertools.chain.from_iterable(zones.values()))
        self._zones = zones
        self._stubs = Http()
        self._stubs.apps |= {'image': image.app, 'network': network.app}
        self.broker = RabbitMQ(workdir, contained=True)
        self.at = config.Addresses(workdir, self.broker.url, self._stubs.url)
        self.events = workdir / 'events'
        self.events.touch()
        self.script = workdir / 'orchestrator'
        self.script.write_text(events.SCRIPT.format(path=self.events))
        self.script.chmod(0o755)
        environ = {
            'OS_KEYSTONE_CONFIG_DIR': str(workdir),
            'OS_PLACEMENT_CONFIG_DIR': str(workdir),
            'OS_NOVA_CONFIG_DIR': str(workdir),
            'OS_NOVA_CONFIG_FILES': 'api-paste.ini;nova.conf;databases.conf',
            events.VARIABLE: str(self.events),
        }
        self._keystone = forks.Parent(workdir, _KEYSTONE, environ)
        self._nova = forks.Parent(workdir, _NOVA, environ)
        self._nova_conf = f'--config-file={workdir}/nova.conf'
        self._databases_conf = f'--config-file={workdir}/databases.conf'
        self.services = self._describe()
        self.admin = self.log_in('admin', config.PASSWORD, 'admin')
        #: As an admin within the project that has the servers.
        self.tenant = self.log_in('admin', config.PASSWORD, TENANT)

    def log_in(
        self, user: str, password: str, project: str
    ) -> keystoneauth1.session.Session:
        """Of a user; it logs in when it is first used."""
        auth = v3.Password(
            f'{self.at.url("keystone")}/v3',
            username=user,
            password=password,
            project_name=project,
            user_domain_id='default',
            project_domain_id='default',
        )
        return keystoneauth1.session.Session(auth)

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self._stubs.stop)
        self._stubs.start()
        config.write(self.at, _DRIVER, self.hosts)
        stack.enter_context(self._keystone)
        stack.enter_context(self._nova)
        for daemon in self.services.values():
            stack.callback(daemon.stop)
        self.broker.begin(stack)
        self._make_database()
        made = [
            self._commands(self._keystone, self._keystone_commands()),
            self._commands(self._nova, self._nova_commands()),
        ]
        for each in made:
            each.launch()
        self.services['placement'].launch()
        for each in made:
            each.wait(_PATIENCE)
        self.services['keystone'].start(_PATIENCE)
        self._make_users()
        rest = [n for n in self.services if n.startswith('nova-')]
        for name in rest:
            self.services[name].launch()
        for name in ('placement', *rest):
            self.services[name].wait(_PATIENCE)
        self._make_zones()

    # -- asking ------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        who: keystoneauth1.session.Session | None = None,
    ) -> Any:
        """The JSON body of Nova's answer, or None if there is none.

        :param who: the admin of the cloud, if nobody is named
        :raises ApiError: it says no
        :raises keystoneauth1.exceptions.ClientException: it does not answer
        """
        try:
            response = (who or self.admin).request(
                path,
                method,
                json=body,
                headers={'OpenStack-API-Version': f'compute {MICROVERSION}'},
                endpoint_filter={'service_type': 'compute'},
            )
        except keystoneauth1.exceptions.HttpError as error:
            raise ApiError(error.http_status, str(error)) from error
        return response.json() if response.content else None

    def identity(
        self,
        method: str,
        path: str,
        body: Any = None,
        who: keystoneauth1.session.Session | None = None,
    ) -> Any:
        """The same of Keystone, which need not know where it is itself.

        :raises keystoneauth1.exceptions.ClientException: it says no, or
            nothing
        """
        url = f'{self.at.url("keystone")}/v3{path}'
        response = (who or self.admin).request(url, method, json=body)
        return response.json() if response.content else None

    def query(self, database: str, sql: str, *values: Any) -> list[Any]:
        """Rows of a database, with no service between.

        :raises pymysql.Error: it does not answer
        """
        with (
            pymysql.connect(
                unix_socket=str(self.at.socket),
                user='root',
                database=database,
                autocommit=True,
                connect_timeout=5,
                read_timeout=10,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    # -- parts -------------------------------------------------------------

    def _describe(self) -> dict[str, daemons.Daemon]:
        """All of them; the broker describes itself."""
        found = {
            'mariadb': daemons.Daemon(
                'mariadb',
                [
                    *(daemons.program('mariadbd'), '--no-defaults'),
                    *('--user=root', '--skip-networking', '--skip-log-bin'),
                    f'--datadir={self.workdir}/mariadb',
                    f'--socket={self.at.socket}',
                    '--max-connections=500',
                    # Nothing here need survive the machine.
                    '--innodb-flush-log-at-trx-commit=0',
                    '--innodb-buffer-pool-size=64M',
                    '--innodb-log-file-size=32M',
                ],
                self.workdir,
                self._has_database,
                contained=True,
            ),
            'rabbitmq': self.broker.daemon,
            'keystone': self._web(self._keystone, 'keystone', 'keystone'),
            'placement': self._web(self._keystone, 'placement', 'placement'),
            'nova-api': self._web(self._nova, 'nova-api', 'compute'),
        }
        for topic in 'conductor', 'scheduler':
            found[f'nova-{topic}'] = self._nova.daemon(
                f'nova-{topic}',
                self._listens(topic),
                f'nova.cmd.{topic}',
                *(self._nova_conf, self._databases_conf),
            )
        for host in self.hosts:
            found[compute(host)] = self._compute(host)
        return found

    def _compute(self, host: str) -> daemons.Daemon:
        """The nova-compute of a host."""
        return self._nova.daemon(
            compute(host),
            self._listens(f'compute.{host}'),
            f'{_HERE}.compute',
            self._nova_conf,
            f'--config-file={self.workdir}/{host}.conf',
        )

    def _web(
        self, parent: forks.Parent, name: str, service: str
    ) -> daemons.Daemon:
        """A service that answers HTTP requests."""
        url = self.at.url(service)

        def answers() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(url, timeout=20).status_code < 500
            return False

        return parent.daemon(
            name,
            answers,
            f'{_HERE}.serve',
            _APPLICATIONS[service],
            str(self.at.ports[service]),
        )

    def _listens(self, queue: str) -> Callable[[], bool]:
        """Whether a service takes what it is sent over the broker."""
        return lambda: self.broker.consumers(queue) > 0

    def _commands(
        self, parent: forks.Parent, commands: Iterable[Sequence[str]]
    ) -> daemons.Daemon:
        """Commands one after the other; it is ready when all have ended."""
        lines = [json.dumps(command) for command in commands]
        name = f'commands-of-{json.loads(lines[0])[0]}'
        done = self.workdir / f'{name}.done'
        return parent.daemon(
            name, done.exists, f'{_HERE}.commands', str(done), *lines
        )

    # -- made once ---------------------------------------------------------

    def _has_database(self) -> bool:
        try:
            return bool(self.query('mysql', 'SELECT 1'))
        except pymysql.Error:
            return False

    def _make_database(self) -> None:
        subprocess.run(
            [
                daemons.program('mariadb-install-db'),
                *('--no-defaults', '--user=root', '--skip-test-db'),
                '--auth-root-authentication-method=normal',
                f'--datadir={self.workdir}/mariadb',
            ],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
        )
        self.services['mariadb'].start(_PATIENCE)
        for name in config.DATABASES:
            self.query('mysql', f'CREATE DATABASE {name}')

    def _keystone_commands(self) -> Iterator[Sequence[str]]:
        conf = f'--config-file={self.workdir}/keystone.conf'
        base = ('keystone.cmd.manage', conf)
        root = ('--keystone-user=root', '--keystone-group=root')
        for name in 'fernet', 'credential':
            (self.workdir / name).mkdir(mode=0o700)
            yield *base, f'{name}_setup', *root
        yield *base, 'db_sync'
        url = f'{self.at.url("keystone")}/v3'
        yield (
            *(*base, 'bootstrap', f'--bootstrap-password={config.PASSWORD}'),
            f'--bootstrap-public-url={url}',
            f'--bootstrap-internal-url={url}',
            f'--bootstrap-region-id={config.REGION}',
        )

    def _nova_commands(self) -> Iterator[Sequence[str]]:
        base = ('nova.cmd.manage', self._nova_conf, self._databases_conf)
        option, database = '--database_connection', self.at.database
        yield *base, 'api_db', 'sync'
        yield *base, 'cell_v2', 'map_cell0', option, database('nova_cell0')
        yield (
            *(*base, 'cell_v2', 'create_cell', '--name', 'cell1'),
            *('--transport-url', self.at.broker),
            *(option, database('nova_cell1')),
        )
        yield *base, 'db', 'sync'

    def _make_users(self) -> None:
        """Services with their users and endpoints, and a tenant's project."""
        call, at = self.identity, self.at
        found = call('GET', '/roles')['roles']
        roles = {role['name']: role['id'] for role in found}
        projects = {}
        for name in 'service', TENANT:
            project = {'name': name, 'domain_id': 'default'}
            answer = call('POST', '/projects', {'project': project})
            projects[name] = answer['project']['id']
        (admin,) = call('GET', '/users?name=admin')['users']
        grants = [(projects[TENANT], admin['id'], 'admin')]
        for name in 'nova', 'placement':
            user = {
                'name': name,
                'password': config.PASSWORD,
                'domain_id': 'default',
            }
            id_ = call('POST', '/users', {'user': user})['user']['id']
            for role in 'admin', 'service':
                grants.append((projects['service'], id_, role))
        for project_id, user_id, role in grants:
            call(
                'PUT',
                f'/projects/{project_id}/users/{user_id}/roles/{roles[role]}',
            )
        for type_, url in {
            'compute': f'{at.url("compute")}/v2.1',
            'placement': at.url('placement'),
            'image': f'{at.stubs}/image',
            'network': f'{at.stubs}/network',
        }.items():
            made = {'type': type_, 'name': type_}
            answer = call('POST', '/services', {'service': made})
            for interface in 'public', 'internal':
                endpoint = {
                    'service_id': answer['service']['id'],
                    'interface': interface,
                    'region_id': config.REGION,
                    'url': url,
                }
                call('POST', '/endpoints', {'endpoint': endpoint})

    def _make_zones(self) -> None:
        daemons.until(
            'all hosts to be known',
            lambda: (
                self.query('nova_api', 'SELECT COUNT(*) FROM host_mappings')
                == [(len(self.hosts),)]
            ),
            _PATIENCE,
        )
        for zone, hosts in self._zones.items():
            aggregate = {'name': zone, 'availability_zone': zone}
            answer = self.call(
                'POST', '/os-aggregates', {'aggregate': aggregate}
            )
            path = f'/os-aggregates/{answer["aggregate"]["id"]}/action'
            for host in hosts:
                self.call('POST', path, {'add_host': {'host': host}})


def compute(host: str) -> str:
    """The name of the service of a host."""
    return f'nova-compute-{host}'
