import dataclasses

from oslotest import base

from steal_scheduler.decision import decide as decision
from steal_scheduler.decision.decide import Rules
from steal_scheduler.decision.detector import DetectRules
from steal_scheduler.decision.host_checks import Doubt, TrustRules
from steal_scheduler.decision.host_load import survey
from steal_scheduler.decision.host_trust import Distrust
from steal_scheduler.decision.limits import LimitRules
from steal_scheduler.decision.planner import PlanRules
from steal_scheduler.decision.snapshot import World
from steal_scheduler.decision.thresholds import HeatRules
from steal_scheduler.decision.usable_signals import Evidence
from steal_scheduler.model.refusal import Refusal, Why
from tests.unit.make import NOW, fleet, migration, server, signal, signals

RULES = Rules(
    HeatRules(),
    DetectRules(polls_suffering=1, polls_window=1),
    PlanRules(),
    LimitRules(slots_per_source=2, shared_storage=True),
    TrustRules(),
)


def world(*servers, migrations=(), seen='xyz', **values):
    """x and y (4 cores each) and z (4) share the 8 cores of a."""
    known = servers or tuple(server(s) for s in 'xyz')
    fleet_now = fleet(*known, migrations=migrations)
    usable = signals(
        *(signal(s, used=8 / 3, waited=4 / 3) for s in seen),
        hosts=dict.fromkeys('abc', 8.0),
    )
    known = Evidence(usable, {})
    return World(
        now=NOW,
        fleet=fleet_now,
        known=known,
        view=survey(known, fleet_now, {}, RULES.heat),
        moves={},
        ended={},
        ours=migrations,
        **values,
    )


def decide(some, rules=RULES):
    return decision.decide(some, {}, rules)


class TestDecide(base.BaseTestCase):
    def test_one_of_three_leaves(self):
        made = decide(world())
        self.assertEqual(3, len(made.findings))
        self.assertEqual(['x'], [m.server_id for m in made.admitted])
        self.assertEqual(
            {('y', Why.SPARED), ('z', Why.SPARED)},
            {(r.server_id, r.why) for r in made.refusals},
        )
        self.assertEqual(100.0, made.coverage)
        self.assertEqual({'x', 'y', 'z'}, set(made.watches))

    def test_who_may_not_move_is_passed_over(self):
        made = decide(
            world(server('x', locked=True), server('y'), server('z'))
        )
        self.assertEqual(['y'], [m.server_id for m in made.admitted])
        self.assertIn(
            ('x', Why.LOCKED), {(r.server_id, r.why) for r in made.refusals}
        )

    def test_what_holds_holds_everybody(self):
        made = decide(world(seen='xy'))
        self.assertEqual((), made.admitted)
        self.assertEqual(Why.COVERAGE, made.refusals[0].why)
        self.assertEqual(2, len(made.findings))
        self.assertEqual(200 / 3, made.coverage)

    def test_after_the_breaker_one_is_tried(self):
        failed = tuple(
            migration(
                'other', migration_id=n, status='error', created_at=NOW - at
            )
            for n, at in enumerate((1801, 1802, 1803))
        )
        # Two have to leave.
        rules = dataclasses.replace(RULES, plan=PlanRules(relief_demand=60))
        roomy = world()
        self.assertEqual(2, len(decide(roomy, rules).admitted))
        half_open = dataclasses.replace(roomy, ours=failed)
        made = decide(half_open, rules)
        self.assertEqual(1, len(made.admitted))
        self.assertIn(Why.SLOT_CLOUD, {r.why for r in made.refusals})

    def test_who_is_not_believed_is_told(self):
        distrust = {'b': Distrust('b', Doubt.STALE, 'nobody tells of it')}
        some = world()
        known = dataclasses.replace(some.known, distrust=distrust)
        made = decide(dataclasses.replace(some, known=known))
        self.assertEqual(distrust, made.distrust)

    def test_blind(self):
        trouble = Refusal(Why.SIGNALS, 'no answer')
        made = decision.blind(trouble)
        self.assertEqual(
            ((trouble,), (), {}), (made.refusals, made.findings, made.watches)
        )
