from typing import Any

from steal_scheduler.decision.demand_log import MOST, TRIES
from steal_scheduler.decision.joint_past import LEAST
from tests.samples import sample
from tests.unit.make import server
from tests.unit.migrator.test_service import MigratorTest
from tests.unit.rig import Rig


class TestRecall(MigratorTest):
    """x, y and z are contended on a; t is on b, and u on c.

    b is idle now, and was full before.
    """

    def rig(self, before: int, **options: Any) -> Rig:
        """:param before: samples of the past that are known"""
        rig = Rig(**options)
        for name, host in (('t', 'b'), ('u', 'c')):
            rig.nova.servers[name] = server(name, host=host, vcpus=8)
        rig.overload()
        rig.source.demand['u'] = 2.0
        rig.source.before = [{'t': 7.9, 'u': 2.0}] * before
        return rig

    def best(self, rig: Rig) -> str:
        """Where nova-scheduler is told to move x to."""
        first, *_ = rig.sender.views[-1].rankings.of['x'].best
        return ' '.join(first)

    def test_a_new_leader_knows_the_past_at_once(self) -> None:
        # That of now is one more.
        for before, best in ((LEAST - 2, 'b'), (LEAST - 1, 'c')):
            # A tenth of the interval is for reading it.
            rig = self.rig(before, poll_interval=3600.0)
            rig.tick()
            self.assertEqual({'x': 'drain'}, rig.stages())
            self.assertEqual(best, self.best(rig), before)
            self.assertEqual(before + 1, rig.source.reads_past)

    def test_one_sample_a_poll_at_least(self) -> None:
        rig = self.rig(100, poll_interval=0.0)
        rig.tick(times=LEAST)
        self.assertEqual(LEAST, rig.source.reads_past)

    def test_no_more_than_is_missing(self) -> None:
        rig = self.rig(100, poll_interval=0.0)
        rig.tick(times=MOST + 3)
        self.assertLess(rig.source.reads_past, MOST)

    def test_what_is_not_kept_is_not_asked_for_again_and_again(self) -> None:
        rig = self.rig(0)
        rig.tick(times=TRIES + 2)
        self.assertEqual(TRIES, rig.source.reads_past)
        self.assertEqual(TRIES + 2, sample(rig.metrics, 'ticks_total'))
        said = self.log.output.count('is not known: that is not kept')
        self.assertEqual(1, said)

    def test_a_source_that_does_not_answer_for_a_moment(self) -> None:
        rig = self.rig(LEAST, poll_interval=0.0)
        rig.source.before = [None, *rig.source.before, None]
        rig.tick(times=2)
        rig.tick(times=LEAST - 1)
        self.assertNotIn('is not known: it does', self.log.output)
        self.assertEqual(LEAST + 1, rig.source.reads_past)
        self.assertEqual('c', self.best(rig))

    def test_who_led_before_begins_anew(self) -> None:
        rig = self.rig(0)
        rig.tick()
        rig.leader.held = False
        rig.tick()
        rig.leader.held = True
        rig.tick()
        self.assertEqual(2, rig.source.reads_past)

    def test_a_plug_in_that_fails(self) -> None:
        rig = self.rig(0)
        rig.replace(source=Failing(rig))
        rig.tick()
        self.assertEqual({'x': 'drain'}, rig.stages())
        rig.tick(times=TRIES)
        self.assertIn('is not known: KeyError', self.log.output)


class Failing:
    def __init__(self, rig: Rig) -> None:
        self.read = rig.source.read

    def read_past(self, at: float, seconds: float) -> Any:
        raise KeyError(at)
