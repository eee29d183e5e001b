import dataclasses
import time

import prometheus_client
from oslotest import base

from steal_scheduler.decision.decide import NOTHING
from steal_scheduler.decision.host_checks import HostCheck, UnreliableHost
from steal_scheduler.model.host_view import HostView, Tier, View
from steal_scheduler.model.move import Move, Outcome, Stage
from steal_scheduler.model.progress import Copied, progress
from steal_scheduler.model.proposal import Proposal, Vote
from steal_scheduler.model.refusal import Reason, Refusal, Saturation
from steal_scheduler.model.relief import Relief
from steal_scheduler.model.until import iso
from steal_scheduler.reporting.metrics import MOST_NAMED, Metrics
from tests.samples import sample
from tests.unit.make import (
    NOW,
    ended,
    finding,
    fleet,
    migration,
    move,
    rules,
    scheduler,
    server,
    snapshot,
)


class TestMetrics(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.metrics = Metrics()

    def value(self, name: str, /, **labels: str) -> float:
        return sample(self.metrics, name, labels)

    def test_ticks(self) -> None:
        self.metrics.tick_done(time.time() - 100, 0.2)
        self.assertEqual(1.0, self.value('ticks_total'))
        self.assertAlmostEqual(0.2, self.value('tick_duration_seconds_sum'))
        age = time.time() - self.value('last_tick_timestamp_seconds')
        self.assertTrue(100 <= age < 160, age)

    def test_requests_to_nova(self) -> None:
        sent = [3]
        self.metrics = Metrics(lambda: sent[0], lambda: 2)
        self.assertEqual(3.0, self.value('nova_requests_total'))
        self.assertEqual(2.0, self.value('nova_unreadable_rows_total'))
        sent[0] = 5
        self.assertEqual(5.0, self.value('nova_requests_total'))

    def test_moves_that_are_over(self) -> None:
        copy = progress(None, Copied(4096.0, 0.0), NOW)
        costly = move(drained_at=NOW - 90, progress=copy)
        self.metrics.move_ended(ended())
        self.metrics.move_ended(ended(move=costly))
        counts = {o: self.value('moves_total', outcome=o) for o in Outcome}
        self.assertEqual(
            {Outcome.HELPED: 2.0}, {k: v for k, v in counts.items() if v}
        )
        # Of the first nobody knows what it has cost.
        for name, expected in (
            ('copied_bytes_total', 4096.0 * 1024**2),
            ('out_of_service_seconds_total', 90.0),
        ):
            self.assertEqual(expected, self.value(name, outcome='helped'))
        # Every outcome is there from the start, or its first is not seen.
        text = self.scrape()
        for name in ('moves', 'copied_bytes', 'out_of_service_seconds'):
            for outcome in Outcome:
                sample = f'steal_migrator_{name}_total{{outcome="{outcome}"}}'
                self.assertIn(sample, text)

    def test_moves_of_the_last_hour(self) -> None:
        made = move(target='b', reason='it waits')
        for age, shown in ((3599.0, 1.0), (3600.0, 0.0)):
            over = ended(move=made, at=NOW - age)
            self.show(ended={'s': over})
            at = iso(NOW - age)
            found = self.value(
                'move_info',
                server='s',
                name='name of s',
                project='',
                zone='az1',
                source='a',
                target='b',
                reason='it waits',
                outcome='helped',
                asked_by='',
                ended=at,
            )
            self.assertEqual(shown, found)

    def test_what_a_move_has_brought(self) -> None:
        """What nobody has measured is absent."""
        over = ended(
            move=move(target='b', steal_before=0.5, drained_at=NOW - 90),
            steal_after=0.0,
            relief=Relief(NOW, -12.5, 900.0, over=True),
        )
        self.show(ended={'s': over})
        of_it = {'server': 's', 'ended': iso(NOW)}
        for name, value in (
            ('steal_before_ratio', 0.5),
            ('steal_after_ratio', 0.0),
            ('out_of_service_seconds', 90.0),
            ('relief_core_seconds', -12.5),
        ):
            self.assertEqual(value, self.value(f'move_{name}', **of_it))
        self.assertNotIn('steal_migrator_move_copied_bytes{', self.scrape())

    def test_who_waits_most(self) -> None:
        """Of very many only the first are named."""
        found = tuple(
            finding(f's{n}', steal=n / 100, host='a') for n in range(30)
        )
        decided = dataclasses.replace(NOTHING, findings=found)
        self.metrics.show(snapshot(fleet(server('s29'))), decided)
        name = 'contended_server_steal_ratio'
        worst = self.value(
            name, **{'server': 's29', 'name': 'name of s29', 'host': 'a'}
        )
        self.assertEqual(0.29, worst)
        self.assertEqual(
            MOST_NAMED, self.scrape().count(f'steal_migrator_{name}{{')
        )

    def test_open_approvals(self) -> None:
        one = Proposal('s', 'a', 'it waits', NOW, NOW + 60)
        no = one.answered(Vote.REJECTED, 'alice', NOW)
        self.show(approvals={'s': one, 'x': no})
        self.assertEqual(1.0, self.value('open_approvals'))

    def test_what_may_be_copied(self) -> None:
        self.show(rules=rules(copy_rate=2.0))
        self.assertEqual(2.0 * 1024**2, self.value('copy_rate_bytes'))

    def show(self, *in_flight: Move, **values: object) -> None:
        self.metrics.show(snapshot(None, *in_flight, **values))

    def test_moves_in_flight(self) -> None:
        self.show(move('x'), move('y'), move(stage=Stage.UNDO))
        self.assertEqual(2.0, self.value('moves_in_flight', stage='drain'))
        self.show()
        self.assertEqual(0.0, self.value('moves_in_flight', stage='drain'))
        self.assertIn(
            'steal_migrator_moves_in_flight{stage="verify"} 0.0', self.scrape()
        )

    def test_migrations_of_others(self) -> None:
        theirs = [
            migration(migration_id=n, user_id=user)
            for n, user in enumerate(('us', 'them', 'them'))
        ]
        self.metrics.show(snapshot(fleet(migrations=tuple(theirs))))
        self.assertEqual(2.0, self.value('foreign_migrations'))
        self.metrics.show(None)
        self.assertEqual(0.0, self.value('foreign_migrations'))

    def test_refusals(self) -> None:
        no = Refusal(Reason.COOLDOWN, '', 's')
        self.metrics.show(None, refusals=[no, no])
        self.assertEqual(2.0, self.value('refusals', reason='cooldown'))
        self.show()
        self.assertIn(
            'steal_migrator_refusals{reason="cooldown"} 0.0', self.scrape()
        )

    def test_saturation_goes_away(self) -> None:
        short = (Saturation('az1', 2.5),)
        decided = dataclasses.replace(NOTHING, saturations=short)
        self.metrics.show(None, decided)
        self.assertEqual(
            2.5, self.value('saturated_cores', zone='az1', scarce='cores')
        )
        self.show()
        self.assertNotIn('az1', self.scrape())

    def test_hosts(self) -> None:
        hosts = {
            'a': HostView(Tier.HOT, 0.25, 20.0, 16.0),
            'b': HostView(Tier.UNKNOWN),
        }
        self.show(view=View(NOW, hosts, {}, {}))
        self.assertEqual(1.0, self.value('hosts', tier='hot'))
        self.assertEqual(0.0, self.value('hosts', tier='cold'))
        self.assertEqual(0.25, self.value('host_steal_ratio', host='a'))
        self.assertNotIn('host="b"', self.scrape())
        self.show()
        self.assertNotIn('host="a"', self.scrape())

    def test_schedulers(self) -> None:
        told = scheduler('one', heard_at=NOW - 400, recent=False)
        self.show(schedulers={'one': told, 'two': scheduler('two')})
        self.assertEqual(1.0, self.value('schedulers'))
        for host, at in (('one', NOW - 400), ('two', NOW)):
            name = 'view_acknowledged_timestamp_seconds'
            self.assertEqual(at, self.value(name, host=host))
        self.metrics.show(None)
        self.assertEqual(0.0, self.value('schedulers'))
        self.assertNotIn('host="one"', self.scrape())

    def test_unreliable_hosts(self) -> None:
        found = {
            name: UnreliableHost(name, HostCheck.FLAT_WAIT, '')
            for name in 'ab'
        }
        self.show(unreliable=found)
        self.assertEqual(
            2.0, self.value('unreliable_hosts', reason='flat_wait')
        )
        self.show()
        for reason in HostCheck:
            line = f'steal_migrator_unreliable_hosts{{reason="{reason}"}} 0.0'
            self.assertIn(line, self.scrape())

    def test_every_label_is_there_from_the_start(self) -> None:
        """Or the first value of one is not seen to have risen."""
        text = self.scrape()
        for label, kinds in (
            ('stage', Stage),
            ('reason', Reason),
            ('reason', HostCheck),
        ):
            for kind in kinds:
                self.assertIn(f'{{{label}="{kind}"}} 0.0', text)

    def scrape(self) -> str:
        return prometheus_client.generate_latest(
            self.metrics.registry
        ).decode()
