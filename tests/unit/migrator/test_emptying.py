"""Somebody asks for a host to be emptied; see also test_emptied_host.py."""

from typing import Any

from oslotest import base

from steal_scheduler.exception import RequestRefused
from steal_scheduler.model.until import LONGEST_VALUE
from tests.unit.asking import ask, look, of_project
from tests.unit.rig import Rig

KEY = 'steal:drain:host:a'


class TestAsk(base.BaseTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.rig = Rig()
        self.rig.source.demand = dict.fromkeys('xyz', 1.0)
        self.rig.tick()

    @property
    def metadata(self) -> dict[str, str]:
        (found,) = self.rig.nova.aggregates()
        return {**found.metadata}

    def refused(self, reason: str, *args: Any, **named: Any) -> str:
        error = self.assertRaises(
            RequestRefused, ask, self.rig, *args, **named
        )
        self.assertEqual(reason, error.reason)
        return str(error)

    def test_until_it_is_done_or_stopped(self) -> None:
        rig = self.rig
        found = ask(rig, 'host_drain', host='a', reason='new\x1b[31m memory')
        self.assertEqual(
            {KEY: 'forever alice: new?[31m memory'}, self.metadata
        )
        self.assertEqual(
            '3 servers are left; emptied until somebody ends it by '
            f'{KEY} of aggregate steal-scheduler (alice: new?[31m memory)',
            found['host']['drained'],
        )
        rig.nova.change('y', locked=True)
        rig.tick(30)
        self.assertEqual({'x': 'drain'}, rig.stages())
        told = look(rig, 'host', host='a')
        why = {s['server_id']: s['reason'] for s in told['servers']}
        self.assertEqual('locked', why['y'])
        self.assertIn('1 of them on the way', told['drained'])
        hosts = {h['host']: h['drained'] for h in look(rig, 'hosts')['hosts']}
        self.assertEqual((None, None), (hosts['b'], hosts['c']))
        found = ask(rig, 'host_undrain', host='a', reason='later')
        self.assertIsNone(found['host']['drained'])
        self.assertEqual({}, self.metadata)
        rig.tick(30, times=5)
        self.assertEqual({}, rig.stages())

    def test_for_a_while(self) -> None:
        rig = self.rig
        ask(rig, 'host_drain', host='a', until='2030-01-01T00:00:00Z')
        self.assertEqual({KEY: '2030-01-01T00:00:00Z alice'}, self.metadata)
        # Another order takes its place, also a shorter one.
        ask(rig, 'host_drain', host='a', until='2029-01-01T00:00:00Z')
        self.assertEqual({KEY: '2029-01-01T00:00:00Z alice'}, self.metadata)

    def test_what_is_over_is_removed_and_what_is_unclear_is_not(self) -> None:
        rig = self.rig
        for key, value in (
            ('steal:drain:host:b', '1970-01-01T00:00Z'),
            ('steal:drain:host:c', 'soon'),
            ('steal:pause:host:c', 'true'),
            ('steal:drain:host:A', 'true'),
        ):
            rig.nova.pause(key, value)
        ask(rig, 'host_drain', host='a', reason='x' * 200)
        self.assertEqual(
            {
                'steal:drain:host:A',
                'steal:drain:host:c',
                'steal:pause:host:c',
            },
            {*self.metadata},
        )
        self.assertTrue(
            all(len(v) <= LONGEST_VALUE for v in self.metadata.values())
        )
        ask(rig, 'host_undrain', host='a')
        self.assertNotIn('steal:drain:host:A', self.metadata)

    def test_what_is_refused(self) -> None:
        said = self.refused('not_found', 'host_drain', host='nope')
        self.assertIn('Nova knows no host nope', said)
        said = self.refused('not_found', 'host_undrain', host='a')
        self.assertIn('Nobody has ordered that host a be emptied', said)
        self.refused('invalid', 'host_drain')
        self.refused('invalid', 'host_drain', host='a', until='soon')
        self.refused('invalid', 'host_drain', of_project('ops'), host='a')
        self.assertEqual([], self.rig.nova.aggregates())
