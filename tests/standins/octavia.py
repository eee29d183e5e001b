"""A stand-in for Octavia: the documented calls that we make.

It is written by hand, after the reference of the API v2 (2.5, which brought
tags, up to 2.27) and what Octavia 19.0's API process answered to the same
requests. No real one holds it to that in the tests: an Octavia needs a
Neutron and amphorae. So it has no load balancer, and says nothing about one.

    GET /v2/lbaas/pools             project_id, limit and marker
    GET /v2/lbaas/pools/{id}
    GET /v2/lbaas/pools/{id}/members            limit and marker
    PUT /v2/lbaas/pools/{id}/members/{id}       weight and tags

A change locks its load balancer until ``take_up``, as the driver's word
does there.
"""

import uuid
from typing import Any

from tests.standins.app import Answer, Request, StandIn, route
from tests.standins.keystone import Keystone

_POOLS = '/v2/lbaas/pools'


def fault(status: int, text: str) -> Answer:
    return status, {
        'faultcode': 'Client' if status < 500 else 'Server',
        'faultstring': text,
        'debuginfo': None,
    }


def not_found(what: str) -> Answer:
    """Of a pool in the path of its members: another form of the same."""
    return 404, {
        'code': 404,
        'title': 'Bad Request',
        'description': f'{what} not found.',
    }


FORBIDDEN = fault(403, 'Policy does not allow this request to be performed.')


class Octavia(StandIn):
    """Keeps what it is told."""

    def __init__(self, keystone: Keystone) -> None:
        """:param keystone: whose tokens it takes"""
        super().__init__()
        self._keystone = keystone
        self.pools: dict[str, dict[str, Any]] = {}
        #: By the id of their pool, oldest first.
        self.members: dict[str, list[dict[str, Any]]] = {}
        #: Load balancers that are PENDING_UPDATE.
        self.locked: set[str] = set()
        #: Members that it gives at once.
        self.page = 1000
        #: What the user may, by the names of Octavia's default policy.
        self.rights = {'read', 'read-global', 'write'}

    def add_pool(self, project_id: str = 'p', **other: Any) -> str:
        pool_id = str(uuid.uuid4())
        self.members[pool_id] = []
        self.pools[pool_id] = {
            'id': pool_id,
            'name': 'shop',
            'project_id': project_id,
            'lb_algorithm': 'ROUND_ROBIN',
            'admin_state_up': True,
            'loadbalancers': [{'id': str(uuid.uuid4())}],
        } | other
        return pool_id

    def add_member(
        self, pool_id: str, address: str, **other: Any
    ) -> dict[str, Any]:
        member = {
            'id': str(uuid.uuid4()),
            'address': address,
            'protocol_port': 80,
            'weight': 1,
            'tags': [],
            'provisioning_status': 'ACTIVE',
            'operating_status': 'ONLINE',
            'admin_state_up': True,
            'backup': False,
        } | other
        self.members[pool_id].append(member)
        return member

    def take_up(self) -> None:
        """The driver has done what was asked for."""
        self.locked.clear()
        for members in self.members.values():
            for member in members:
                if member['provisioning_status'] == 'PENDING_UPDATE':
                    member['provisioning_status'] = 'ACTIVE'
                    status = 'ONLINE' if member['weight'] else 'DRAINING'
                    member['operating_status'] = status

    def changes(self) -> list[Any]:
        """What members were asked to become."""
        return [
            asked.json['member']
            for asked in self.asked
            if asked.method == 'PUT'
        ]

    def is_out(self, address: str) -> bool:
        """Whether no member of this address takes connections."""
        return not any(
            member['weight'] and member['admin_state_up']
            for members in self.members.values()
            for member in members
            if member['address'] == address
        )

    # -- the calls ---------------------------------------------------------

    def answer(self, request: Request) -> Answer:
        token = request.headers.get('x-auth-token')
        if token not in self._keystone.tokens:
            return 401, {'error': 'The request requires a log-in.'}
        return super().answer(request)

    def no_route(self, request: Request) -> Answer:
        return fault(404, 'Not found.')

    @route('GET', _POOLS)
    def _list_pools(self, request: Request) -> Answer:
        project = request.query.get('project_id')
        if 'read-global' not in self.rights:
            # Its own project's, without a word, where it names none.
            if project not in (None, 'service'):
                return FORBIDDEN
            project = 'service'
        found = [
            {**pool, 'members': [{'id': m['id']} for m in self.members[id]]}
            for id, pool in self.pools.items()
            if project in (None, pool['project_id'])
        ]
        return self._paged('pools', found, request.query)

    @route('GET', f'{_POOLS}/{{}}')
    def _show_pool(self, request: Request, pool: str) -> Answer:
        if pool not in self.pools:
            return not_found(f'Pool {pool}')
        return 200, {'pool': self.pools[pool]}

    @route('GET', f'{_POOLS}/{{}}/members')
    def _list_members(self, request: Request, pool: str) -> Answer:
        if pool not in self.pools:
            return not_found(f'Pool {pool}')
        if 'read' not in self.rights:
            return FORBIDDEN
        return self._paged('members', self.members[pool], request.query)

    @route('PUT', f'{_POOLS}/{{}}/members/{{}}')
    def _change_member(
        self, request: Request, pool: str, member: str
    ) -> Answer:
        if pool not in self.pools:
            return not_found(f'Pool {pool}')
        for known in self.members[pool]:
            if known['id'] == member:
                return self._update(pool, known, request.json['member'])
        return fault(404, f'Member {member} not found.')

    def _paged(
        self, name: str, found: list[dict[str, Any]], asked: dict[str, str]
    ) -> Answer:
        ids = [one['id'] for one in found]
        marker = asked.get('marker')
        if marker and marker not in ids:
            return fault(400, f"'{marker}' is not a valid marker")
        begin = ids.index(marker) + 1 if marker else 0
        page = found[begin : begin + self.page]
        answer: dict[str, Any] = {name: page, f'{name}_links': []}
        if len(page) >= self.page:
            # Also after a full last page; and without the filters.
            href = f'http://inside.example/v2/lbaas/{name}?marker={ids[-1]}'
            answer[f'{name}_links'] = [{'rel': 'next', 'href': href}]
        return 200, answer

    def _update(
        self, pool: str, member: dict[str, Any], values: dict[str, Any]
    ) -> Answer:
        if 'write' not in self.rights:
            return FORBIDDEN
        unknown = values.keys() - member.keys()
        if unknown:
            return fault(400, f'Unknown attribute: {unknown.pop()}')
        if not 0 <= values.get('weight', 1) <= 256:
            return fault(400, 'Invalid input for field/attribute weight.')
        balancer = self.pools[pool]['loadbalancers'][0]['id']
        if balancer in self.locked:
            return fault(
                409,
                f'Load Balancer {balancer} is immutable and cannot be '
                'updated.',
            )
        self.locked.add(balancer)
        member.update(values, provisioning_status='PENDING_UPDATE')
        return 200, {'member': member}
