"""The configuration files of the cloud, as text."""

import configparser
import dataclasses
import pathlib
import shutil
import sysconfig
from collections.abc import Mapping
from typing import Any

from tests.integration import daemons

ROOT = pathlib.Path(__file__).parents[3]
#: Samples that an operator copies, as they stand.
SAMPLES = ROOT / 'etc/steal_scheduler'
#: Databases, one for each service and cell.
DATABASES = ('keystone', 'placement', 'nova_api', 'nova_cell0', 'nova_cell1')
REGION = 'RegionOne'
#: Of each user but the migrator's.
PASSWORD = 'secret'
#: Seconds that a token lives. Its users take it for a new one two minutes
#: before its end, so all of them log in again every few seconds.
TOKEN_SECONDS = 130

_LOGIN = """
[{section}]
auth_type = password
auth_url = {keystone}/v3
username = {user}
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
region_name = RegionOne
"""

_KEYSTONE = """
[database]
connection = {keystone_db}
[token]
provider = fernet
expiration = {token_seconds}
[fernet_tokens]
key_repository = {workdir}/fernet
[credential]
key_repository = {workdir}/credential
[cache]
backend = dogpile.cache.memory
[identity]
password_hash_rounds = 4
"""

_PLACEMENT = """
[placement_database]
connection = {placement_db}
sync_on_startup = True
[oslo_policy]
policy_file = {placement_policy}
"""

# Deadlines for which a test would have to wait are seconds instead of
# minutes; all else of Nova is as it is delivered.
_NOVA = """
[DEFAULT]
my_ip = 127.0.0.1
transport_url = {broker}
state_path = {workdir}/nova
report_interval = 2
service_down_time = 20
rpc_response_timeout = 20
long_rpc_timeout = 40
[oslo_concurrency]
lock_path = {workdir}/nova/locks
[oslo_policy]
policy_file = {policy}
[oslo_messaging_rabbit]
rabbit_retry_interval = 1
rabbit_interval_max = 1
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 2
[vnc]
enabled = False
[glance]
endpoint_override = {stubs}/image
[neutron]
endpoint_override = {stubs}/network
"""

# NOTE: not for nova-compute, which would take it for its own database.
_NOVA_DATABASES = """
[database]
connection = {nova_cell1_db}
[api_database]
connection = {nova_api_db}
"""

_COMPUTE = """
[DEFAULT]
host = {host}
compute_driver = {driver}
state_path = {workdir}/nova/{host}
"""


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Where everything is, or shall be."""

    workdir: pathlib.Path
    broker: str
    #: Stand-ins for Glance and Neutron.
    stubs: str
    ports: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: {
            name: daemons.free_port()
            for name in ('keystone', 'placement', 'compute')
        }
    )

    def url(self, service: str) -> str:
        return f'http://127.0.0.1:{self.ports[service]}'

    @property
    def socket(self) -> pathlib.Path:
        """Where the database listens."""
        return self.workdir / 'mariadb.socket'

    def database(self, name: str) -> str:
        return (
            f'mysql+pymysql://root@localhost/{name}'
            f'?unix_socket={self.socket}&charset=utf8mb4'
        )


def write(at: Addresses, driver: str, hosts: tuple[str, ...]) -> None:
    """Write the files of all services.

    :param driver: Nova's name of the hypervisor's driver
    """
    policy = at.workdir / 'policy.yaml'
    shutil.copy(SAMPLES / 'policy.yaml.snippet', policy)
    placement_policy = at.workdir / 'placement-policy.yaml'
    shutil.copy(SAMPLES / 'placement-policy.yaml.snippet', placement_policy)
    shutil.copy(
        f'{sysconfig.get_path("data")}/etc/nova/api-paste.ini', at.workdir
    )
    values: dict[str, Any] = {
        **{f'{name}_db': at.database(name) for name in DATABASES},
        'broker': at.broker,
        'driver': driver,
        'placement_policy': placement_policy,
        'policy': policy,
        'stubs': at.stubs,
        'token_seconds': TOKEN_SECONDS,
        'workdir': at.workdir,
    }

    def login(user: str, *sections: str) -> str:
        return ''.join(
            _LOGIN.format(
                section=section, user=user, keystone=at.url('keystone')
            )
            for section in sections
        )

    nova = login('nova', 'keystone_authtoken', 'placement', 'neutron')
    texts = {
        'keystone.conf': _KEYSTONE,
        'placement.conf': _PLACEMENT
        + login('placement', 'keystone_authtoken'),
        'nova.conf': _NOVA
        + nova
        + (SAMPLES / 'nova.conf.snippet').read_text(),
        'databases.conf': _NOVA_DATABASES,
    }
    for name, text in texts.items():
        (at.workdir / name).write_text(text.format_map(values))
    for host in hosts:
        (at.workdir / 'nova' / host).mkdir(parents=True)
        (at.workdir / f'{host}.conf').write_text(
            _COMPUTE.format(host=host, **values)
        )


def migrator(at: Addresses, password: str) -> str:
    """The sample of steal-migrator.conf, with this cloud's addresses in it."""
    sample = configparser.RawConfigParser()
    sample.read(SAMPLES / 'steal-migrator.conf.example')
    text = (SAMPLES / 'steal-migrator.conf.example').read_text()
    for there, here in {
        sample['DEFAULT']['transport_url']: at.broker,
        sample['nova']['auth_url']: f'{at.url("keystone")}/v3',
        sample['nova']['password']: password,
    }.items():
        text = text.replace(there, here)
    return text
