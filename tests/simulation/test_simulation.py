import dataclasses
import pathlib

import fixtures
from oslotest import base

from steal_scheduler.model.move import Stage
from tests.simulation import events, invariants, run
from tests.simulation.events import Dies, DiesAtLine, Forges, Tick
from tests.simulation.run import Run
from tests.simulation.world import Setting, World


class SimulationTest(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def play(self, *events: object, **setting: object) -> run.Ended:
        known = dataclasses.replace(Setting(), **setting)  # type: ignore[arg-type]
        return run.play(Run(known, events), self.directory)  # type: ignore[arg-type]


class TestSimulation(SimulationTest):
    def test_servers_are_moved(self) -> None:
        """A proof about a migrator that does nothing would be worth nothing.

        Each orchestrator drains one and takes it back.
        """
        for letter in 'kclhsx':
            ended = self.play(*[Tick()] * 9, letters=(letter,) * 8)
            self.assertEqual('', ended.violation)
            self.assertLessEqual(1, ended.counts['completed'], letter)

    def test_a_seed_has_one_course(self) -> None:
        one, other = (run.play(run.drawn(7), self.directory) for _ in range(2))
        self.assertEqual(one, other)

    def test_a_migrator_dies_at_each_effect(self) -> None:
        """In all of one move, right before and right after it."""
        after = died = 0
        while died == 2 * after:
            for before in (True, False):
                ended = self.play(Dies(after, before), *[Tick()] * 6)
                self.assertEqual('', ended.violation, (after, before))
                died += ended.counts['died']
            after += 1
        self.assertLess(10, died)

    def test_a_migrator_dies_at_any_line(self) -> None:
        """Of each tick of one move; one line in so many, and each in turn."""
        for ticks in range(5):
            line = ticks
            died = 1
            while died:
                happens = [*[Tick()] * ticks, DiesAtLine(line), *[Tick()] * 6]
                ended = self.play(*happens, letters=('sk',) * 8)
                self.assertEqual('', ended.violation, (ticks, line))
                died = ended.counts['died']
                line += 211

    def test_two_that_both_lead_by_mistake(self) -> None:
        """Each ends what the other one began; some of it gets through."""
        completed = 0
        for first in range(4):
            ended = self.play(
                *[Tick()] * first,
                *[Tick(3), Tick()] * 8,
                standby=True,
                apart=True,
            )
            self.assertEqual('', ended.violation)
            completed += ended.counts['completed']
        self.assertLessEqual(1, completed)

    def test_at_rest_nothing_may_be_left(self) -> None:
        """What is not seen would be believed."""
        world = World(Setting(), self.directory)
        self.assertEqual([], [*invariants.at_rest(world)])
        for name, server in (('kube', 0), ('consul', 1)):
            place = world.places[name]
            place.take_out(world.ids[server])
            place.others.clear()
        world.nova.change(world.ids[2], tags=('steal:undo:1',))
        self.assertEqual(3, len([*invariants.at_rest(world)]))

    def test_policies_by_which_nothing_begins(self) -> None:
        """Whatever happens meanwhile; without them something does."""
        begun = 0
        for seed in range(12):
            known = run.drawn(seed)
            for still in (
                (),
                ('steal:dry_run', 'true'),
                ('steal:priority', 'never'),
                ('steal:approval', 'true'),
                ('steal:window', 'not 2000-01-01T00:00/2999-01-01T00:00'),
            ):
                setting = dataclasses.replace(
                    known.setting, still=(still,) if still else ()
                )
                played = dataclasses.replace(known, setting=setting)
                ended = run.play(played, self.directory)
                self.assertEqual('', ended.violation, (seed, still))
                begun += ended.counts['begun']
        self.assertLess(10, begun)

    def test_hosts_that_are_emptied(self) -> None:
        """Whatever happens meanwhile; nothing begins once it is stopped."""
        completed = 0
        for seed in range(16):
            known = run.drawn(seed, events.EMPTYING)
            setting = dataclasses.replace(known.setting, idle=True)
            played = Run(setting, (events.Empties('a'), *known.events))
            ended = run.play(played, self.directory)
            self.assertEqual('', ended.violation, seed)
            completed += ended.counts['completed']
        self.assertLess(3, completed)

    def test_a_host_of_five_is_emptied(self) -> None:
        """By five migrators, each of which dies in a move."""
        happens = [events.Empties('a')]
        for after in range(5):
            happens += [Dies(after, before=False), *[Tick()] * 8]
        ended = self.play(*happens, idle=True, crowded=5)
        self.assertEqual('', ended.violation)
        self.assertLessEqual(5, ended.counts['completed'])


class TestShrinking(base.BaseTestCase):
    def test_it_finds_what_matters(self) -> None:
        wanted = Dies(3, before=True)
        events = (*[Tick()] * 20, wanted, *[Tick(3)] * 9, wanted)
        found = run.shrunk(
            Run(Setting(standby=True), events),
            lambda r: r.events.count(wanted) == 2,
        )
        self.assertEqual(Run(Setting(), (wanted, wanted)), found)

    def test_it_can_be_pasted(self) -> None:
        known = Run(Setting(), (Forges(-1, Stage.DRAIN, None), Tick()))
        self.assertEqual(known, eval(run.as_python(known)))
