from collections.abc import Mapping
from typing import Any

from oslotest import base

from steal_scheduler.demo.api import Api
from steal_scheduler.demo.guests import LOAD, Guests


class _Nova(Api):
    """Shows these servers."""

    def __init__(self, *servers: Mapping[str, Any]) -> None:
        super().__init__('http://127.0.0.1')
        self.servers = list(servers)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        return {'servers': self.servers}


class TestGuests(base.BaseTestCase):
    def server(self, **metadata: str) -> dict[str, Any]:
        return {
            'id': 'x',
            'name': 'mail',
            'flavor': {'vcpus': 4},
            'metadata': metadata,
            'OS-EXT-SRV-ATTR:host': 'a1',
            'OS-EXT-STS:vm_state': 'active',
        }

    def guests(self, server: Mapping[str, Any]) -> tuple[Guests, list[str]]:
        told: list[str] = []
        guests = Guests(_Nova(server), told.append)
        guests.usual = {'x': 2.0}
        guests.where()
        return guests, told

    def test_metadata(self) -> None:
        for said, cores, sentence in (
            ('3.5', 3.5, 'mail asks for 3.5 cores of its 4 vCPUs'),
            ('0', 0, 'mail asks for 0 cores of its 4 vCPUs'),
            ('9', 4, 'mail asks for 4 cores of its 4 vCPUs'),
            ('inf', 4, 'mail asks for 4 cores of its 4 vCPUs'),
            ('nan', 2, 'mail: demo:load=nan is no number of cores'),
            ('-1', 2, 'mail: demo:load=-1 is no number of cores'),
            ('HIGH', 2, 'mail: demo:load=HIGH is no number of cores'),
        ):
            guests, told = self.guests(self.server(**{LOAD: said}))
            guests.where()
            self.assertEqual({'x': cores}, guests.demands)
            self.assertEqual([sentence], told)

    def test_none(self) -> None:
        guests, told = self.guests(self.server())
        self.assertEqual({'x': 2.0}, guests.demands)
        self.assertEqual([], told)
        guests.usual = {}
        self.assertEqual({'x': 'a1'}, guests.where())
        self.assertGreater(guests.demands['x'], 0)

    def test_who_asks_for_nothing(self) -> None:
        off = self.server() | {'OS-EXT-STS:vm_state': 'stopped'}
        self.assertEqual({'x': 0.0}, self.guests(off)[0].demands)
        building = self.server() | {'OS-EXT-SRV-ATTR:host': None}
        guests, _ = self.guests(building)
        self.assertEqual(({}, {}), (guests.where(), guests.demands))
