"""A zone whose hosts are full says nothing of the other zones."""

import dataclasses

from oslotest import base

from tests.unit.make import rules, server
from tests.unit.rig import Rig

#: Seconds between two ticks, and that a migration takes.
STEP = 60.0
COPY = 120.0
#: Where servers of each host go.
TO = {'a': 'b', 'c': 'd'}


class TwoZones(Rig):
    """az1 has servers on a, and b beside it; az2 has c and d.

    The cores of a are too few for its servers, all the time.
    """

    def __init__(self, *, full: bool, told: bool) -> None:
        """:param full: no server fits into the memory of b

        :param told: Placement says so
        """
        super().__init__(rules(shared_storage=True))
        self._full = full
        if full and told:
            self.nova.placement.ram = {'b': 0}
        for name, zone in {'c': 'az2', 'd': 'az2'}.items():
            self.nova.set_host(name, zone=zone)
        self.nova.servers.clear()
        for n in range(8):
            self.nova.create(server(f'a{n}', host='a'))
            self.source.demand[f'a{n}'] = 3.5
        for n in range(3):
            self.nova.create(server(f'c{n}', host='c', zone='az2'))

    def step(self) -> None:
        """A minute; Nova goes on with what it was asked for."""
        self.tick(STEP)
        going_on = [m for m in self.nova.records.values() if not m.ended]
        for found in going_on:
            if found.status != 'accepted':
                if self.now >= found.created_at + COPY:
                    self.nova.proceed('completed', found.server_id)
            elif self._full and found.source == 'a':
                # Without a target: no valid host.
                self.nova.proceed('error', found.server_id)
            else:
                self.nova.records[found.migration_id] = dataclasses.replace(
                    found, target=TO[found.source]
                )
                self.nova.proceed('running', found.server_id)

    def reasons(self) -> set[str]:
        return {r.reason for r in self.migrator.decided.refusals}


class TestFullZone(base.BaseTestCase):
    def cured_after(self, *, full: bool, told: bool = False) -> float:
        """Seconds from when a server of az2 begins to wait until it moved."""
        cloud = TwoZones(full=full, told=told)
        for _ in range(120):
            cloud.step()
        failed = [m for m in cloud.nova.records.values() if m.failed]
        # Two, and after an hour a third one: nobody else is drained in vain.
        expected = 3 if full and not told else 0
        self.assertEqual(expected, len(failed), failed)
        for n in range(3):
            cloud.source.demand[f'c{n}'] = 4.0
        began = cloud.now
        while not any(
            s.host == 'd' and s.status == 'ACTIVE'
            for s in cloud.nova.servers.values()
        ):
            cloud.step()
            self.assertFalse({r for r in cloud.reasons() if 'breaker' in r})
            self.assertLess(cloud.now - began, 8 * 3600)
        return cloud.now - began

    def test_it_holds_up_no_other(self) -> None:
        self.assertEqual(
            self.cured_after(full=False), self.cured_after(full=True)
        )

    def test_where_placement_tells_nobody_is_drained_for_it(self) -> None:
        self.assertEqual(
            self.cured_after(full=False),
            self.cured_after(full=True, told=True),
        )
