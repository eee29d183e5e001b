from typing import Any

from oslotest import base

from steal_scheduler.replay import work
from steal_scheduler.replay.cloud import Cloud
from steal_scheduler.replay.ours import Ours
from steal_scheduler.replay.recording import Recording
from steal_scheduler.replay.rivals import Wish
from tests.unit.make import rules
from tests.unit.replay.recordings import host, recording, server


class TestOurs(base.BaseTestCase):
    def wishes(
        self, made: Recording, minutes: int, **limits: Any
    ) -> list[Wish]:
        """All of so many minutes; nobody arrives."""
        cloud = Cloud(made, 1e9)
        self.ours = Ours(cloud, made, rules(**limits))
        found: list[Wish] = []
        for n in range(minutes):
            minute = work.fluid(cloud, made.demand[:1])
            for wish in self.ours.wishes(60.0 * (n + 1), minute):
                cloud.migrate(*wish, now=60.0 * (n + 1))
                found.append(wish)
        return found

    def test_roles_are_spread(self) -> None:
        """Not to b, which has the most room and another one of its role."""
        web: dict[str, Any] = {'role': 'web'}
        made = recording(
            [host('a'), host('b'), host('c')],
            {
                server('s', 'a', **web): 3,
                server('t', 'a', **web): 3,
                server('u', 'b', **web): 0.2,
                # Of another project it is another role.
                server('v', 'c', **web, project='q'): 0.4,
            },
        )
        self.assertEqual([(0, 2)], self.wishes(made, 3))

    def test_no_host(self) -> None:
        """Nobody is drained in vain where no host has the memory."""
        made = recording(
            [host('a', cores=6.0), host('b', ram_mb=1024), host('c', cores=1)],
            {server(f's{n}', 'a'): 3 for n in range(4)},
        )
        self.assertEqual([], self.wishes(made, 20))
        self.assertEqual(0, self.ours.refused)
