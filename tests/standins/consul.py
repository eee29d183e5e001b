"""A stand-in for a Consul cluster: its catalog, and the agents of its nodes.

It is written by hand, after what a real one (1.19) was seen to answer;
``tests/contract/consul.py`` holds both to the same. The catalog follows an
agent at once, or when the test says so (``syncs``, ``sync``).
"""

import dataclasses
import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from tests.standins.app import Answer, Request, StandIn, route

TOKEN = '33333333-3333-4333-8333-333333333333'
ALL = frozenset({'agent:read', 'node:read', 'node:write', 'service:read'})
#: What Consul writes where no reason was given.
NO_REASON = (
    'Maintenance mode is enabled for this node, but no reason was provided. '
    'This is a default message.'
)
_MAINTENANCE = '_node_maintenance'
_ACCESSOR = '22222222-2222-4222-8222-222222222222'


@dataclasses.dataclass
class Node:
    """One node, as its agent and as the catalog know it."""

    name: str
    address: str = '127.0.0.1'
    node_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    #: Why its agent has it in maintenance; None if it does not.
    reason: str | None = None
    #: The same, as the catalog shows it.
    shown: str | None = None
    #: The catalog knows it. An agent that leaves is known no more.
    joined: bool = True
    tagged: dict[str, str] = dataclasses.field(default_factory=dict)


class Cluster:
    """The nodes by name; ``catalog`` and ``agent(name)`` are the apps."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        #: An agent tells the catalog at once.
        self.syncs = True
        #: Agents do what they are told.
        self.obeys = True
        #: Rights by token; None: there are no ACLs.
        self.acls: dict[str, frozenset[str]] | None = None
        self.catalog = Catalog(self)
        self.agents: dict[str, Agent] = {}

    def add_node(self, name: str, **about: Any) -> Node:
        """Add a node and its agent."""
        self.nodes[name] = Node(name, **about)
        self.agents[name] = Agent(self, self.nodes[name])
        return self.nodes[name]

    def sync(self) -> None:
        """Let the catalog show what the agents have."""
        for node in self.nodes.values():
            node.shown = node.reason if node.joined else None


class _Member(StandIn):
    """What the agents and the catalog have in common: ACLs."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster

    @property
    def tokens(self) -> set[str | None]:
        """Those that were sent here."""
        return {r.headers.get('x-consul-token') for r in self.asked}

    def lacks(self, request: Request, right: str) -> bool:
        acls = self.cluster.acls
        token = request.headers.get('x-consul-token')
        return acls is not None and right not in acls.get(token or '', ())

    def answer(self, request: Request) -> Answer:
        token = request.headers.get('x-consul-token')
        acls = self.cluster.acls
        if token and acls is not None and token not in acls:
            return 403, b'ACL not found'
        return super().answer(request)

    def forbidden(self, request: Request, right: str, name: str) -> Answer:
        who, more = (
            'anonymous token',
            (
                '. The anonymous token is used implicitly when a request does '
                'not specify a token.'
            ),
        )
        if request.headers.get('x-consul-token'):
            who, more = f"token with AccessorID '{_ACCESSOR}'", ''
        text = f"Permission denied: {who} lacks permission '{right}' on"
        return 403, f'{text} "{name}"{more}'.encode()

    def seen(
        self, request: Request, right: str, found: Iterable[Any]
    ) -> tuple[list[Any], dict[str, str]]:
        """What one may see of a list, and the header that tells of the rest.

        NOTE: the header is for whoever has a token.
        """
        kept = _filtered(found, request.query.get('filter', ''))
        if not kept or not self.lacks(request, right):
            return kept, {}
        known = request.headers.get('x-consul-token')
        hidden = 'X-Consul-Results-Filtered-By-ACLs'
        return [], {hidden: 'true'} if known else {}


class Agent(_Member):
    """That of one node."""

    def __init__(self, cluster: Cluster, node: Node) -> None:
        super().__init__(cluster)
        self.node = node
        #: Called before it obeys.
        self.before_it_obeys: Callable[[bool], Any] = lambda enable: None

    @route('GET', '/v1/agent/self')
    def _self(self, request: Request) -> Answer:
        if self.lacks(request, 'agent:read'):
            return self.forbidden(request, 'agent:read', self.node.name)
        about = {'NodeName': self.node.name, 'NodeID': self.node.node_id}
        return 200, {'Config': about}

    @route('GET', '/v1/agent/checks')
    def _checks(self, request: Request) -> Answer:
        checks = _checks(self.node.name, self.node.reason)
        kept, headers = self.seen(request, 'node:read', checks)
        return 200, {check['CheckID']: check for check in kept}, headers

    @route('PUT', '/v1/agent/maintenance')
    def _maintain(self, request: Request) -> Answer:
        enable = request.query.get('enable')
        if enable not in ('true', 'false'):
            return 400, b'Missing value for enable'
        if self.lacks(request, 'node:write'):
            return self.forbidden(request, 'node:write', self.node.name)
        self.before_it_obeys(enable == 'true')
        if self.cluster.obeys and enable == 'false':
            self.node.reason = None
        elif self.cluster.obeys and self.node.reason is None:
            self.node.reason = request.query.get('reason') or NO_REASON
        if self.cluster.syncs:
            self.cluster.sync()
        return 200, b''


class Catalog(_Member):
    """What the servers of the cluster know."""

    def _known(self) -> list[Node]:
        return [node for node in self.cluster.nodes.values() if node.joined]

    @route('GET', '/v1/agent/self')
    def _self(self, request: Request) -> Answer:
        if self.lacks(request, 'agent:read'):
            return self.forbidden(request, 'agent:read', 'server')
        return 200, {'Config': {'NodeName': 'server', 'NodeID': 'x'}}

    @route('GET', '/v1/catalog/nodes')
    def _nodes(self, request: Request) -> Answer:
        nodes = (
            {
                'Node': node.name,
                'ID': node.node_id,
                'Address': node.address,
                'TaggedAddresses': node.tagged,
            }
            for node in self._known()
        )
        kept, headers = self.seen(request, 'node:read', nodes)
        return 200, kept, headers

    @route('GET', '/v1/health/node/{}')
    def _health(self, request: Request, name: str) -> Answer:
        found = [node for node in self._known() if node.name == name]
        checks = [
            check
            for node in found
            for check in (
                {'Node': name, 'CheckID': 'serfHealth', 'Notes': ''},
                *_checks(name, node.shown),
            )
        ]
        kept, headers = self.seen(request, 'node:read', checks)
        return 200, kept, headers

    @route('GET', '/v1/health/state/critical')
    def _critical(self, request: Request) -> Answer:
        checks = [
            check
            for node in self._known()
            for check in _checks(node.name, node.shown)
        ]
        kept, headers = self.seen(request, 'node:read', checks)
        return 200, kept, headers


def _checks(node: str, reason: str | None) -> list[dict[str, str]]:
    if reason is None:
        return []
    return [
        {
            'Node': node,
            'CheckID': _MAINTENANCE,
            'Status': 'critical',
            'Notes': reason,
        }
    ]


def _filtered(found: Iterable[Any], expression: str) -> list[Any]:
    """Those of which one term holds: ``A == "b" or A == "c"``."""
    terms = re.findall(r'(\w+) == "([^"]*)"', expression)
    return [
        each
        for each in found
        if not terms or any(each.get(key) == value for key, value in terms)
    ]
