"""Load balancers of OpenStack: a server's weight is 0 while it moves.

A server is drained in every pool of its project that has one of its
addresses. The old weight is written into a tag of the member, in the same
request that sets the weight to 0, so there is nothing to lose in between.
The tag says that it was us, and is gone when the weight is back.
"""

import time
from collections.abc import Mapping
from typing import Any

from steal_scheduler.edge.text import one_line
from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators import base
from steal_scheduler.orchestrators.base import DONE, Answer, refused, waiting
from steal_scheduler.orchestrators.octavia import client, members, options


class Octavia(base.Orchestrator):
    OPTS = options.OPTS

    def __init__(self, conf: Any, section: str) -> None:
        super().__init__(conf, section)
        self.seconds = self.options.timeout
        pools = self.options.pools
        if pools and not self.options.projects:
            raise ConfigError(
                f'[{section}] pools = {", ".join(pools)}: projects is not '
                'set. Set it to the projects whose servers may be members of '
                'these pools.'
            )
        self._client = client.OctaviaClient(conf, section)
        #: Pools of each server that was out when all were last looked
        #: through. It saves a look, and is nothing to rely on.
        self._held: Mapping[str, frozenset[str]] = {}

    def drain(self, server: Server, node: str) -> Answer:
        self._client.begin()
        pools = self._pools(server)
        missing = {*self.options.pools} - {pool.pool_id for pool in pools}
        if missing:
            return refused(
                f'[{self.section}] pools = {", ".join(sorted(missing))}: '
                'Octavia has no such pool'
            )
        found = [
            each
            for each in members.memberships(pools, server)
            if each.pool.enabled and each.is_there
            # Else it is out by somebody else: his to undo.
            if each.weight_tags or (each.member.enabled and each.member.weight)
        ]
        # Where it cannot leave one pool it leaves none.
        answer = base.worst([_allowed(each) for each in found])
        if answer is not DONE:
            return answer
        return base.worst([self._take_out(each, server) for each in found])

    def reattach(self, server: Server, node: str) -> Answer:
        self._client.begin()
        found = members.memberships(self._pools(server), server)
        return base.worst(
            [self._restore(each) for each in found if each.weight_tags]
        )

    def detached(self) -> frozenset[str]:
        return frozenset(mark.server_id for mark in self.marks({}))

    def marks(self, servers: Mapping[str, Server]) -> list[base.Mark]:
        self._client.begin()
        pools = {pool.pool_id: pool for pool in self._everywhere()}
        self._held = members.held(pools.values())
        return [
            base.Mark(
                server_id,
                f'pool {pools[pool_id].name} ({pool_id})',
                self._doubt(pools[pool_id], servers.get(server_id)),
            )
            for server_id, pool_ids in sorted(self._held.items())
            for pool_id in sorted(pool_ids)
        ]

    def _doubt(self, pool: members.Pool, server: Server | None) -> str:
        """Why a tag in a pool tells nothing of this server; empty if it may.

        Its tags are its project's to write. Only in pools that you named are
        servers of others.
        """
        if (
            server is None
            or self.options.pools
            or server.project_id == pool.project_id
        ):
            return ''
        return (
            f'a member of pool {pool.name} has a tag of it, and the pool is '
            f'of project {one_line(pool.project_id, 40)}, the server of '
            f'{server.project_id}'
        )

    # -- where -------------------------------------------------------------

    def _pools(self, server: Server) -> list[members.Pool]:
        """Those that may have it as a member, with all their members.

        Of a server that Nova has forgotten not even its project is known.
        """
        if not self.options.pools:
            if server.project_id:
                return self._client.pools(server.project_id)
            if server.server_id in self._held:
                return self._client.named(self._held[server.server_id])
        return self._everywhere()

    def _everywhere(self) -> list[members.Pool]:
        if self.options.pools:
            return self._client.named(self.options.pools)
        projects = self.options.projects or [None]
        return [p for each in projects for p in self._client.pools(each)]

    # -- one member --------------------------------------------------------

    def _take_out(
        self, membership: members.Membership, server: Server
    ) -> Answer:
        """Weight and tag in one request; then wait for both to count."""
        member, now = membership.member, time.time()
        if not membership.weight_tags:
            tag = (
                f'{members.PREFIX}:{server.server_id}:'
                f'weight={member.weight}:{now:.0f}'
            )
            tags = [*membership.tags_of_others, tag]
            answer = self._client.update(membership, weight=0, tags=tags)
            if answer is DONE:
                return waiting(f'weight of {membership} set to 0')
            return answer
        if member.provisioning == 'ERROR':
            return refused(f'{membership} is in provisioning status ERROR')
        if member.provisioning != 'ACTIVE':
            return waiting(f'{membership} is {member.provisioning}')
        left = membership.weight_tags[0].since + self.options.settle - now
        if left > 0:
            return waiting(
                f'{left:.0f} s more for connections to {membership} to end'
            )
        return DONE

    def _restore(self, membership: members.Membership) -> Answer:
        """The weight that it had, unless somebody has given it another.

        One with weight 0 and the tag ``weight=5`` gets 5, and loses the tag.
        One that somebody set to 7 meanwhile keeps 7, and loses the tag.
        """
        values: dict[str, Any] = {'tags': membership.tags_of_others}
        if not membership.member.weight:
            values['weight'] = membership.weight_tags[0].weight
        return self._client.update(membership, **values)


def _allowed(membership: members.Membership) -> Answer:
    """DONE where it may be out, or stay so; else what forbids that."""
    rest = membership.others
    if membership.weight_tags and membership.member.weight:
        why = 'somebody set its weight while it was out'
    elif not membership.pool.weighted:
        why = 'its algorithm SOURCE_IP_PORT has no weights'
    elif membership.member.tags is None:
        why = 'Octavia has no tags, its API is under 2.5'
    elif any(other.serves() for other in rest):
        return DONE
    elif not membership.weight_tags and any(o.weight_tags() for o in rest):
        # They come back by themselves.
        return waiting(f'{membership}: the other members are drained')
    else:
        why = 'nothing else takes connections there'
    return refused(f'{membership}: {why}')
