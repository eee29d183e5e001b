import tracemalloc

from oslotest import base

from steal_scheduler.model.cloud import ServerSignal
from steal_scheduler.model.past import Readings
from steal_scheduler.model.threads import Spent, Threads


def one(server_id: str, host: str | None, used: float) -> ServerSignal:
    return ServerSignal(server_id, host, used, waited=0.5, at=0.0)


class TestReadings(base.BaseTestCase):
    def test_what_was_read(self) -> None:
        """Servers come and go, and move."""
        told = [
            {'x': one('x', 'a', 1.0), 'y': one('y', None, 2.0)},
            {},
            {'z': one('z', 'b', 0.25), 'x': one('x', 'b', 0.0)},
        ]
        found = Readings(told)
        self.assertEqual(3, len(found))
        self.assertEqual(told, [*found])
        self.assertEqual(told, [*found])

    def test_what_its_quota_holds_back_is_left_out(self) -> None:
        signal = ServerSignal(
            'x',
            'a',
            used=1.0,
            waited=2.0,
            at=0.0,
            throttled=0.5,
            threads=Threads(others=Spent(0.25, 0.5)),
        )
        [found] = Readings([{'x': signal}])
        self.assertEqual(1.5, found['x'].contention)
        self.assertEqual(0.25, found['x'].threads.others.used)

    def test_turned(self) -> None:
        first, last = {'x': one('x', 'a', 1.0)}, {'y': one('y', 'a', 2.0)}
        found = Readings([first, {}, last, {}, {}])
        found.turn()
        self.assertEqual([last, {}, first], [*found])
        nothing = Readings([{}])
        nothing.turn()
        self.assertEqual(0, len(nothing))

    def test_they_take_little(self) -> None:
        """16 bytes for each server and step, and hardly more."""
        reading = {f's{n}': one(f's{n}', f'h{n % 9}', 1.0) for n in range(500)}
        found = Readings([reading])
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(200):
            found.append(reading)
        taken, _ = tracemalloc.get_traced_memory()
        self.assertLess(taken, 1.2 * 16 * 200 * len(reading))
