"""One agent of a Consul: its configuration and its process."""

import json
import pathlib
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

import requests

from tests.integration import daemons
from tests.integration.binaries import binary

DATACENTER = 'dc1'
#: That an agent listens on.
PORTS = ('http', 'https', 'dns', 'serf_lan', 'server')
_NO_PORTS = {'serf_wan': -1, 'grpc': -1, 'grpc_tls': -1}


class Agent:
    """Speaks HTTP and HTTPS, and keeps what it knows over a restart."""

    def __init__(
        self,
        name: str,
        address: str,
        ports: Mapping[str, int],
        directory: pathlib.Path,
    ) -> None:
        """Describe it; start nothing. `configure` it before.

        :param directory: of all agents, with what `certify` wrote
        """
        self.name = name
        self.address = address
        self._ports = ports
        self._directory = directory
        self.daemon = daemons.Daemon(
            f'consul-{name}',
            [binary('consul'), 'agent', f'-config-file={name}.json'],
            directory,
            self._knows_leader,
        )

    def url(self, scheme: str) -> str:
        return f'{scheme}://{self.address}:{self._ports[scheme]}'

    def configure(
        self, tokens: Mapping[str, str], **own: Mapping[str, Any] | Any
    ) -> None:
        """Write its configuration.

        :param tokens: those of its ACLs
        :param own: what it has beyond what all have
        """
        config = {
            'node_name': self.name,
            'datacenter': DATACENTER,
            'data_dir': str(self._directory / self.name),
            'bind_addr': self.address,
            'client_addr': self.address,
            'ports': {**_NO_PORTS, **self._ports},
            'acl': {
                'enabled': True,
                'default_policy': 'deny',
                'tokens': dict(tokens),
            },
            'tls': {
                'https': {
                    'cert_file': str(self._directory / 'cert.pem'),
                    'key_file': str(self._directory / 'key.pem'),
                    'verify_incoming': False,
                }
            },
            **own,
        }
        path = self._directory / f'{self.name}.json'
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))

    def _knows_leader(self) -> bool:
        # Anybody may ask this, also where all else is denied.
        answer = requests.get(
            f'{self.url("http")}/v1/status/leader', timeout=5
        )
        return answer.ok and bool(answer.json())


def certify(directory: pathlib.Path, agents: Iterable[Agent]) -> pathlib.Path:
    """Make one certificate for all, where each should have its own.

    :returns: what vouches for it
    """
    names = [f'DNS:client.{DATACENTER}.consul']
    names += [f'IP:{agent.address}' for agent in agents]
    cafile = directory / 'cert.pem'
    subprocess.run(
        [
            daemons.program('openssl'),
            *('req', '-x509', '-newkey', 'ec', '-nodes', '-days', '2'),
            *('-pkeyopt', 'ec_paramgen_curve:P-256'),
            *('-subj', '/CN=test'),
            *('-addext', f'subjectAltName={",".join(names)}'),
            *('-keyout', str(directory / 'key.pem')),
            *('-out', str(cafile)),
        ],
        check=True,
        capture_output=True,
    )
    return cafile
