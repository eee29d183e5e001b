"""Runs that were wrong once, as the search has shrunk them.

Each of them fails with the product as it was or, where that was right, with
the invariant as it was. What the search prints can be pasted here as it is.
"""

from steal_scheduler.model.move import Stage
from tests.simulation import run
from tests.simulation.events import (
    CellDown,
    Changes,
    Deleted,
    Demand,
    Dies,
    DiesAtLine,
    Down,
    Forges,
    Moves,
    NovaIs,
    Restarts,
    Stops,
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

    def test_a_reattach_arrives_after_the_next_drain(self) -> None:
        """The receiver put a server into service that was migrated."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('hk', 'h', 'h', 'kh', 'hk', 'x', 'k', 'h'),
                    crowded=5,
                    lists=False,
                ),
                (
                    Trouble('hook', 0, 'late'),
                    Forges(4, Stage.REQUEST, 0),
                    Tick(3),
                    Tick(3),
                    Tick(3),
                ),
            )
        )

    def test_the_leader_before_asks_for_a_reattach(self) -> None:
        """It stood still meanwhile; the receiver did not tell them apart."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('s', 'h', 'h', 'h', 's', 'sh', 'x', 'x'),
                    standby=True,
                    store='etcd',
                ),
                (
                    Stops(4, 31, 3),
                    DiesAtLine(1401),
                    Dies(3, before=False),
                    Tick(31),
                    Stops(4, 31, 2),
                    Tick(31),
                    Forges(0, Stage.REATTACH, 9_999_999_999),
                    Tick(31),
                    Tick(31),
                    Tick(200),
                ),
            )
        )

    def test_an_operator_ends_what_he_has_begun(self) -> None:
        """His migration went on for ever, and ours is to abort ours alone."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('sc', 'c', 'x', 'c', 'c', 's', 'c', 'c'),
                    crowded=5,
                ),
                (
                    Tick(31),
                    Tick(31),
                    Tick(31),
                    Down('nova', down=True),
                    Tick(31),
                    Tick(31),
                    Moves(4),
                    NovaIs(end='', choosing=2.0, raises=True),
                ),
            )
        )

    def test_a_tag_outlasts_the_way_back(self) -> None:
        """Nova did not tell of a server that was back, which takes no slot."""
        self.assert_passes(
            Run(
                Setting(options=(('limits.slots', '1'),)),
                (
                    Tick(31),
                    Tick(31),
                    Restarts(),
                    Tick(10),
                    Tick(3),
                    Tick(65),
                    Trouble('nova', 2, 'unheard'),
                    Tick(65),
                ),
            )
        )

    def test_a_late_reattach_is_told_of(self) -> None:
        """By a tag that leads back: the server was in service."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('k', 'kh', 'kh', 'h', 'kh', 'kh', 'h', 'k'),
                    crowded=5,
                    options=(('limits.slots', '1'),),
                ),
                (
                    Tick(10),
                    Tick(31),
                    Tick(10),
                    Forges(5, Stage.DRAIN, 0),
                    Moves(1),
                    Stops(2, 70, 1),
                    Trouble('hook', 0, 'slow'),
                    Tick(700),
                    Tick(10),
                ),
            )
        )

    def test_a_forged_tag_is_at_one_that_has_arrived(self) -> None:
        """It counted as one that leaves the host that it had come to."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('c', 'l', 'x', 'l', 'cl', 'x', 'c', 'c'),
                    crowded=3,
                    options=(
                        ('limits.slots', '3'),
                        ('limits.max_unavailable', '1'),
                    ),
                ),
                (
                    Tick(3),
                    Dies(5, before=True),
                    Tick(31),
                    Tick(31),
                    Tick(130),
                    Moves(-1),
                    Tick(31),
                    Forges(2, Stage.REQUEST, 9_999_999_999),
                    Tick(31),
                    Restarts(),
                    Tick(10),
                    Tick(31),
                ),
            )
        )

    def test_a_leader_begins_while_a_cell_is_down(self) -> None:
        """It cannot know of what is being migrated there."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('c', 'hs', 's', 's', 'cs', 'c', 'h', 's'),
                    options=(
                        ('limits.slots', '3'),
                        ('limits.copy_rate', '20'),
                    ),
                ),
                (
                    Tick(31),
                    Tick(31),
                    Tick(31),
                    CellDown(down=True),
                    DiesAtLine(1978),
                    NovaIs(delay=900.0, pace=2.0, end='', choosing=90.0),
                    Tick(65),
                    Demand(3, 0.1),
                    Tick(31),
                    Tick(3),
                    Tick(700),
                ),
            )
        )

    def test_a_cell_comes_back_under_another_leader(self) -> None:
        """It led a server back, whose tag was of the leader before."""
        self.assert_passes(
            Run(
                Setting(
                    letters=('c',) * 8,
                    options=(('limits.max_unavailable', '1'),),
                ),
                (
                    Tick(31),
                    Tick(31),
                    Tick(31),
                    CellDown(down=True),
                    Tick(31),
                    Tick(10),
                    DiesAtLine(288),
                    Tick(3),
                    Tick(65),
                    CellDown(down=False),
                    Tick(65),
                ),
            )
        )

    def test_two_that_lead_by_mistake_have_two_witnesses(self) -> None:
        """Each removes the other's tags, and then dies: lists tell of it."""
        for seed in (701088, 707415):
            known = run.drawn(seed)
            self.assertTrue(known.setting.apart)
            self.assert_passes(known)
