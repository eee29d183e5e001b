"""The short form of ``make fuzz``: the same few seeds each time."""

from oslotest import base

from tests.fuzz import answers, driver


class TestFuzz(base.BaseTestCase):
    def play(self, kind: driver.Kind, runs: int) -> None:
        found, _ = driver.search(kind, range(runs))
        self.assertEqual('', '\n'.join(map(str, found)))

    def test_answers(self) -> None:
        self.play(answers.KIND, 150)
