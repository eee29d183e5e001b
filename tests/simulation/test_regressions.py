"""Runs that were wrong once, as the search has shrunk them.

Each of them fails with the product as it was. What the search prints can be
pasted here as it is.
"""

from steal_scheduler.model.move import Stage
from tests.simulation import run
from tests.simulation.events import (
    Changes,
    Deleted,
    Forges,
    NovaIs,
    Restarts,
    Tick,
    Trouble,
    Untags,
)
from tests.simulation.run import Run
from tests.simulation.test_simulation import SimulationTest
from tests.simulation.world import Setting


class TestRegressions(SimulationTest):
    def assert_passes(self, known: Run) -> None:
        self.assertEqual('', run.play(known, self.directory).violation)

    def test_a_tag_is_forged_while_it_is_copied(self) -> None:
        """A new process believed the tag, and put the server into service."""
        for stage in Stage:
            self.assert_passes(
                Run(
                    Setting(
                        letters=('c', 'kc', 'kc', 'cs', 's', 'c', 'h', 'x')
                    ),
                    (
                        Tick(10),
                        Tick(31),
                        Tick(10),
                        Restarts(),
                        Forges(-1, stage, 9_999_999_999),
                        Tick(3),
                    ),
                )
            )

    def test_a_tag_is_removed_while_it_is_copied(self) -> None:
        """A new process did not know of it, and began one more than slots."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('s', 'k', 'k', 'x', 'x', 's', 'k', 'k'),
                    crowded=5,
                ),
                (Tick(31), Tick(3), Restarts(), Untags(4), Tick(3)),
            )
        )

    def test_a_migration_hangs_while_nobody_looks(self) -> None:
        """It was given up without a request to abort it."""
        self.assert_passes(
            Run(
                Setting(letters=('l', 'x', 'h', 'l', 'h', 'l', 'h', 'sl')),
                (
                    Tick(3),
                    NovaIs(pace=90.0, end=''),
                    Tick(3),
                    Tick(10),
                    Restarts(),
                    Tick(10),
                    Tick(800),
                    Tick(31),
                ),
            )
        )

    def test_nobody_answers_for_a_deleted_server(self) -> None:
        """Its weight in a pool stayed at 0: that is asked for once only."""
        self.assert_passes(
            Run(
                Setting(letters=('lk', 'x', 'kl', 'l', 'k', 'k', 'l', 'kl')),
                (
                    Tick(31),
                    Tick(31),
                    Tick(31),
                    Deleted(2),
                    Restarts(),
                    Trouble('lb', 3, 'lost'),
                    Trouble('lb', 4, 'lost'),
                    Trouble('lb', 5, 'lost'),
                    Tick(31),
                    Tick(31),
                ),
            )
        )

    def test_the_first_reading_of_nova_fails_in_its_middle(self) -> None:
        """Its first half was believed when the second half was read later."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('h',) * 8,
                    options=(
                        ('limits.slots', '3'),
                        ('limits.slots_per_source', '1'),
                        ('limits.max_unavailable', '1'),
                    ),
                ),
                (
                    Trouble('nova', 1, 'refused'),
                    Tick(31),
                    Changes(1, 'status', 'SHUTOFF'),
                    Tick(31),
                ),
            )
        )
