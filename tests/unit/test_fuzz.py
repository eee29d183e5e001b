"""The short form of ``make fuzz``: the same few seeds each time."""

import contextlib
import math
from typing import Any

from oslotest import base

from steal_scheduler import startup
from steal_scheduler.decision import room
from steal_scheduler.decision import saturation as moving
from steal_scheduler.edge import sense
from steal_scheduler.model.refusal import SCARCE, Reason
from steal_scheduler.moves import tags
from steal_scheduler.nova_client import parse
from steal_scheduler.scheduler import weighers
from tests.fuzz import (
    answers,
    configuration,
    driver,
    rooms,
    saturation,
    scheduler,
    texts,
)


class TestFuzz(base.BaseTestCase):
    def play(self, kind: driver.Kind, runs: int) -> None:
        found, _ = driver.search(kind, range(runs))
        self.assertEqual('', '\n'.join(map(str, found)))

    def test_answers(self) -> None:
        self.play(answers.KIND, 60)

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
            self.play(kind, 20)

    def test_texts(self) -> None:
        with texts.written() as kind:
            self.play(kind, 10)

    def test_rooms(self) -> None:
        found, counts = driver.search(rooms.KIND, range(500))
        self.assertEqual('', '\n'.join(map(str, found)))
        # Each answer has come, and often enough to mean something.
        wanted = {'placed', 'saturated', 'targets_unknown', *map(str, SCARCE)}
        rare = {w for w in wanted if counts[w] < 25}
        self.assertEqual({'resources', 'kept_room'}, rare, counts)

    def test_saturation(self) -> None:
        """The verdicts of 500 clouds, of which 99 in 100 must be right."""
        found, counts = driver.search(saturation.KIND, range(5))
        self.assertEqual('', '\n'.join(map(str, found)))
        self.assertLessEqual(counts['wrong'], 5)
        self.assertGreater(
            min(counts['saturated'], counts['not saturated']), 99
        )


class TestItFinds(base.BaseTestCase):
    """What finds nothing in a product that is broken proves nothing."""

    def patch(self, obj: Any, attribute: str, value: Any) -> None:
        # A name that is no more would break nothing.
        self.assertTrue(hasattr(obj, attribute), attribute)
        super().patch(obj, attribute, value)

    def found(self, kind: driver.Kind, what: str) -> None:
        for seed in range(100):
            if what in kind.play(kind.drawn(seed)).violation:
                return
        self.fail(f'nothing was found: {what}')

    def test_a_name_that_is_not_escaped(self) -> None:
        self.patch(parse, 'one_line', lambda said, most=300: str(said))
        with texts.written() as kind:
            self.found(kind, 'raw character')

    def test_a_signature_that_nobody_looks_at(self) -> None:
        self.patch(tags.Signer, 'has_signed', lambda *of: True)
        with texts.written() as kind:
            self.found(kind, 'forged tag')

    def test_an_answer_whose_types_nobody_looks_at(self) -> None:
        self.patch(answers, 'EDGES', {'nova': answers.EDGES['nova']})
        self.patch(sense, 'typed', lambda value: value)
        self.found(answers.KIND, 'another type')

    def test_an_option_that_is_not_named(self) -> None:
        self.patch(startup, '_explained', contextlib.nullcontext)
        with configuration.starting() as kind:
            self.found(kind, 'steal')

    def test_a_weigher_that_raises(self) -> None:
        with scheduler.working(large=10) as kind:
            self.patch(weighers, '_likely', lambda *of: 1 / 0)
            self.patch(weighers, '_neutral', lambda *of: [math.nan])
            self.found(kind, 'weight')

    def test_memory_that_nobody_looks_at(self) -> None:
        self.patch(room, '_DIMENSION', {'MEMORY_MB': Reason.DISK})
        self.found(rooms.KIND, 'disk and not ram is said')

    def test_a_place_that_is_given_twice(self) -> None:
        self.patch(room.Ledger, 'add', lambda *of: None)
        self.found(rooms.KIND, 'is planned for')

    def test_a_verdict_that_moving_never_helps(self) -> None:
        def placed(*of: Any, **how: Any) -> float:
            return -math.inf

        self.patch(moving, '_placed', placed)
        self.found(saturation.KIND, 'verdicts are wrong')
