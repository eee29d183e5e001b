"""A real Consul on loopback: one server, and an agent for each node.

Each has an address of its own in 127.0.0.0/8, and the same ports, as machines
have.

ACLs are on and deny by default. Each agent has a token for its own node and
nothing else; what a node has to offer is registered with that agent, as
usual. DNS answers anybody.
"""

import contextlib
import ipaddress
import json
import pathlib
import signal
import subprocess
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import requests

from tests.integration import daemons
from tests.integration.binaries import binary

_DATACENTER = 'dc1'
#: That an agent listens on.
_PORTS = ('http', 'https', 'dns', 'serf_lan', 'server')
_NO_PORTS = {'serf_wan': -1, 'grpc': -1, 'grpc_tls': -1}
_SERVER = 'server'
_NETWORK = ipaddress.ip_network('127.77.0.0/24')
#: What anybody may who asks through DNS.
_DNS = """
node_prefix "" { policy = "read" }
service_prefix "" { policy = "read" }
"""
#: What a check is called that ``consul maint`` adds to a node.
MAINTENANCE = '_node_maintenance'


class ConsulError(daemons.DaemonError):
    """The command did not end well; the text is what it said."""


class Datacenter(daemons.Parts):
    """One that nobody else can reach."""

    def __init__(self, directory: pathlib.Path, nodes: Sequence[str]) -> None:
        """Describe it; start nothing.

        :param directory: empty, and its own; best on a tmpfs
        :param nodes: names
        """
        self._directory = directory
        self._consul = binary('consul')
        #: May do everything.
        self.management = str(uuid.uuid4())
        #: http, https, dns and more: port; the same for all.
        self.ports = {port: daemons.free_port() for port in _PORTS}
        self._agents = {
            name: Agent(name, str(address), self.ports, directory)
            for name, address in zip(
                (_SERVER, *nodes), _NETWORK.hosts(), strict=False
            )
        }
        self.nodes = tuple(nodes)
        #: Where all addresses are.
        self.network = str(_NETWORK)
        #: What vouches for the agents where they speak TLS.
        self.cafile = _certify(directory, self._agents.values())

    # -- its life ----------------------------------------------------------

    def begin(self, stack: contextlib.ExitStack) -> None:
        stack.callback(self._stop_all)
        self._start_server()
        for name in self.nodes:
            self._start_client(name)
        daemons.until(
            'all agents are members',
            lambda: {*self.nodes, _SERVER} <= set(self._alive()),
            failing=(requests.RequestException,),
        )

    @property
    def logs(self) -> list[pathlib.Path]:
        """What its daemons say, once they do."""
        return sorted(self._directory.glob('*.log'))

    # -- outages -----------------------------------------------------------

    def pause(self, node: str) -> None:
        """Let its agent accept connections and never answer."""
        self._agents[node].daemon.send(signal.SIGSTOP)

    def resume(self, node: str) -> None:
        self._agents[node].daemon.send(signal.SIGCONT)

    def stop(self, node: str, how: int = signal.SIGKILL) -> None:
        """End its agent: it crashes, or leaves with SIGINT."""
        self._agents[node].daemon.stop(how)

    def start(self, node: str) -> None:
        """Start its agent again; it knows what it knew."""
        self._agents[node].daemon.start()

    # -- who asks ----------------------------------------------------------

    def agent(self, node: str, scheme: str = 'http') -> str:
        """Return the URL of the node's own agent.

        :param scheme: http, or https with `cafile`
        """
        return self._agents[node].url(scheme)

    def address(self, node: str) -> str:
        """Return its own, from which it answers."""
        return self._agents[node].address

    @property
    def server(self) -> str:
        """The URL of the server."""
        return self.agent(_SERVER)

    @property
    def dns(self) -> tuple[str, int]:
        """Where the server answers DNS."""
        return self.address(_SERVER), self.ports['dns']

    def token(self, rules: str) -> str:
        """Return a token with these rules (HCL) and no other rights."""
        policy = self.call(
            'PUT',
            'acl/policy',
            json={'Name': f'p-{uuid.uuid4()}', 'Rules': rules},
        )
        return self._issue({'Policies': [{'ID': policy['ID']}]})

    def call(self, method: str, path: str, node: str = '', **how: Any) -> Any:
        """Return what the API answers to who may do everything.

        :param node: whose agent is asked; the server, if it is not given
        :raises requests.RequestException: it does not, or an error
        """
        answer = requests.request(
            method,
            f'{self.agent(node or _SERVER)}/v1/{path}',
            headers={'X-Consul-Token': self.management},
            timeout=10,
            **how,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def run(
        self, node: str, *args: str, token: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command ``consul`` against the node's agent to its end."""
        return subprocess.run(
            [self._consul, *args],
            env={
                'HOME': str(self._directory),
                'CONSUL_HTTP_ADDR': self.agent(node),
                'CONSUL_HTTP_TOKEN': token or self.management,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def maint(self, node: str, *args: str) -> str:
        """Run ``consul maint`` on a node; what it prints.

        :raises ConsulError: it failed
        """
        done = self.run(node, 'maint', *args)
        if done.returncode:
            raise ConsulError(f'consul maint {" ".join(args)}: {done.stderr}')
        return done.stdout

    # -- what is in it -----------------------------------------------------

    def register(self, node: str, service: str, port: int = 8080) -> None:
        """Register a service with the node's agent; it is healthy.

        Its check passes until somebody says otherwise.
        """
        check = {'TTL': '24h'}
        body = {'Name': service, 'Port': port, 'Check': check}
        self.call('PUT', 'agent/service/register', node, json=body)
        # Else the agent forgets it when it is restarted.
        self.call('PUT', f'agent/check/pass/service:{service}', node)
        daemons.until(
            f'{service} is healthy on {node}',
            lambda: node in self.healthy(service),
        )

    def clear(self) -> None:
        """Forget all services."""
        for node in self.nodes:
            for service in self.call('GET', 'agent/services', node):
                path = f'agent/service/deregister/{service}'
                self.call('PUT', path, node)

    def healthy(self, service: str) -> set[str]:
        """Return the nodes where the service passes all checks."""
        found = self.call('GET', f'health/service/{service}?passing')
        return {each['Node']['Node'] for each in found}

    def named(self, service: str) -> set[str]:
        """Return the nodes that DNS names for the service (SRV).

        :raises DaemonError: DNS does not answer
        """
        return named(*self.dns, service)

    def maintenance(self) -> dict[str, str]:
        """Return the reason for each node that is in maintenance."""
        found = self.call('GET', 'health/state/critical')
        return {
            each['Node']: each['Notes']
            for each in found
            if each['CheckID'] == MAINTENANCE
        }

    # -- its parts ---------------------------------------------------------

    def _start_server(self) -> None:
        self._agents[_SERVER].configure(
            {
                'initial_management': self.management,
                'agent': self.management,
            },
            server=True,
            bootstrap_expect=1,
            performance={'raft_multiplier': 1},
        )
        self.start(_SERVER)
        policy = daemons.until(
            'the server takes a policy',
            lambda: self.call(
                'PUT', 'acl/policy', json={'Name': 'dns', 'Rules': _DNS}
            ),
            failing=(requests.RequestException,),
        )
        anonymous = '00000000-0000-0000-0000-000000000002'
        self.call(
            'PUT',
            f'acl/token/{anonymous}',
            json={
                'AccessorID': anonymous,
                'Policies': [{'ID': policy['ID']}],
            },
        )

    def _start_client(self, name: str) -> None:
        identity = {'NodeName': name, 'Datacenter': _DATACENTER}
        token = self._issue({'NodeIdentities': [identity]})
        self._agents[name].configure(
            {'agent': token},
            retry_join=[self.address(_SERVER)],
            retry_interval='1s',
        )
        self.start(name)

    def _stop_all(self) -> None:
        # All of it is thrown away, so nothing need leave in good order.
        for agent in self._agents.values():
            agent.daemon.stop(signal.SIGKILL)

    def _issue(self, rights: Mapping[str, Any]) -> str:
        secret: str = self.call('PUT', 'acl/token', json=rights)['SecretID']
        return secret

    def _alive(self) -> list[str]:
        members = self.call('GET', 'agent/members')
        return [each['Name'] for each in members if each['Status'] == 1]


def named(address: str, port: int, service: str) -> set[str]:
    """Return the nodes that a DNS server of Consul names for a service (SRV).

    :raises DaemonError: it does not answer
    """
    query = dns.message.make_query(
        f'{service}.service.consul', dns.rdatatype.SRV
    )
    try:
        answer, _ = dns.query.udp_with_fallback(query, address, 5, port)
    except (dns.exception.DNSException, OSError) as e:
        raise daemons.DaemonError(f'DNS: {e!r}') from e
    return {
        record.target.labels[0].decode()
        for rrset in answer.answer
        for record in rrset
        if rrset.rdtype == dns.rdatatype.SRV
    }


class Agent:
    """One: its configuration and its process.

    It speaks HTTP and HTTPS, and keeps what it knows over a restart.
    """

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
            'datacenter': _DATACENTER,
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


def _certify(directory: pathlib.Path, agents: Iterable[Agent]) -> pathlib.Path:
    """Make one certificate for all, where each should have its own.

    :returns: what vouches for it
    """
    names = [f'DNS:client.{_DATACENTER}.consul']
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
