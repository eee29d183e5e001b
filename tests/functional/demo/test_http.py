import threading
from typing import Any

import requests
from oslotest import base

from steal_scheduler.demo.http import Fault, Http, reply


class TestFaults(base.BaseTestCase):
    """What a service does instead of answering."""

    def setUp(self) -> None:
        super().setUp()
        self.http = Http()
        self.http.apps['compute'] = lambda environ, start: reply(start, {})
        self.http.start()
        self.addCleanup(self.http.stop)

    def ask(self) -> Any:
        return requests.get(f'{self.http.url}/compute', timeout=30).status_code

    def test_error(self) -> None:
        self.assertEqual(200, self.ask())
        self.http.faults['compute'] = Fault.ERROR
        self.assertEqual(500, self.ask())
        self.http.lift()
        self.assertEqual(200, self.ask())

    def test_unreachable(self) -> None:
        self.http.faults['compute'] = Fault.UNREACHABLE
        self.assertRaises(requests.ConnectionError, self.ask)

    def test_hang(self) -> None:
        """Until it is lifted."""
        self.http.faults['compute'] = Fault.HANG
        answers: list[int] = []
        asked = threading.Thread(target=lambda: answers.append(self.ask()))
        asked.start()
        asked.join(0.2)
        self.assertEqual([], answers)
        self.http.lift()
        asked.join(30)
        self.assertEqual([500], answers)
