"""The short form of ``make fuzz``: the same few seeds each time."""

from oslotest import base

from tests.fuzz import answers, configuration, driver, scheduler


class TestFuzz(base.BaseTestCase):
    def play(self, kind: driver.Kind, runs: int) -> None:
        found, _ = driver.search(kind, range(runs))
        self.assertEqual('', '\n'.join(map(str, found)))

    def test_answers(self) -> None:
        self.play(answers.KIND, 80)

    def test_scheduler(self) -> None:
        with scheduler.working(large=2_000, look=5) as kind:
            self.play(kind, 20)

    def test_memory_is_looked_at(self) -> None:
        """What is not seen would be believed."""
        kept = []
        with scheduler.working(large=10) as kind:
            worker = kind.play.__self__  # type: ignore[attr-defined]
            self.assertEqual('', worker.grown())
            self.assertEqual('', worker.grown())
            kept = [[n] for n in range(2 * scheduler.LEAK)]
            self.assertIn('memory grows', worker.grown())
        self.assertTrue(kept)

    def test_configuration(self) -> None:
        with configuration.starting() as kind:
            self.play(kind, 25)
