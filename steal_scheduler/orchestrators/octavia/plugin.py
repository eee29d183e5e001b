"""Load balancers of OpenStack: a server's weight is 0 while it moves.

A server is drained in every pool of its project that has one of its
addresses. The old weight is written into a tag of the member, in the same
request that sets the weight to 0, so there is nothing to lose in between.
The tag says that it was us, and is gone when the weight is back.
"""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from steal_scheduler.exception import ConfigError
from steal_scheduler.model.cloud import Server
from steal_scheduler.orchestrators.base import (
    DONE,
    Answer,
    Orchestrator,
    State,
)
from steal_scheduler.orchestrators.octavia import api
from steal_scheduler.orchestrators.octavia import options as octavia_opts
from steal_scheduler.orchestrators.octavia.members import Pool
from steal_scheduler.orchestrators.octavia.places import (
    Place,
    held,
    others,
    places,
)


class Octavia(Orchestrator):
    OPTS = octavia_opts.OPTS

    def __init__(
        self, conf: Any, section: str, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(conf, section)
        options = self.options
        if not re.fullmatch(r'[\w.-]{1,64}', options.mark, re.ASCII):
            raise ConfigError(
                f'[{section}] mark = {options.mark!r}: use up to 64 letters, '
                'digits, "-", "_" and ".".'
            )
        if options.pools and not options.projects:
            raise ConfigError(
                f'[{section}] pools = {", ".join(options.pools)} needs '
                'projects: name those whose servers may be members of them.'
            )
        self._api = api.Api(conf, section)
        self._now = clock
        #: Pools of each server that was out when all were last looked
        #: through. It saves a look, and is nothing to rely on.
        self._held: Mapping[str, frozenset[str]] = {}

    def drain(self, server: Server, node: str) -> Answer:
        self._api.begin()
        pools = self._pools(server)
        missing = {*self.options.pools} - {pool.pool_id for pool in pools}
        if missing:
            return _no(
                f'[{self.section}] pools = {", ".join(sorted(missing))}: '
                'Octavia has no such pool'
            )
        obstacles, steps = [], []
        for place in places(pools, server, self.options.mark):
            member = place.member
            out = not (member.enabled and member.weight)
            if not place.pool.enabled or not place.is_there:
                continue
            if out and not place.marks:
                # By somebody else's doing: his to put back.
                continue
            why = self._obstacle(place, server)
            if why is None:
                steps.append(place)
            elif place.marks or self.options.undrainable == 'refuse':
                obstacles.append(why)
        # Where it cannot leave one pool it leaves none.
        if obstacles:
            return _worst(obstacles)
        return _worst([self._take_out(step, server) for step in steps])

    def reattach(self, server: Server, node: str) -> Answer:
        self._api.begin()
        found = places(self._pools(server), server, self.options.mark)
        return _worst(
            [self._put_back(place) for place in found if place.marks]
        )

    def detached(self) -> frozenset[str]:
        self._api.begin()
        self._held = held(self._everywhere(), self.options.mark)
        return frozenset(self._held)

    # -- where -------------------------------------------------------------

    def _pools(self, server: Server) -> list[Pool]:
        """Those that may have it as a member, with all their members.

        Of a server that Nova has forgotten not even its project is known.
        """
        if self.options.pools:
            return self._everywhere()
        if server.project_id:
            return self._api.with_members(self._api.pools(server.project_id))
        if server.server_id in self._held:
            return self._named(self._held[server.server_id])
        return self._everywhere()

    def _everywhere(self) -> list[Pool]:
        if self.options.pools:
            return self._named(self.options.pools)
        projects = self.options.projects or [None]
        listed = map(self._api.pools, projects)
        return self._api.with_members([p for pools in listed for p in pools])

    def _named(self, pool_ids: Iterable[str]) -> list[Pool]:
        named = map(self._api.pool, pool_ids)
        return self._api.with_members([p for p in named if p is not None])

    # -- one member --------------------------------------------------------

    def _obstacle(self, place: Place, server: Server) -> Answer | None:
        """What forbids that it be out, if anything."""
        if place.marks and place.member.weight:
            return _no(f'somebody set the weight of {place} while it was out')
        if not place.pool.weighted:
            return _no(f'{place}: its algorithm SOURCE_IP_PORT has no weights')
        if place.member.tags is None:
            return _no(f'{place}: Octavia has no tags, its API is under 2.5')
        rest = others(place, server)
        if any(other.serves() for other in rest):
            return None
        if not place.marks and any(o.marks(self.options.mark) for o in rest):
            # They come back by themselves.
            return _wait(f'{place}: the others are out')
        return _no(f'nothing but {place} takes connections there')

    def _take_out(self, place: Place, server: Server) -> Answer:
        """Weight and tag in one request; then wait for both to count."""
        member, now = place.member, self._now()
        if not place.marks:
            tag = (
                f'{self.options.mark}:{server.server_id}:'
                f'weight={member.weight}:{now:.0f}'
            )
            tags = [*place.tags_of_others, tag]
            answer = self._update(place, weight=0, tags=tags)
            return _wait(f'{place} goes out') if answer is DONE else answer
        if member.provisioning == 'ERROR':
            return _no(f'{place} is in provisioning status ERROR')
        if member.provisioning != 'ACTIVE':
            return _wait(f'{place} is {member.provisioning}')
        left = place.marks[0].since + self.options.settle - now
        if left > 0:
            return _wait(f'connections to {place} may end: {left:.0f} s yet')
        return DONE

    def _put_back(self, place: Place) -> Answer:
        """The weight that it had, unless somebody has given it another."""
        values: dict[str, Any] = {'tags': place.tags_of_others}
        if not place.member.weight:
            values['weight'] = place.marks[0].weight
        return self._update(place, **values)

    def _update(self, place: Place, **values: Any) -> Answer:
        try:
            self._api.update(place.member, **values)
        except api.Immutable as error:
            return _wait(f'{place}: {error}')
        except api.Gone:
            # Nobody is sent there any more.
            return DONE
        except api.Refused as error:
            return _no(f'{place}: {error}')
        return DONE


def _no(detail: str) -> Answer:
    return Answer(State.REFUSED, detail)


def _wait(detail: str) -> Answer:
    return Answer(State.WAITING, detail)


def _worst(answers: Sequence[Answer]) -> Answer:
    """A no counts for more than a wait, and that for more than DONE."""
    for state in (State.REFUSED, State.WAITING):
        for answer in answers:
            if answer.state is state:
                return answer
    return DONE
