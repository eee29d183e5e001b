import dataclasses

from oslotest import base

from steal_scheduler.decision import eligibility, limits, pauses
from steal_scheduler.decision.host_load import build_view
from steal_scheduler.decision.snapshot import Snapshot
from steal_scheduler.model import pause
from steal_scheduler.model.host_view import Tier
from steal_scheduler.model.until import iso
from tests.unit.make import (
    NOW,
    fleet,
    host_signal,
    server,
    signal,
    signals,
    snapshot,
)


def paused(now: float = NOW, **values: str) -> Snapshot:
    """A server on host a; a and b are in az1, c is in az2.

    :param values: of the metadata, by host, zone or 'cloud'
    """
    keys = {
        'cloud': 'steal:pause',
        'az1': 'steal:pause:zone:az1',
        'az2': 'steal:pause:zone:AZ2',
    }
    known = fleet(server(), hosts={'a': 'az1', 'b': 'az1', 'c': 'az2'})
    found = tuple(
        pause.read(keys.get(name, f'steal:pause:host:{name}'), value)
        for name, value in values.items()
    )
    measured = signals(
        signal(used=1.0, waited=0.0),
        hosts={name: host_signal(name) for name in 'abc'},
    )
    known = dataclasses.replace(known, pauses=found)
    return snapshot(known, now=now, measured=measured)


class TestPauses(base.BaseTestCase):
    def refused(self, found: Snapshot) -> str:
        no = eligibility.refusal('s', found)
        return f'{no.reason}: {no.detail}' if no else ''

    def test_the_cloud(self) -> None:
        ((reason, detail),) = limits.holds(paused(cloud='true'), ())
        self.assertEqual('paused', reason)
        self.assertEqual(
            'paused until somebody resumes by steal:pause of aggregate '
            'steal-scheduler; "openstack aggregate unset --property '
            'steal:pause steal-scheduler" ends it',
            detail,
        )
        # One reason is enough.
        self.assertEqual('', self.refused(paused(cloud='true')))

    def test_it_ends_by_itself(self) -> None:
        found = paused(now=NOW, cloud=iso(NOW + 60))
        for seconds, held in ((0, 1), (59, 1), (60, 0)):
            later = dataclasses.replace(found, now=NOW + seconds)
            self.assertEqual(held, len([*limits.holds(later, ())]))

    def test_where_a_server_is(self) -> None:
        for name, refused in (
            ('a', 'host a'),
            ('A', 'host A'),
            ('az1', 'zone az1'),
            ('b', ''),
            ('az2', ''),
        ):
            found = paused(**{name: 'true alice'})
            self.assertEqual([], [*limits.holds(found, ())])
            said = self.refused(found)
            self.assertEqual(bool(refused), bool(said), name)
            if refused:
                self.assertIn(f'paused: its {refused} is paused until', said)
                self.assertIn('(alice)', said)

    def test_where_it_does_not_go(self) -> None:
        """The host is not cold to our moves; a hot one stays hot."""
        for values, tier in (
            ({}, Tier.COLD),
            ({'b': 'true'}, Tier.UNKNOWN),
            ({'B': 'true'}, Tier.UNKNOWN),
            ({'b': 'false'}, Tier.COLD),
            ({'c': 'true', 'az1': 'true'}, Tier.COLD),
        ):
            view = build_view(paused(**values))
            self.assertIs(tier, view.hosts['b'].tier, values)
            self.assertEqual(tier is Tier.COLD, view.takes('b', 1.0), values)
        hot = paused(a='true')
        hot = dataclasses.replace(
            hot,
            signals=signals(
                signal(used=9.0, waited=9.0),
                hosts={name: host_signal(name) for name in 'abc'},
            ),
        )
        self.assertIs(Tier.HOT, build_view(hot).hosts['a'].tier)

    def test_what_nova_does_not_know(self) -> None:
        found = paused(cloud='true', B='true', az2='true', bb='true')
        unknown = [
            each.where
            for each in found.fleet.pauses
            if 'Nova knows no' in pauses.told(each, found)
        ]
        self.assertEqual(['host bb'], unknown)
        said = pauses.told(found.fleet.pauses[-1], found)
        self.assertTrue(said.endswith('Nova knows no host bb: check its name'))
