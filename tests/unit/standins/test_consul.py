"""The stand-in of Consul does what Consul does."""

import json
import pathlib
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import fixtures
import requests
from oslotest import base

from tests.contract.consul import MAINTENANCE, ApiContract, Rights
from tests.contract.consul_drain import DrainContract
from tests.standins.consul import Cluster
from tests.standins.transport import mounted

SERVER = 'http://192.0.2.10:8500'
NODES = {'web-1': '192.0.2.11', 'web-2': '192.0.2.12'}


class StandInTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cluster = Cluster()
        self.cluster.acls = {}
        # The catalog follows only while the test waits for it.
        self.cluster.syncs = False
        net: dict[str, Any] = {SERVER: self.cluster.catalog}
        for name, address in NODES.items():
            self.cluster.add_node(name, address=address)
            net[f'http://{address}:8500'] = self.cluster.agents[name]
        self.enterContext(mounted(net))
        self.files = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def address(self, node: str) -> str:
        return NODES[node]

    def options(self) -> dict[str, Any]:
        return {
            'address': 'http://{address}:8500',
            'networks': ['192.0.2.0/24'],
            'catalog': SERVER,
            'settle': 0,
            'insecure': True,
        }

    def token(self, rights: Rights) -> str:
        secret = str(uuid.uuid4())
        found = {f'{resource}:read' for resource in rights}
        found |= {
            f'{name}:write' for name in rights if rights[name] == 'write'
        }
        assert self.cluster.acls is not None
        self.cluster.acls[secret] = frozenset(found)
        return secret

    def ask(
        self, method: str, path: str, token: str, node: str = ''
    ) -> tuple[int, Mapping[str, str], str]:
        url = f'http://{NODES[node]}:8500' if node else SERVER
        answer = requests.request(
            method, f'{url}{path}', headers={'X-Consul-Token': token}
        )
        return answer.status_code, answer.headers, answer.text

    def maintain(self, node: str, reason: str | None) -> None:
        self.cluster.nodes[node].reason = reason

    def check(self, node: str = 'web-1') -> dict[str, Any] | None:
        token = self.token({'node': 'read'})
        _, _, said = self.ask('GET', '/v1/agent/checks', token, node)
        return json.loads(said).get(MAINTENANCE)

    def shown(self) -> dict[str, str]:
        return {
            name: node.shown
            for name, node in self.cluster.nodes.items()
            if node.shown is not None
        }

    def wait(self, predicate: Callable[[], Any], what: str) -> Any:
        for _ in range(9):
            if found := predicate():
                return found
            self.cluster.sync()
        self.fail(f'not so: {what}')


class TestApi(ApiContract, StandInTest):
    pass


class TestDrain(DrainContract, StandInTest):
    pass
